"""`kb reconcile`."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from kb.cli.session import out, session
from kb.reconcile import Comparison, compare
from kb.reconcile import mend as mend_all

SHOWN = 50


async def reconcile(knowledge_base: str, *, mend: bool) -> int:
    """Say what agrees and what does not; 1 where something is left to mend."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        found = await compare(s.service, scope)
        if mend and not found.agrees:
            await mend_all(s.service, scope, found)
    out.print(f"{found.agreeing:,} documents have all their chunks in the index.")
    if found.pending:
        out.print(f"{found.pending:,} are queued, under way or failed, and were not compared.")
    if found.agrees:
        return 0
    _print(found)
    if mend:
        out.print("Removed what nobody owns. What lacked its chunks is queued for the next worker.")
        return 0
    out.print(f"To mend it:  kb reconcile {escape(knowledge_base)} --mend")
    return 1


def _print(found: Comparison) -> None:
    table = Table("Document", "Chunks", "What is wrong")
    for one in found.unowned[:SHOWN]:
        table.add_row(escape(one.document.item_name), f"{one.chunks:,}", "in the index only")
    for document in found.lacking[:SHOWN]:
        table.add_row(escape(document.item_name), f"{document.chunks:,}", "not so in the index")
    out.print(table)
    left_out = len(found.unowned) + len(found.lacking) - table.row_count
    if left_out:
        out.print(f"... and {left_out:,} more")
