"""`kb migrate-store`: a knowledge base's chunks into another store, with their vectors."""

from __future__ import annotations

from uuid import UUID

from rich.markup import escape

from kb import index_builds, store_migration
from kb.cli.following import Standing, follow
from kb.cli.session import Session, out, session
from kb.store_migration import Flip
from retrieval.index import StoreName
from retrieval.scope import Scope


async def migrate_store(knowledge_base: str, store: StoreName, *, wait: bool) -> None:
    """Copy, compare the counts, and flip."""
    async with session(store=store) as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        begun = await store_migration.begin(s.service, scope, store)
        if begun is None:
            out.print(f"{escape(knowledge_base)} is in {store} already.")
            return
        if not wait:
            out.print(f"Queued index version {begun.version.number}; once it is complete, say so")
            out.print(f"again to flip: kb migrate-store {escape(knowledge_base)} {store}")
            return
        flipped: Flip | None = None
        while flipped is None:
            await _follow(s, scope, begun.version.id)
            flipped = await store_migration.flip(s.service, scope, begun.version.id)
    live, previous = flipped.live, flipped.previous
    embedded = live.state.embedded_chunks - begun.state.embedded_chunks
    out.print(
        f"{flipped.chunks:,} chunks are in {store}, {embedded:,} of them embedded anew;"
        f" index version {live.version.number} answers."
    )
    out.print(f"Go back:  kb index rollback {escape(knowledge_base)}")
    out.print(f"Clean up: kb index discard {escape(knowledge_base)} {previous.version.number}")


async def _follow(s: Session, scope: Scope, copy_id: UUID) -> None:
    """Until nothing is under way, in the copy or beside it."""

    async def look() -> Standing:
        kept = await index_builds.list_all(s.service, scope)
        copy = next(one.state for one in kept if one.version.id == copy_id)
        live = next(one.state for one in kept if one.state.is_live)
        return Standing(
            doing="Copying",
            documents=copy.documents,
            done=copy.documents - copy.pending,
            chunks=copy.chunks,
            is_over=not copy.pending and not live.pending,
        )

    await follow(s, look)
