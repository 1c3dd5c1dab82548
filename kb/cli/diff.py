"""`kb diff`: one question to two index versions, and what differs in their answers."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from rich.table import Table
from rich.text import Text

from kb import index_builds
from kb.cli.indexes import numbered
from kb.cli.search import source
from kb.cli.session import Session, fail, out, session, tell
from kb.index_builds import KeptIndex
from retrieval.passage import Passage
from retrieval.results import RetrieveResponse
from retrieval.retriever import Query
from retrieval.scope import Scope

SHOWN_CHARACTERS = 120
STYLES = {"new": "bold green", "gone": "bold red"}


async def diff(
    knowledge_base: str,
    query: str,
    *,
    number: int | None,
    alpha: float | None,
    num_results: int,
    as_json: bool,
) -> None:
    """The live version's answer beside another one's, the newest unless it is named."""
    asked = Query(text=query, num_results=num_results, alpha=alpha)
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        other = await _other(s, scope, number)
        if other.state.pending:
            tell(
                f"Index version {other.version.number} is being built:"
                f" {other.state.pending:,} documents are pending."
            )
        live_found = await s.service.retrieve(scope, asked)
        other_found = await s.service.retrieve(scope, asked, index_version_id=other.version.id)
    before, after = live_found.passages, other_found.passages
    now = [rank_of(one, after) for one in before]
    was = [rank_of(one, before) for one in after]
    if as_json:
        out.print_json(
            data={
                "query": query,
                "live": RetrieveResponse.of(live_found).model_dump(mode="json"),
                "other": RetrieveResponse.of(other_found).model_dump(mode="json"),
                "live_ranks_in_other": now,
                "other_ranks_in_live": was,
            }
        )
        return
    table = Table(show_lines=True, expand=True)
    table.add_column("", justify="right")
    table.add_column(f"Live: index version {live_found.index_version}", ratio=1)
    table.add_column(f"Index version {other_found.index_version}", ratio=1)
    for rank in range(1, max(len(before), len(after)) + 1):
        table.add_row(
            str(rank),
            _cell(before, now, rank, missing="gone", moved="moves to"),
            _cell(after, was, rank, missing="new", moved="moved from"),
        )
    out.print(table if table.row_count else "Nothing found in either.")


def rank_of(passage: Passage, among: Sequence[Passage]) -> int | None:
    """Which of them says the same, from 1: half of the shorter one's text, or more, is in both."""
    for rank, one in enumerate(among, start=1):
        if _says_the_same(passage, one):
            return rank
    return None


def _says_the_same(one: Passage, other: Passage) -> bool:
    a, b = one.citation, other.citation
    if a.document.version_id != b.document.version_id:
        return False
    shared = min(a.char_end, b.char_end) - max(a.char_start, b.char_start)
    shorter = min(a.char_end - a.char_start, b.char_end - b.char_start)
    return 2 * shared >= shorter


async def _other(s: Session, scope: Scope, number: int | None) -> KeptIndex:
    if number is not None:
        one = await numbered(s, scope, number)
        if one.state.is_live:
            fail(f"Index version {number} is the live one; name another.")
        return one
    others = [one for one in await index_builds.list_all(s.service, scope) if not one.state.is_live]
    if not others:
        fail("There is no other index version. Build one with: kb index build")
    return others[-1]


def _cell(
    passages: Sequence[Passage],
    ranks: Sequence[int | None],
    rank: int,
    *,
    missing: str,
    moved: str,
) -> Text:
    """A passage in brief, and what is otherwise in the other answer."""
    if rank > len(passages):
        return Text("")
    passage, there = passages[rank - 1], ranks[rank - 1]
    mark = missing if there is None else "" if there == rank else f"{moved} {there}"
    lines = [source(passage), Text(shorten(passage.text, SHOWN_CHARACTERS, placeholder=" ..."))]
    if mark:
        lines.insert(0, Text(mark, style=STYLES.get(mark, "bold yellow")))
    return Text("\n").join(lines)
