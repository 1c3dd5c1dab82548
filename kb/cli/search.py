"""`kb search`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kb.cli.session import fail, out, session
from retrieval.passage import Passage
from retrieval.query import Query
from retrieval.results import RetrieveResponse
from retrieval.retrieval import CandidateReport, Retrieval

FROM_STDIN = "-"


async def search(
    knowledge_bases: Sequence[str],
    question: str,
    asking: Callable[[str], Query],
    *,
    as_json: bool,
) -> None:
    """Print the passages, best first, each with its source; question by question from stdin."""
    asked = [asking(one) for one in (_questions() if question == FROM_STDIN else [question])]
    async with session() as s:
        scopes = [await s.service.find_knowledge_base(s.team, name) for name in knowledge_bases]
        for one in asked:
            found = await s.service.retrieve_from(scopes, one)
            if not as_json:
                _show(found, title=one.text if question == FROM_STDIN else None)
                continue
            answer = RetrieveResponse.of(found).model_dump_json()
            if question == FROM_STDIN:
                print(answer, flush=True)  # noqa: T201 a line each, for scripts
            else:
                out.print_json(answer)


def _questions() -> list[str]:
    """The lines of standard input that say something."""
    found = [line.strip() for line in sys.stdin if line.strip()]
    if not found:
        fail("Standard input holds no question.")
    return found


def _show(found: Retrieval, *, title: str | None) -> None:
    if title is not None:
        out.rule(Text(title, style="bold"), align="left")
    if not found.passages and not found.explanation:
        out.print("Nothing found.")
    if found.reranked and not found.reranked.applied:
        out.print(f"[yellow]Not reranked:[/] {escape(found.reranked.error or '')}")
    for rank, passage in enumerate(found.passages, start=1):
        out.print(f"[bold]{rank}[/]  [cyan]{passage.score:.3f}[/]  {source(passage)}")
        out.print(Padding(Text(passage.text), (0, 0, 1, 3)))
        if passage.parent_text is not None:
            out.print(Padding(Text(passage.parent_text, style="dim"), (0, 0, 1, 6)))
    if found.omitted:
        out.print(f"[yellow]Left out for want of room:[/] {len(found.omitted)}; see --json.")
    if found.next_cursor:
        out.print(f"[dim]More with --cursor {found.next_cursor}[/]", soft_wrap=True)
    if found.explanation:
        out.print(explained(found.explanation))


def explained(reports: Sequence[CandidateReport]) -> Table:
    """What each candidate scored in each stage, in their final order."""
    table = Table("", "Source", "Meaning", "Words", "Fused", "Reranked", "Left out, because it")
    for place, one in enumerate(reports, start=1):
        passage = one.passage
        table.add_row(
            str(place),
            source(passage),
            _ranked(one.semantic_rank, passage.semantic_score),
            _ranked(one.lexical_rank, passage.lexical_score),
            _ranked(one.fused_rank, one.fused_score),
            _ranked(one.reranked_rank, one.reranked_score),
            one.dropped or "",
        )
    return table


def _ranked(rank: int | None, score: float | None) -> str:
    """Its place in a stage, and its score."""
    if score is None:
        return ""
    return f"{'-' if rank is None else rank}  {score:.3f}"


def source(passage: Passage) -> Text:
    """File, page and section of a passage, on one line."""
    citation = passage.citation
    parts = [citation.document.item_name]
    if citation.page is not None:
        parts.append(f"page {citation.page}")
    if citation.section_path:
        parts.append(" > ".join(citation.section_path))
    return Text(", ".join(parts), style="green")


def read_filters(raw: str | None) -> dict[str, Any]:
    """The JSON object given on the command line. Ends the command where it is none."""
    if raw is None:
        return {}
    try:
        value: object = json.loads(raw)
    except json.JSONDecodeError as exc:
        fail(f"--filters is no JSON: {exc}.")
    if not isinstance(value, dict):
        fail("--filters must be a JSON object.")
    return cast("dict[str, Any]", value)
