"""A knowledge base moved to another store: copied beside the live index, counted, and flipped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from kb import index_builds
from kb.index_builds import KeptIndex
from kb.service import Service
from retrieval.errors import ServiceError
from retrieval.index import StoreName
from retrieval.scope import Scope


class CountsDiffer(ServiceError):
    """The copy does not hold as many chunks as the live index, which goes on answering. Discard it
    with `kb index discard` and begin anew; `kb reconcile` says whether the live one is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """What answers now, and what did before."""

    live: KeptIndex
    previous: KeptIndex
    chunks: int


async def begin(service: Service, scope: Scope, store: StoreName) -> KeptIndex | None:
    """The live index once more in that store, or going on where an earlier call began it.

    Documents are taken as they were parsed, and vectors as they are. None where it is there
    already. Raises `NotFound` or `StoreNotConfigured`.
    """
    kept = await index_builds.list_all(service, scope)
    live = _live(kept)
    if live.version.settings.store == store:
        return None
    settings = replace(live.version.settings, store=store)
    for one in reversed(kept):
        if one.version.settings == settings and one.source_chunking == live.source_chunking:
            await index_builds.go_on(service, scope, one)
            return one
    return await index_builds.build(service, scope, settings)


async def flip(service: Service, scope: Scope, copy_id: UUID) -> Flip | None:
    """Have the copy answer, which holds as many chunks; none while documents are under way.

    Raises `IndexNotReady` or `CountsDiffer`.
    """
    while True:
        kept = await index_builds.list_all(service, scope)
        live, copy = _live(kept), next(one for one in kept if one.version.id == copy_id)
        if live.state.pending or copy.state.pending:
            return None
        held, copied = [
            await service.store(one.version).count(scope, one.version) for one in (live, copy)
        ]
        if held == copied:
            promoted = await index_builds.promote(service, scope, copy_id)
            return Flip(live=promoted, previous=live, chunks=copied)
        if kept == await index_builds.list_all(service, scope):  # not while they were counted
            names = live.version.settings.store, copy.version.settings.store
            raise CountsDiffer(f"{names[0]} holds {held:,}, {names[1]} {copied:,}.")


def _live(kept: list[KeptIndex]) -> KeptIndex:
    return next(one for one in kept if one.state.is_live)
