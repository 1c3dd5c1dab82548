"""An indexing job's first half: what is new, changed or gone in its data sources."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import assert_never
from uuid import UUID

from ingest.errors import IngestError
from ingest.indexing import error_code
from ingest.sources.errors import ItemTooLarge
from ingest.sources.source import Failed, Found, Incomplete, Skipped, Source, Unchanged
from kb.blobs import BlobTooLarge
from kb.catalog import data_sources, documents, jobs, ledger
from kb.catalog.data_sources import DataSource
from kb.catalog.errors import NotFound
from kb.dispatch import close_job, queue_all, queue_removal
from kb.item_names import InvalidItemName, checked_item_name
from kb.queue import TRANSIENT
from kb.service import Service
from retrieval.errors import ServiceError
from retrieval.postgres import Connection, scoped
from retrieval.scope import Scope

CANCEL_SECONDS = 1.0  # between looks at whether the job was cancelled


class SameName(IngestError):
    """Another item of the data source has the same name; only the first one is indexed."""

    code = "same_name"


class UnusableName(IngestError):
    """The item's name cannot be a document's; it is empty, too long or has control characters."""

    code = "unusable_name"


class _Cancelled(Exception):
    pass


OpenSource = Callable[[DataSource], Source | None]
"""The live part for a data source; none for one that has nothing to read again."""


@dataclass(slots=True)
class _Reading:
    """What a pass over one source has come to."""

    job_id: UUID
    source: DataSource
    seen: set[str] = field(default_factory=set[str])
    names: set[str] = field(default_factory=set[str])
    items: int = 0
    is_complete: bool = True
    looked_at: float = 0.0


class Sync:
    """Reads data sources for jobs."""

    def __init__(self, service: Service, open_source: OpenSource) -> None:
        self._service = service
        self._open = open_source

    async def run(self, scope: Scope, job_id: UUID, *, is_last: bool) -> None:
        """Read the job's sources, queue what is to be indexed, mark what is gone.

        Safe to run again after a worker died over it: what was queued is known by then. With
        `is_last`, an error that may pass is entered as the source's and no longer raised.
        """
        service = self._service
        async with scoped(service.pool, scope) as conn:
            if not await jobs.start(scope, conn, job_id):
                return
            source_ids = await jobs.sources_to_read(scope, conn, job_id)
        try:
            for source_id in source_ids:
                await self._read(scope, job_id, source_id, is_last=is_last)
        except _Cancelled:
            pass
        async with scoped(service.pool, scope) as conn:
            await close_job(service.queue, scope, conn, job_id)

    async def _read(self, scope: Scope, job_id: UUID, source_id: UUID, *, is_last: bool) -> None:
        service = self._service
        async with scoped(service.pool, scope) as conn:
            await jobs.start_source(scope, conn, job_id, source_id)
            try:
                source = await data_sources.get(scope, conn, source_id)
            except NotFound:  # deleted since
                await jobs.finish_source(scope, conn, job_id, source_id, seen=0)
                return
        reading = _Reading(job_id=job_id, source=source)
        error: Exception | None = None
        try:
            live = await asyncio.to_thread(self._open, source)
            if live is not None:
                await self._take_all(scope, reading, live)
        except NotFound as exc:  # deleted while it is read
            error = exc
        except ServiceError as exc:
            if isinstance(exc, TRANSIENT) and not is_last:
                raise
            error = exc
        except TRANSIENT as exc:
            if not is_last:
                raise
            error = exc
        async with scoped(service.pool, scope) as conn:
            await self._requeue(scope, conn, reading)
            await jobs.finish_source(
                scope,
                conn,
                job_id,
                source_id,
                seen=reading.items,
                error_code=error and error_code(error),
                error=error and str(error),
            )

    async def _take_all(self, scope: Scope, reading: _Reading, live: Source) -> None:
        service, source_id = self._service, reading.source.id
        async with scoped(service.pool, scope) as conn:
            known = await data_sources.items(scope, conn, source_id)
        async with aclosing(live.items(known)) as items:
            async for item in items:
                await self._stop_if_cancelled(scope, reading)
                match item:
                    case Found():
                        await self._take(scope, reading, item)
                    case Unchanged():
                        reading.seen.add(item.key)
                        reading.items += 1
                    case Failed():
                        reading.seen.add(item.key)
                        await self._enter(scope, reading, item.key, "failed", item.error)
                    case Skipped():
                        await self._enter(scope, reading, item.key, "skipped", item.error)
                    case Incomplete():
                        reading.is_complete = False
                        await self._enter(scope, reading, "", "failed", item.error)
                    case _:
                        assert_never(item)
        if reading.is_complete:
            await self._mark_gone(scope, reading, [key for key in known if key not in reading.seen])

    async def _take(self, scope: Scope, reading: _Reading, item: Found) -> None:
        """Store an item's bytes and queue them, or say why that cannot be."""
        service = self._service
        if item.item_name in reading.names:
            await self._enter(scope, reading, item.key, "skipped", SameName(item.item_name))
            return
        reading.names.add(item.item_name)
        try:
            name = checked_item_name(item.item_name)
            blob, fetched = await service.fetch(scope, item.read())
        except InvalidItemName as exc:
            await self._enter(scope, reading, item.key, "skipped", UnusableName(str(exc)))
            return
        except BlobTooLarge as exc:
            await self._enter(scope, reading, item.key, "skipped", ItemTooLarge(str(exc)))
            return
        except IngestError as exc:
            reading.seen.add(item.key)
            await self._enter(scope, reading, item.key, "failed", exc)
            return
        async with scoped(service.pool, scope) as conn:
            await data_sources.hold(scope, conn, reading.source.id)
            added = await service.enter_document(
                scope,
                conn,
                data_source_id=reading.source.id,
                item_name=name,
                blob=blob,
                fetched=fetched,
                job_id=reading.job_id,
            )
            await data_sources.remember(
                scope,
                conn,
                reading.source.id,
                item.key,
                item.memory,
                document_id=added.document_id,
            )
        reading.seen.add(item.key)
        reading.items += 1

    async def _mark_gone(self, scope: Scope, reading: _Reading, keys: list[str]) -> None:
        """Documents that are no longer in the source are none of the knowledge base's."""
        service, source_id = self._service, reading.source.id
        async with scoped(service.pool, scope) as conn:
            await data_sources.forget_items(scope, conn, source_id, keys)
            gone = await data_sources.documents_without_item(scope, conn, source_id)
            for document_id, item_name in gone:
                await documents.mark_deleted(scope, conn, document_id)
                await queue_removal(service.queue, scope, conn, document_id=document_id)
                await jobs.enter_item(
                    scope, conn, reading.job_id, source_id, key=item_name, outcome="removed"
                )

    async def _requeue(self, scope: Scope, conn: Connection, reading: _Reading) -> None:
        """Another try for documents that no index version could take so far."""
        again = await ledger.unindexed(
            scope, conn, job_id=reading.job_id, data_source_id=reading.source.id
        )
        await queue_all(self._service.queue, scope, conn, again, reading.job_id)

    async def _enter(
        self,
        scope: Scope,
        reading: _Reading,
        key: str,
        outcome: jobs.ItemOutcome,
        error: IngestError,
    ) -> None:
        async with scoped(self._service.pool, scope) as conn:
            await jobs.enter_item(
                scope,
                conn,
                reading.job_id,
                reading.source.id,
                key=key,
                outcome=outcome,
                error_code=error_code(error),
                error=str(error),
            )

    async def _stop_if_cancelled(self, scope: Scope, reading: _Reading) -> None:
        now = time.monotonic()
        if now - reading.looked_at < CANCEL_SECONDS:
            return
        reading.looked_at = now
        async with scoped(self._service.pool, scope) as conn:
            if await jobs.is_cancelled(scope, conn, reading.job_id):
                raise _Cancelled
