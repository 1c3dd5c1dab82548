"""What the Tune view shows of a sweep: its cost, how far it is, standings, differences."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import marimo as mo

from playground.bodies import IndexVersion
from playground.looks import columns, html
from playground.measured import INDEX_BYTES
from playground.promotion import SideBySide
from playground.reasons import Differences, Explained
from playground.saved import SavedSweep
from playground.standings import Standing
from playground.sweep import Step
from playground.tuning import Plan
from retrieval.eval.question import Question
from retrieval.eval.results import COSTS
from retrieval.eval.synthetic import Written
from retrieval.results import Result, RetrieveResponse

SHOWN_SHIFTS = 10
SHOWN_CHARACTERS = 300
MINUTE = 60
WIDE = 'style="min-width: 42rem"'  # a narrow window scrolls instead of breaking words
SPACED = 'style="margin-bottom: 0.625rem"'


def hint(text: str) -> mo.Html:
    """What something is for."""
    return html(f'<p class="kb-soft">{escape(text)}</p>')


def draft_view(question: Question) -> mo.Html:
    """A question that a language model wrote, with what it quotes for an answer."""
    quotes = "".join(
        f"<p><mark>{escape(gold.quote or '')}</mark>"
        f" <span class='kb-soft'>{escape(gold.document)}</span></p>"
        for gold in question.gold
    )
    return html(f"<h3>{escape(question.question)}</h3>{quotes}")


def written_view(written: Written) -> mo.Html:
    """What became of the others."""
    return hint(
        f"Left out: {written.not_quoted:,} whose quote is not there or not unique,"
        f" {written.alike:,} like another, {written.unusable:,} unusable."
    )


def live_view(live: IndexVersion, shadow: IndexVersion) -> mo.Html:
    """Which index version answers now."""
    if live.uuid == shadow.uuid:
        said = f"Index version {live.number}, which has this setting, answers all questions."
    else:
        said = (
            f"Index version {shadow.number} is ready, with {shadow.chunks:,} chunks. Index version"
            f" {live.number} still answers all questions."
        )
    return html(f"<p>{said}</p>")


def cost_view(plan: Plan, *, price: float) -> mo.Html:
    """What it will take, before it starts."""
    cost, corpus = plan.cost, plan.lab.corpus
    facts = [
        f"<strong>About {_duration(cost.seconds)}</strong> for {len(plan.candidates):,} settings"
        f" on {len(corpus.documents):,} documents with {len(corpus.questions):,} questions.",
        f"{cost.tokens:,} tokens in {cost.texts:,} chunks to embed, {cost.answers:,} answers to"
        " measure. What settings share is embedded once, so it may be less.",
    ]
    if price:
        facts.append(f"Embedding would be charged with about {cost.money(price):,.2f}.")
    if corpus.left_out:
        facts.append(
            f"{len(corpus.left_out):,} questions are left out: {escape(corpus.left_out[0])}"
        )
    return html("".join(f"<p>{fact}</p>" for fact in facts))


def progress_view(step: Step) -> mo.Html:
    """How far it is."""
    percent = round(100 * step.done)
    return html(
        f'<p role="status">{escape(step.doing)}</p>'
        f'<progress class="kb-progress" max="100" value="{percent}"'
        f' aria-label="Progress">{percent} %</progress>'
    )


def summary_view(sweep: SavedSweep, found: Sequence[Standing]) -> mo.Html:
    """The winner, in a sentence or two."""
    best = next((one for one in found if one.measured.settled), None)
    said: list[str] = []
    if not sweep.is_over:
        said.append("This sweep was stopped, or is under way: what it found so far.")
    if best is None:
        said.append("Nothing was measured yet.")
    else:
        star = sweep.goal.star
        value = _figure(star, best.measured.figures[star])
        said.append(f"Best: <strong>{escape(best.measured.name)}</strong>, {star} {value}.")
        said.append(_against(best, star))
        if not best.keeps_limits:
            limits = ", ".join(f"{name} {value:g}" for name, value in sweep.goal.limits.items())
            said.append(f"No setting keeps the limit ({limits}); this one comes closest.")
    return html("".join(f"<p>{one}</p>" for one in said))


def standings_view(found: Sequence[Standing], *, star: str) -> mo.Html:
    """All settings as a table."""
    extra = [
        one
        for one in ("char_recall", "char_iou")
        if one != star and all(one in row.measured.figures for row in found)
    ]
    heads = ["", "Setting", star, "Against what answers now", *extra]
    heads += ["Tokens", "ms", "Index"]
    rows = "".join(_row(one, star, extra) for one in found)
    head = "".join(f"<th{_number(at > 1 and at != 3)}>{name}</th>" for at, name in enumerate(heads))
    return html(
        '<div class="kb-scroll" tabindex="0" role="region" aria-label="Settings, best first">'
        f"<table {WIDE}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        '<p class="kb-soft kb-small">Differences are with their 95 % intervals, by paired bootstrap'
        " over the questions. Milliseconds are of searching here in memory, without embedding the"
        " question; the index's size is without the database's own.</p>"
    )


def differences_view(found: Differences, *, star: str) -> mo.Html:
    """Which questions got better or worse, and why."""
    compared = found.comparison
    said = (
        f"<p>By {star}: {len(found.better):,} questions better, {len(found.worse):,} worse,"
        f" {compared.alike:,} alike.</p>"
    )
    return mo.vstack(
        [
            html(said),
            columns([_shifts("Better", found.better), _shifts("Worse", found.worse)]),
        ]
    )


def side_by_side_view(both: SideBySide, *, live: int, shadow: int) -> mo.Html:
    """The same question to both index versions."""
    return columns(
        [
            _answer(f"Live: index version {live}", both.live),
            _answer(f"New: index version {shadow}", both.shadow),
        ]
    )


def _row(one: Standing, star: str, extra: Sequence[str]) -> str:
    measured = one.measured
    figures = measured.figures
    difference = one.verdict(star)
    if one.difference is not None:
        sizes = one.difference
        difference = (
            f"{sizes.mean:+.3f} ({sizes.low:+.3f} to {sizes.high:+.3f}), {one.verdict(star)}"
        )
    cells = [
        str(one.place) if measured.settled else "",
        escape(measured.name) + ("" if one.keeps_limits else " <em>(under the limit)</em>"),
        _figure(star, figures[star]),
        difference,
        *(_figure(name, figures[name]) for name in extra),
        f"{figures['tokens']:,.0f}",
        f"{figures['latency_ms']:,.1f}",
        _bytes(figures[INDEX_BYTES]) if measured.settled else "",
    ]
    kind = "" if measured.settled else ' class="kb-soft"'
    return (
        f"<tr{kind}>"
        + "".join(f"<td{_number(at > 1 and at != 3)}>{cell}</td>" for at, cell in enumerate(cells))
        + "</tr>"
    )


def _shifts(title: str, shifts: Sequence[Explained]) -> mo.Html:
    if not shifts:
        return html(f"<h3>{title}</h3><p class='kb-soft'>None.</p>")
    items = "".join(
        f"<li {SPACED}><strong>{escape(one.shift.question)}</strong>"
        f" <span class='kb-soft'>{one.shift.before:.3f} → {one.shift.after:.3f}</span>"
        f"<br>{escape(one.why)}</li>"
        for one in shifts[:SHOWN_SHIFTS]
    )
    more = len(shifts) - SHOWN_SHIFTS
    rest = f"<p class='kb-soft'>and {more:,} more</p>" if more > 0 else ""
    return html(f"<h3>{title}</h3><ol>{items}</ol>{rest}")


def _answer(title: str, found: RetrieveResponse) -> mo.Html:
    items = "".join(_passage(place, one) for place, one in enumerate(found.results, start=1))
    return html(f"<h3>{escape(title)}</h3><ol>{items}</ol>")


def _passage(place: int, one: Result) -> str:
    text = one.text_content
    shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
    return (
        f"<li {SPACED}>{place}. <strong>{escape(one.metadata.item_name)}</strong>"
        f" <span class='kb-soft'>{one.score:.3f}</span><br>{escape(shown)}</li>"
    )


def _against(best: Standing, star: str) -> str:
    if best.difference is None:
        return "That is how the knowledge base is set now."
    one = best.difference
    said = f"{one.mean:+.4f} against now ({one.low:+.4f} to {one.high:+.4f})"
    if one.is_noise:
        return f"{said}: that may be chance; more questions would tell."
    return (
        f"{said}: {'better' if (one.mean > 0) != (star in COSTS) else 'worse'} by more than chance."
    )


def _number(is_one: bool) -> str:
    return ' class="kb-number"' if is_one else ""


def _figure(name: str, value: float) -> str:
    return f"{value:,.1f}" if name in COSTS else f"{value:.4f}"


def _bytes(size: float) -> str:
    return f"{size / 1e6:,.2f} MB"


def _duration(seconds: float) -> str:
    if seconds < MINUTE:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / MINUTE)} minutes"
