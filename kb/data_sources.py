"""Data sources of a knowledge base: added, cut otherwise, removed; each time indexed at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from ingest.indexing import StageRecord
from kb.blobs import Blob
from kb.catalog import data_sources, documents, index_versions, jobs, knowledge_bases, uploads
from kb.catalog.data_sources import DataSource, SourceKind
from kb.catalog.errors import NotFound
from kb.dispatch import close_job, queue_removal, start_next_job
from kb.index_builds import build
from kb.item_names import checked_item_name
from kb.live_sources import LiveSources
from kb.service import Service
from retrieval.index import ChunkSettings
from retrieval.postgres import Connection, scoped
from retrieval.scope import Scope, TeamScope


class DataSources:
    """What can be done with them."""

    def __init__(self, service: Service, live: LiveSources) -> None:
        self._service = service
        self._live = live

    async def check(
        self,
        scope: TeamScope,
        *,
        kind: SourceKind,
        settings: Mapping[str, Any],
        credentials: Mapping[str, str],
        chunking: ChunkSettings | None,
    ) -> None:
        """Whether it could be added to one of the team's knowledge bases.

        Raises `NotFound` for an upload that is not there, or the `IngestError` that says what is
        wrong with the settings.
        """
        self._require(kind, settings, credentials, chunking)
        if kind == "file_upload":
            async with scoped(self._service.pool, scope) as conn:
                upload = await uploads.get(scope, conn, settings["stored_object_key"])
            checked_item_name(settings["original_file_name"] or upload.file_name)

    async def create(
        self,
        scope: Scope,
        *,
        kind: SourceKind,
        settings: Mapping[str, Any],
        credentials: Mapping[str, str],
        chunking: ChunkSettings | None,
    ) -> DataSource:
        """Add one and index what it holds.

        Raises `NotFound`, or the `IngestError` that says what is wrong with the settings.
        """
        self._require(kind, settings, credentials, chunking)
        service, source_id = self._service, uuid4()
        async with scoped(service.pool, scope) as conn:
            await knowledge_bases.get(scope, conn)
            await index_versions.lock(scope, conn)
            await data_sources.create(
                scope,
                conn,
                source_id,
                kind=kind,
                settings=settings,
                credentials=self._live.vault.encrypt(credentials) if credentials else None,
            )
            if chunking is not None:
                for index in await index_versions.list_all(scope, conn):
                    await index_versions.set_source_chunking(
                        scope, conn, index.id, source_id, chunking
                    )
            live = await index_versions.live(scope, conn)
            if kind == "file_upload":
                await self._take_upload(scope, conn, source_id, settings, live.id)
            else:
                job_id = await jobs.create(scope, conn, kind="sources", index_version_id=live.id)
                await jobs.cover(scope, conn, job_id, [source_id])
                await start_next_job(service.queue, scope, conn)
            return await data_sources.get(scope, conn, source_id)

    async def list_all(
        self, scope: Scope
    ) -> list[tuple[DataSource, ChunkSettings, jobs.JobSource | None]]:
        """Each with how it is cut and how its newest job fared, oldest first.

        Raises `NotFound`.
        """
        async with scoped(self._service.pool, scope) as conn:
            live = await index_versions.live(scope, conn)
            own = await index_versions.source_chunking(scope, conn, live.id)
            newest = {one.data_source_id: one for one in await jobs.newest_by_source(scope, conn)}
            return [
                (one, own.get(one.id, live.settings.chunking), newest.get(one.id))
                for one in await data_sources.list_all(scope, conn)
            ]

    async def get(
        self, scope: Scope, data_source_id: UUID
    ) -> tuple[DataSource, ChunkSettings, jobs.JobSource | None]:
        """One of them, likewise. Raises `NotFound`."""
        for found in await self.list_all(scope):
            if found[0].id == data_source_id:
                return found
        raise NotFound(f"Data source {data_source_id}.")

    async def cut_otherwise(
        self, scope: Scope, data_source_id: UUID, chunking: ChunkSettings
    ) -> None:
        """Have its documents cut so, from the moment on at which all of them are.

        Until then they are found as they were. Raises `NotFound`.
        """
        service = self._service
        async with scoped(service.pool, scope) as conn:
            await data_sources.get(scope, conn, data_source_id)
            await data_sources.touch(scope, conn, data_source_id)
            live = await index_versions.live(scope, conn)
            own = await index_versions.source_chunking(scope, conn, live.id)
        if own.get(data_source_id, live.settings.chunking) != chunking:
            await build(
                service,
                scope,
                live.settings,
                source_chunking={data_source_id: chunking},
                promote_when_ready=True,
            )

    async def delete(self, scope: Scope, data_source_id: UUID) -> None:
        """Remove it with its documents and every blob nothing else uses. Raises `NotFound`."""
        service = self._service
        async with scoped(service.pool, scope) as conn:
            await data_sources.mark_deleted(scope, conn, data_source_id)
            await documents.mark_source_deleted(scope, conn, data_source_id)
            await queue_removal(service.queue, scope, conn, data_source_id=data_source_id)

    def _require(
        self,
        kind: SourceKind,
        settings: Mapping[str, Any],
        credentials: Mapping[str, str],
        chunking: ChunkSettings | None,
    ) -> None:
        """Raises the `IngestError` that says what is wrong with them."""
        self._live.check(kind, settings, credentials)
        if chunking is not None:
            self._service.require_llm_for(chunking)

    async def _take_upload(
        self,
        scope: Scope,
        conn: Connection,
        source_id: UUID,
        settings: Mapping[str, Any],
        index_version_id: UUID,
    ) -> None:
        """The file that came to a presigned URL is the source's one document."""
        upload = await uploads.get(scope, conn, settings["stored_object_key"])
        job_id = await jobs.create(scope, conn, kind="sources", index_version_id=index_version_id)
        await jobs.cover(scope, conn, job_id, [source_id], is_read=True)
        await self._service.enter_document(
            scope,
            conn,
            data_source_id=source_id,
            item_name=checked_item_name(settings["original_file_name"] or upload.file_name),
            blob=Blob(upload.sha256, upload.size_in_bytes),
            fetched=StageRecord(
                stage="fetch",
                started_at=datetime.now(UTC),
                seconds=0.0,
                bytes=upload.size_in_bytes,
            ),
            job_id=job_id,
        )
        await uploads.forget(scope, conn, upload.object_key)
        await close_job(self._service.queue, scope, conn, job_id)
