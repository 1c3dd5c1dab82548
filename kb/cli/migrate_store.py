"""`kb migrate-store`: a knowledge base's chunks into another store, with their vectors."""

from __future__ import annotations

from dataclasses import replace

from rich.markup import escape

from kb import index_builds
from kb.cli.indexes import follow_build
from kb.cli.session import out, session
from retrieval.index import StoreName


async def migrate_store(knowledge_base: str, store: StoreName, *, wait: bool) -> int:
    """Build the live index version once more there, compare the counts, and flip.

    Documents are taken as they were parsed, and vectors as they are. 1 when the counts differ.
    """
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        live = await s.service.index_version(scope)
        if live.settings.store == store:
            out.print(f"{escape(knowledge_base)} is in {store} already.")
            return 0
        settings = replace(live.settings, store=store)
        begun = await index_builds.build(s.service, scope, settings, promote_when_ready=not wait)
        number = begun.version.number
        if not wait:
            out.print(f"Queued index version {number}; it answers as soon as it is complete.")
            return 0
        await follow_build(s, scope, begun)
        built = await index_builds.get(s.service, scope, begun.version.id)
        before = await s.service.store(live).count(scope, live)
        after = await s.service.store(built.version).count(scope, built.version)
        if before != after or not built.state.is_ready:
            out.print(
                f"[red]{store} holds {after:,} chunks, {live.settings.store} {before:,}[/]; the"
                f" latter goes on answering. `kb jobs` and `kb job show` say why."
            )
            return 1
        await index_builds.promote(s.service, scope, begun.version.id)
    out.print(
        f"{after:,} chunks are in {store}, {built.state.embedded_chunks:,} of them embedded anew;"
        f" index version {number} answers."
    )
    out.print(f"Go back:  kb index rollback {escape(knowledge_base)}")
    out.print(f"Clean up: kb index discard {escape(knowledge_base)} {live.number}")
    return 0
