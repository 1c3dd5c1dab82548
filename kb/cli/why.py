"""`kb why`."""

from __future__ import annotations

from uuid import UUID

from rich.markup import escape
from rich.table import Table

from kb import why as use_case
from kb.cli.search import source
from kb.cli.session import out, session
from kb.why import Standing
from kb.why_body import WhyBody
from retrieval.query import Query


async def why(knowledge_base: str, query: Query, document: str, *, as_json: bool) -> None:
    """Print the verdict, and the scores that it rests on."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        found = await use_case.why(s.service, scope, query, _named(document))
    if as_json:
        out.print_json(WhyBody.of(found).model_dump_json())
        return
    out.print(f"[bold]{found.verdict}[/]: {escape(found.sentence)}", soft_wrap=True)
    if found.best is not None:
        out.print(_table(found.best, found.last))


def _named(document: str) -> UUID | str:
    """As people give it."""
    try:
        return UUID(document)
    except ValueError:
        return document


def _table(best: Standing, last: Standing | None) -> Table:
    table = Table("", "Source", "Meaning", "Words", "Fused", "Reranked")
    for title, one in (("Its best passage", best), ("The last one returned", last)):
        if one is None:
            continue
        table.add_row(
            title,
            source(one.passage),
            _ranked(one.semantic_rank, one.passage.semantic_score),
            _ranked(one.lexical_rank, one.passage.lexical_score),
            _ranked(one.fused_rank, one.fused_score),
            _ranked(one.reranked_rank, one.reranked_score),
        )
    return table


def _ranked(rank: int | None, score: float | None) -> str:
    """Its place in a stage, and its score."""
    if score is None:
        return ""
    return f"{'-' if rank is None else rank}  {score:.3f}"
