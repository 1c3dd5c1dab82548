"""What the Evaluate view shows of runs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import marimo as mo

from playground.bodies import Run, StarMetric
from playground.looks import html
from playground.tune_view import WIDE
from retrieval.eval.compare import Change, Comparison
from retrieval.eval.results import COSTS, Estimate

SHOWN_RUNS = 20
USUAL: dict[str, Any] = {
    "num_results": 10,
    "alpha": None,
    "fusion": "weighted",
    "expand": "parent",
    "filters": {},
    "reranking": None,
    "understanding": None,
    "max_tokens": None,
    "min_score": None,
    "max_per_document": None,
    "collapse_duplicates": False,
    "sub_queries": [],
    "hypothetical": None,
}


def judged_by(star: StarMetric) -> str:
    """In a sentence."""
    if star.success_threshold is None:
        return f"Runs are judged by {star.name}, without a threshold."
    word = "at most" if star.name in COSTS else "at least"
    return f"Runs are judged by {star.name}, which should be {word} {star.success_threshold:g}."


def run_name(run: Run) -> str:
    """What a run is called in a list."""
    return (
        f"{run.created_at:%Y-%m-%d %H:%M:%S}, {run.evaluation_dataset},"
        f" index version {run.index_version}, {_options(run)}"
    )


def runs_view(runs: Sequence[Run], star: StarMetric) -> mo.Html:
    """The newest ones as a table."""
    heads = ("When", "Questions", "Index version", "Asked with", star.name, "95 % interval", "")
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    rows = "".join(_row(one, star) for one in runs[:SHOWN_RUNS])
    return html(
        '<div class="kb-scroll" tabindex="0" role="region" aria-label="Runs, newest first">'
        f"<table {WIDE}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def changes_view(found: Comparison) -> mo.Html:
    """Every figure in both runs."""
    heads = ("Metric", "Before", "After", "Difference", "95 % interval", "")
    head = "".join(f"<th>{name}</th>" for name in heads)
    rows = "".join(_change(one) for one in found.changes)
    unmatched = (
        f"<p class='kb-soft'>{found.unmatched:,} questions are not in both runs.</p>"
        if found.unmatched
        else ""
    )
    return html(
        '<div class="kb-scroll" tabindex="0" role="region" aria-label="Figures of both runs">'
        f"<table {WIDE}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{unmatched}"
    )


def _row(run: Run, star: StarMetric) -> str:
    estimate = run.metrics.get(star.name)
    cells = [
        f"{run.created_at:%Y-%m-%d %H:%M}",
        escape(run.evaluation_dataset),
        str(run.index_version),
        escape(_options(run)),
        "" if estimate is None else _figure(star.name, estimate.mean),
        "" if estimate is None else _interval(star.name, estimate),
        escape(_verdict(run, star, estimate)),
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _verdict(run: Run, star: StarMetric, estimate: Estimate | None) -> str:
    if run.status != "done":
        return run.error or run.status
    least = star.success_threshold
    if estimate is None or least is None:
        return ""
    enough = estimate.mean <= least if star.name in COSTS else estimate.mean >= least
    return "good enough" if enough else "not good enough"


def _options(run: Run) -> str:
    told = [
        f"{name} {value}"
        for name, value in run.options.items()
        if value not in (USUAL.get(name), None)
    ]
    return ", ".join(told) or "usual options"


def _change(one: Change) -> str:
    name = one.metric
    verdict = "noise" if one.is_noise else "worse" if one.is_worse else "better"
    cells = [
        escape(name),
        _figure(name, one.before),
        _figure(name, one.after),
        _signed(name, one.difference),
        f"{_signed(name, one.low)} to {_signed(name, one.high)}",
        f"<span class='kb-soft'>{verdict}</span>" if one.is_noise else verdict,
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _interval(name: str, one: Estimate) -> str:
    return f"{_figure(name, one.low)} to {_figure(name, one.high)}"


def _figure(name: str, value: float) -> str:
    return f"{value:,.1f}" if name in COSTS else f"{value:.3f}"


def _signed(name: str, value: float) -> str:
    return f"{value:+,.1f}" if name in COSTS else f"{value:+.3f}"
