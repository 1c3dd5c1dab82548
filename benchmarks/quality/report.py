"""A data set's section of the results, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.quality.demands import Check
from benchmarks.quality.outcome import Outcome, TaskOutcome
from benchmarks.quality.ways import LEGS, Way
from benchmarks.yardsticks import Published

BETWEEN = " / "
NONE = "-"


def section(outcome: Outcome, checked: Iterable[Check], *, measured: str) -> str:
    """Heading, table, sources, demands, and how it was measured."""
    data_set, first = outcome.data_set, outcome.tasks[0]
    stores, metrics, headline = first.stores, first.task.metrics, first.task.headline
    cells = f"Cells hold {BETWEEN.join(stores)}. " if len(stores) > 1 else f"Store: {stores[0]}. "
    header = ["documents", "asked by", *metrics, f"{headline} against the better leg"]
    rows = [row for one in outcome.tasks for row in _rows(one)]
    rows += _published(data_set.published, metrics)
    parts = [
        f"## {data_set.title}",
        data_set.about,
        f"{cells}In brackets the 95 % interval of a difference, by paired bootstrap. The best"
        " setting was chosen on these very questions.",
        _table(header, rows),
        *_sources(data_set.published),
        *_demands(list(checked)),
        measured,
    ]
    return "\n\n".join(parts) + "\n"


def _rows(one: TaskOutcome) -> Iterator[list[str]]:
    title = one.task.title
    for way in one.task.ways:
        yield [title, way.name, *_figures(one, way), _gains(one, way)]
    if one.best is not None:
        yield [
            title,
            f"best setting: {_setting(one.best)}",
            *_figures(one, one.best),
            _gains(one, one.best),
        ]


def _setting(way: Way) -> str:
    alpha = "default" if way.alpha is None else f"{way.alpha:g}"
    return f"alpha {alpha}" + (" by ranks" if way.fusion == "reciprocal_rank" else "")


def _figures(one: TaskOutcome, way: Way) -> list[str]:
    return [
        BETWEEN.join(f"{one.mean(store, way, metric):.4f}" for store in one.stores)
        for metric in one.task.metrics
    ]


def _gains(one: TaskOutcome, way: Way) -> str:
    if way in LEGS:
        return ""
    gains = [one.against_better_leg(store, way) for store in one.stores]
    return BETWEEN.join(f"{gain.mean:+.4f} ({gain.low:+.4f}, {gain.high:+.4f})" for gain in gains)


def _published(published: Sequence[Published], metrics: Sequence[str]) -> Iterator[list[str]]:
    sources = _numbered(published)
    for one in published:
        figures = (one.figures.get(metric) for metric in metrics)
        yield [
            "published",
            f"{one.what} [{sources[one.source]}]",
            *(NONE if figure is None else f"{figure:.4f}" for figure in figures),
            "",
        ]


def _numbered(published: Sequence[Published]) -> dict[str, int]:
    names = dict.fromkeys(one.source for one in published)
    return {source: number for number, source in enumerate(names, start=1)}


def _sources(published: Sequence[Published]) -> list[str]:
    lines = [f"[{number}] {source}" for source, number in _numbered(published).items()]
    return ["  \n".join(lines)] if lines else []


def _demands(checked: Sequence[Check]) -> list[str]:
    lines = [f"- {'' if one.is_met else '**missed** '}{one.text}" for one in checked]
    return ["Demanded:", "\n".join(lines)] if lines else []


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rules = ["---", "---", *["--:"] * (len(header) - 2)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rules, *rows))
