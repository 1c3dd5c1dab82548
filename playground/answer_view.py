"""An answer with its citations, and the passages behind it with what each scored and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import marimo as mo

from playground.asking import Answer
from playground.bodies import CitedPlace
from playground.looks import html, problem
from retrieval.results import Result, ResultCandidate, RetrieveResponse

EXCERPT = 320  # characters of a passage before its rest is folded away


def places(answer: Answer) -> list[CitedPlace]:
    """What an answer cites, each place once, in the order of the text."""
    found = {one.place.uri: one.place for one in sorted(answer.citations, key=lambda one: one.end)}
    return list(found.values())


def titles(answers: Sequence[Answer]) -> list[str]:
    """What to call answers beside each other."""
    return ["Answer"] if len(answers) < 2 else ["First configuration", "Second configuration"]


def place_of(one: Result) -> CitedPlace:
    """Where a passage stands."""
    return CitedPlace(**one.citation.model_dump(), item_name=one.metadata.item_name)


def answer_view(answer: Answer, buttons: Mapping[str, object]) -> mo.Html:
    """`buttons` open cited places, by their URI; without them there are plain numbers."""
    if answer.error is not None:
        return mo.vstack([html(_text(answer, buttons)), problem(answer.error)])
    return html(f"{_text(answer, buttons)}<p class='kb-soft kb-small'>{_state(answer)}</p>")


def _text(answer: Answer, buttons: Mapping[str, object]) -> str:
    numbers = {place.uri: number for number, place in enumerate(places(answer), start=1)}
    marks: dict[int, list[str]] = {}
    for one in answer.citations:
        uri = one.place.uri
        shown = f"{buttons[uri]}" if uri in buttons else f"<sup>[{numbers[uri]}]</sup>"
        if shown not in marks.setdefault(one.end, []):
            marks[one.end].append(shown)
    pieces: list[str] = []
    position = 0
    for end in sorted(marks):
        pieces += [escape(answer.text[position:end]), *marks[end]]
        position = end
    pieces.append(escape(answer.text[position:]))
    return f'<div class="kb-answer" aria-live="polite">{"".join(pieces)}</div>'


def _state(answer: Answer) -> str:
    if not answer.is_done:
        return "Writing…" if answer.text else "Searching…"
    words = [f"{escape(answer.settings.model)}, {answer.seconds:.1f} s"]
    if answer.is_stopped:
        words.append("stopped")
    if answer.is_cut:
        words.append("cut off: allow a longer answer to read the rest")
    return "; ".join(words) + "."


def passages_view(found: RetrieveResponse, buttons: Sequence[object]) -> mo.Html:
    """Passages, best first, each with its scores as bars; `buttons` open them in their order."""
    if not found.results:
        return html(
            '<p class="kb-soft">No passage was found. Ask in other words, or loosen the filters.'
            "</p>"
        )
    known = {one.uri: one for one in found.explanation or ()}
    scales = _scales(list(known.values()))
    shown = "".join(
        _passage(number, one, known.get(one.citation.uri), scales, button)
        for number, (one, button) in enumerate(zip(found.results, buttons, strict=True), start=1)
    )
    return html(f"{_reranking(found)}{shown}{_left_out(list(known.values()))}")


def _passage(
    number: int,
    one: Result,
    report: ResultCandidate | None,
    scales: Mapping[str, tuple[float, float]],
    button: object,
) -> str:
    citation = one.citation
    page = f", page {citation.page}" if citation.page else ""
    section = " / ".join(citation.section_path)
    text = one.text_content
    rest = (
        f"<details><summary>The whole passage</summary>"
        f'<div style="white-space:pre-wrap">{escape(text)}</div></details>'
        if len(text) > EXCERPT
        else ""
    )
    parent = (
        f"<details><summary>What comes with it</summary>"
        f'<div style="white-space:pre-wrap">{escape(one.parent_chunk_text)}</div></details>'
        if one.parent_chunk_text
        else ""
    )
    excerpt = text[:EXCERPT] + ("…" if len(text) > EXCERPT else "")
    return (
        f'<article class="kb-card kb-passage" aria-label="Passage {number}">'
        f"<h3>{number}. {escape(one.metadata.item_name)}{page}</h3>"
        f'<p class="kb-soft kb-small">{escape(section)}</p><p>{escape(excerpt)}</p>{rest}{parent}'
        f"{_bars(report, scales) if report else ''}"
        f'<p class="kb-small kb-soft">{_why(report) if report else ""}</p>{button}</article>'
    )


LEGS = (
    ("Meaning", "semantic_score", "--kb-meaning"),
    ("Words", "lexical_score", "--kb-words"),
    ("Both", "fused_score", "--kb-fused"),
    ("Reranked", "reranked_score", "--kb-reranked"),
)


def _scales(candidates: Sequence[ResultCandidate]) -> dict[str, tuple[float, float]]:
    """Least and greatest of each score: they are comparable within one answer only."""
    found: dict[str, tuple[float, float]] = {}
    for _, name, _ in LEGS:
        values = [value for one in candidates if (value := getattr(one, name)) is not None]
        if values:
            found[name] = min(0.0, *values), max(values)
    return found


def _bars(report: ResultCandidate, scales: Mapping[str, tuple[float, float]]) -> str:
    rows: list[str] = []
    for title, name, colour in LEGS:
        value = getattr(report, name)
        if value is None:
            continue
        low, high = scales[name]
        share = (value - low) / (high - low) if high > low else 1.0
        rows.append(
            f"<span>{title}</span><span class='kb-track' aria-hidden='true'>"
            f"<span style='width:{share:.1%};background:var({colour})'></span></span>"
            f"<span class='kb-value'>{value:.3f}</span>"
        )
    return f'<div class="kb-bars">{"".join(rows)}</div>'


def _why(report: ResultCandidate) -> str:
    """The same in words."""
    parts = [
        f"{_ordinal(rank)} {by}" if rank else f"not among the best {by}"
        for score, rank, by in (
            (report.semantic_score, report.semantic_rank, "by meaning"),
            (report.lexical_score, report.lexical_rank, "by words"),
        )
        if score is not None  # else it was not asked for
    ]
    parts.append(f"{_ordinal(report.fused_rank)} by both together")
    if report.reranked_rank:
        parts.append(f"{_ordinal(report.reranked_rank)} after reranking")
    said = ", ".join(parts)
    return f"{said[:1].upper()}{said[1:]}."


def _reranking(found: RetrieveResponse) -> str:
    done = found.reranking
    if done is None:
        return ""
    if done.applied:
        return f'<p class="kb-soft kb-small">Reranked by {escape(done.model)}.</p>'
    return f'<p class="kb-problem">Not reranked: {escape(done.error or "")}</p>'


def _left_out(candidates: Sequence[ResultCandidate]) -> str:
    dropped = [one for one in candidates if one.dropped is not None]
    if not dropped:
        return ""
    rows = "".join(
        f"<tr><td>{escape(one.item_name)}</td><td class='kb-number'>{one.fused_rank}</td>"
        f"<td class='kb-number'>{one.fused_score:.3f}</td><td>{escape(one.dropped or '')}</td></tr>"
        for one in dropped
    )
    return (
        f"<details><summary>{len(dropped)} more were considered</summary>"
        "<div class='kb-scroll'><table><thead><tr><th>Document</th>"
        "<th class='kb-number'>Rank</th><th class='kb-number'>Score</th>"
        "<th>Why it is not above</th>"
        f"</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
