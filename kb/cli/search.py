"""`kb search`."""

from __future__ import annotations

import json
import sys
from typing import Any, cast

from rich.padding import Padding
from rich.text import Text

from kb.cli.session import fail, out, session
from retrieval.filters import parse_filter
from retrieval.passage import Passage, Retrieval
from retrieval.results import RetrieveResponse
from retrieval.retriever import Query

FROM_STDIN = "-"


async def search(
    knowledge_base: str,
    query: str,
    *,
    alpha: float,
    top_k: int,
    filters: str | None,
    as_json: bool,
) -> None:
    """Print the passages, best first, each with its source; question by question from stdin."""
    parsed = parse_filter(_read_json(filters))
    questions = _questions() if query == FROM_STDIN else [query]
    asked = [
        Query(text=question, num_results=top_k, alpha=alpha, filters=parsed)
        for question in questions
    ]
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        for one in asked:
            found = await s.service.retrieve(scope, one)
            if not as_json:
                _show(found, title=one.text if query == FROM_STDIN else None)
                continue
            answer = RetrieveResponse.of(found).model_dump_json()
            if query == FROM_STDIN:
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
    if not found.passages:
        out.print("Nothing found.")
    for rank, passage in enumerate(found.passages, start=1):
        out.print(f"[bold]{rank}[/]  [cyan]{passage.score:.3f}[/]  {source(passage)}")
        out.print(Padding(Text(passage.text), (0, 0, 1, 3)))


def source(passage: Passage) -> Text:
    """File, page and section of a passage, on one line."""
    citation = passage.citation
    parts = [citation.document.item_name]
    if citation.page is not None:
        parts.append(f"page {citation.page}")
    if citation.section_path:
        parts.append(" > ".join(citation.section_path))
    return Text(", ".join(parts), style="green")


def _read_json(raw: str | None) -> dict[str, Any] | None:
    if raw is None:
        return None
    try:
        value: object = json.loads(raw)
    except json.JSONDecodeError as exc:
        fail(f"--filters is no JSON: {exc}.")
    if not isinstance(value, dict):
        fail("--filters must be a JSON object.")
    return cast("dict[str, Any]", value)
