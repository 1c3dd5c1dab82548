"""Index versions built beside the live one, compared with it, promoted and gone back from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from ingest.chunking.settings import require_fit
from kb.catalog import index_versions, knowledge_bases, ledger
from kb.catalog.index_versions import IndexState
from kb.dispatch import close_job, queue_missing
from kb.service import Service
from retrieval.errors import ServiceError
from retrieval.index import ChunkSettings, IndexSettings, IndexVersion
from retrieval.postgres import scoped
from retrieval.scope import Scope


class IndexNotReady(ServiceError):
    """This index version does not hold every document yet; wait, or promote it with `force`."""


class NothingToRollBackTo(ServiceError):
    """No index version was live before this one, or it has been discarded."""


class IndexIsLive(ServiceError):
    """The live index version cannot be discarded; promote another one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptIndex:
    """An index version, how far it is, and what it cuts otherwise than the rest."""

    version: IndexVersion
    state: IndexState
    source_chunking: Mapping[UUID, ChunkSettings]


async def build(
    service: Service,
    scope: Scope,
    settings: IndexSettings,
    *,
    source_chunking: Mapping[UUID, ChunkSettings] | None = None,
    promote_when_ready: bool = False,
) -> KeptIndex:
    """Begin an index version with these settings; the live one goes on answering.

    Parsed documents, and vectors of chunks that stay the same under the same model, are taken over
    instead of made again. Raises `NotFound`, `InvalidChunking` or `ChunkSizeOutOfRange`.
    """
    version_id = uuid4()
    async with scoped(service.pool, scope) as conn:  # no store is asked for a typo
        live = await index_versions.live(scope, conn)
        kept = await index_versions.source_chunking(scope, conn, live.id)
    for chunking in (settings.chunking, *{**kept, **(source_chunking or {})}.values()):
        service.require_llm_for(chunking)
        require_fit(settings.embedding_model, chunking.max_chunk_size)
    version = IndexVersion(id=version_id, number=0, settings=settings)
    store = service.store(version)
    await store.create(scope, version)
    try:
        async with scoped(service.pool, scope) as conn:
            await index_versions.lock(scope, conn)
            live = await index_versions.live(scope, conn)
            version = await index_versions.create(
                scope, conn, version_id, settings, promote_when_ready=promote_when_ready
            )
            await index_versions.copy_source_chunking(scope, conn, live.id, version_id)
            for source_id, chunking in (source_chunking or {}).items():
                await index_versions.set_source_chunking(
                    scope, conn, version_id, source_id, chunking
                )
            await queue_missing(service.queue, scope, conn, version_id)
    except BaseException:
        await store.drop(scope, version)
        raise
    return await get(service, scope, version_id)


async def go_on(service: Service, scope: Scope, one: KeptIndex) -> None:
    """Have what failed in it, or was cancelled, indexed once more."""
    if one.state.documents > one.state.indexed + one.state.pending:
        async with scoped(service.pool, scope) as conn:
            await queue_missing(service.queue, scope, conn, one.version.id)


async def list_all(service: Service, scope: Scope) -> list[KeptIndex]:
    """The knowledge base's index versions, oldest first. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        await knowledge_bases.get(scope, conn)
        states = await index_versions.states(scope, conn)
        return [
            KeptIndex(
                version=one,
                state=states[one.id],
                source_chunking=await index_versions.source_chunking(scope, conn, one.id),
            )
            for one in await index_versions.list_all(scope, conn)
        ]


async def get(service: Service, scope: Scope, index_version_id: UUID) -> KeptIndex:
    """One of them. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        version = await index_versions.get(scope, conn, index_version_id)
        return KeptIndex(
            version=version,
            state=(await index_versions.states(scope, conn))[index_version_id],
            source_chunking=await index_versions.source_chunking(scope, conn, index_version_id),
        )


async def promote(
    service: Service, scope: Scope, index_version_id: UUID, *, force: bool = False
) -> KeptIndex:
    """From now on it answers the queries. Raises `NotFound` or `IndexNotReady`."""
    async with scoped(service.pool, scope) as conn:
        await index_versions.lock(scope, conn)
        await index_versions.get(scope, conn, index_version_id)
        state = (await index_versions.states(scope, conn))[index_version_id]
        if not state.is_ready and not force:
            raise IndexNotReady(
                f"{state.pending} documents are pending; {state.behind} that the live one has are"
                " not in it."
            )
        if not state.is_live:
            await index_versions.promote(scope, conn, index_version_id)
    return await get(service, scope, index_version_id)


async def roll_back(service: Service, scope: Scope) -> KeptIndex:
    """Let the one answer again that was live before.

    It has been kept up to date since. Raises `NotFound` or `NothingToRollBackTo`.
    """
    async with scoped(service.pool, scope) as conn:
        await knowledge_bases.get(scope, conn)
        await index_versions.lock(scope, conn)
        previous = await index_versions.previous(scope, conn)
        if previous is None:
            raise NothingToRollBackTo
        live = await index_versions.live(scope, conn)
        await index_versions.promote(scope, conn, previous)
        # Otherwise a second rollback would go back and forth between the two.
        await index_versions.unmark_promoted(scope, conn, live.id)
    return await get(service, scope, previous)


async def discard(service: Service, scope: Scope, index_version_id: UUID) -> None:
    """Forget an index version with its chunks. Raises `NotFound` or `IndexIsLive`."""
    async with scoped(service.pool, scope) as conn:
        await index_versions.lock(scope, conn)
        version = await index_versions.get(scope, conn, index_version_id)
        live = await index_versions.live(scope, conn)
        if live.id == index_version_id:
            raise IndexIsLive
        waiting = await ledger.open_jobs(scope, conn, index_version_id=index_version_id)
        await index_versions.discard(scope, conn, index_version_id)
        for job_id in waiting:
            await close_job(service.queue, scope, conn, job_id)
        # Before the commit: where it fails, nothing was discarded and it can be done again.
        await service.store(version).drop(scope, version)
