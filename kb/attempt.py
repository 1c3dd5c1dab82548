"""An attempt at one document version, and what of it is kept in the catalog for the next one."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import replace

from ingest.indexing import UNDECLARED, StageRecord
from ingest.metadata import Declared
from ingest.parsing import wire
from ingest.parsing.document import ParsedDocument
from kb.catalog import documents, index_versions, ledger, metadata
from kb.catalog.documents import VersionState
from kb.catalog.errors import NotFound
from kb.catalog.ledger import Place, Unindexed
from kb.service import Service
from retrieval.analysis import Language
from retrieval.errors import ServiceError
from retrieval.index import IndexVersion
from retrieval.postgres import Connection, scoped
from retrieval.scope import Scope
from retrieval.store import MetadataValue, Vector


class NoLongerWanted(ServiceError):
    """The job was cancelled, or the document deleted, while it was being indexed."""


class Attempt:
    """See `ingest.indexing.Attempt`."""

    def __init__(
        self, service: Service, scope: Scope, index: IndexVersion, state: VersionState
    ) -> None:
        self.index = index
        self.state = state
        self.document = replace(state.document, source=str(state.data_source_id))
        self.declared = UNDECLARED
        self.stages: list[StageRecord] = []
        self._service = service
        self._scope = scope
        self._place = Place(index_version_id=index.id, version_id=state.document.version_id)

    async def index_for_source(self) -> IndexVersion:
        """The index version, with the chunking that the document's data source has in it."""
        async with scoped(self._service.pool, self._scope) as conn:
            own = await index_versions.source_chunking(self._scope, conn, self.index.id)
        chunking = own.get(self.state.data_source_id, self.index.settings.chunking)
        return replace(self.index, settings=replace(self.index.settings, chunking=chunking))

    async def read_declared(self) -> Declared:
        """What the document's metadata is made from. Raises `NotFound` where it was deleted."""
        document_id = self.document.document_id
        async with scoped(self._service.pool, self._scope) as conn:
            found = await metadata.declared(self._scope, conn, document_id)
        if found is None:
            raise NotFound(f"Document {document_id}.")
        self.declared = found
        return found

    async def keep_metadata(self, values: Mapping[str, MetadataValue]) -> None:
        """Keep what it was indexed with."""
        async with scoped(self._service.pool, self._scope) as conn:
            await metadata.keep(self._scope, conn, self._place, values)

    async def missed(self, conn: Connection) -> list[Unindexed]:
        """Itself, where what its metadata is made from was changed under way."""
        document_id = self.document.document_id
        now = await metadata.declared(self._scope, conn, document_id)
        if now in (None, self.declared):
            return []
        return [Unindexed(document_id=document_id, place=self._place)]

    async def data(self) -> bytes:
        return await self._service.blobs.get(self._scope, self.state.sha256)

    async def parsed(self) -> ParsedDocument | None:
        async with scoped(self._service.pool, self._scope) as conn:
            kept = await documents.read_parsed(
                self._scope, conn, self._place.version_id, parser=self.index.settings.parser
            )
        if kept is None:
            return None
        return await asyncio.to_thread(lambda: wire.decode(zlib.decompress(kept)))

    async def keep_parsed(self, document: ParsedDocument) -> None:
        packed = await asyncio.to_thread(lambda: zlib.compress(wire.encode(document)))
        async with scoped(self._service.pool, self._scope) as conn:
            await documents.save_text(
                self._scope,
                conn,
                self._place.version_id,
                parser=self.index.settings.parser,
                text=document.text,
                parsed=packed,
            )

    async def vectors(self) -> dict[bytes, Vector]:
        scope, service = self._scope, self._service
        async with scoped(service.pool, scope) as conn:
            known = await ledger.kept_vectors(scope, conn, self._place)
            indexes = await index_versions.list_all(scope, conn)
        model = self.index.settings.embedding_model
        for index in indexes:
            if index.settings.embedding_model == model:
                known |= await service.store(index).vectors(
                    scope, index, self.state.document.document_id
                )
        return known

    async def keep_vectors(
        self, vectors: Mapping[bytes, Vector], *, chunks: int, embedded: int
    ) -> None:
        async with scoped(self._service.pool, self._scope) as conn:
            wanted = await ledger.progress(
                self._scope, conn, self._place, stage="embed", chunks=chunks, embedded=embedded
            )
            if not wanted:
                raise NoLongerWanted
            await ledger.keep_vectors(self._scope, conn, self._place, vectors)

    async def add_language(self, language: Language) -> None:
        if language not in self.index.found_languages:
            async with scoped(self._service.pool, self._scope) as conn:
                await index_versions.add_language(self._scope, conn, self.index.id, language)

    async def lines(self) -> dict[bytes, str]:
        async with scoped(self._service.pool, self._scope) as conn:
            return await documents.lines(self._scope, conn, self.state.document.document_id)

    async def keep_lines(self, lines: Mapping[bytes, str]) -> None:
        async with scoped(self._service.pool, self._scope) as conn:
            await documents.keep_lines(self._scope, conn, self.state.document.document_id, lines)

    def record(self, stage: StageRecord) -> None:
        self.stages.append(stage)

    async def undo_if_deleted(self) -> None:
        """A deletion marks the document first and then removes its chunks; see both sides of it.

        Raises `NotFound` where it was.
        """
        scope, document = self._scope, self.state.document
        async with scoped(self._service.pool, scope) as conn:
            after = await documents.version_state(scope, conn, document.version_id)
        if after is None or after.is_deleted:
            store = self._service.store(self.index)
            await store.replace(scope, self.index, document, [], [])
            raise NotFound(f"Document {document.document_id}.")
