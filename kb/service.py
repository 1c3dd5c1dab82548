"""What the service can do, one method a use case. Every door calls these and nothing below."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from ingest.chunking.settings import chunk_settings
from ingest.indexing import PARSER_VERSION
from kb.blobs import FolderBlobs
from kb.catalog import documents, keys, knowledge_bases, ledger
from kb.embedders import Embedders
from kb.item_names import checked_item_name
from kb.queue import Queue
from retrieval.embedding.models import EmbeddingModel
from retrieval.index import ChunkSettings, IndexSettings, IndexVersion
from retrieval.passage import Retrieval
from retrieval.postgres import Pool, scoped
from retrieval.retriever import LiveIndex, Query, Retriever
from retrieval.scope import Scope, TeamScope
from retrieval.store import Store

DEFAULT_STORE = "pgvector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A knowledge base with what people want to know about it."""

    knowledge_base: knowledge_bases.KnowledgeBase
    tally: documents.Tally
    last_job: ledger.IndexingJob | None


class Service:
    """The parts, wired; see `kb.wiring.open_service`."""

    def __init__(
        self,
        *,
        pool: Pool,
        stores: Mapping[str, Store],
        embedders: Embedders,
        blobs: FolderBlobs,
        queue: Queue,
    ) -> None:
        self.pool = pool
        self.stores = stores
        self.embedders = embedders
        self.blobs = blobs
        self.queue = queue
        self._retriever = Retriever(self)

    async def retrieve(self, scope: Scope, query: Query) -> Retrieval:
        """The read path. Raises `NotFound`, and `InvalidQuery` before it gets here."""
        found = await self._retriever(scope, query)
        parents = {
            number: (passage.citation.document.version_id, *passage.parent)
            for number, passage in enumerate(found.passages)
            if passage.parent is not None
        }
        if not parents:
            return found
        async with scoped(self.pool, scope) as conn:
            texts = await documents.read_spans(scope, conn, list(parents.values()))
        passages = list(found.passages)
        for number, text in zip(parents, texts, strict=True):
            passages[number] = replace(passages[number], parent_text=text)
        return replace(found, passages=tuple(passages))

    async def live_index(self, scope: Scope) -> LiveIndex:
        """What answers the scope's queries now. Raises `NotFound`."""
        version, store = await knowledge_bases.find_live_index_version(scope, self.pool)
        model = version.settings.embedding_model
        return LiveIndex(
            version=version,
            store=self.stores[store],
            embedder=self.embedders.loaded(model)
            or await asyncio.to_thread(self.embedders.get, model),
        )

    async def index_version(self, scope: Scope) -> IndexVersion:
        """The live one. Raises `NotFound`."""
        async with scoped(self.pool, scope) as conn:
            return (await knowledge_bases.live_index_version(scope, conn))[0]

    async def create_knowledge_base(
        self,
        scope: TeamScope,
        *,
        name: str,
        embedding_model: EmbeddingModel,
        chunking: ChunkSettings | None = None,
        tags: Sequence[str] = (),
        project_id: str = "",
        region: str = "",
    ) -> Overview:
        """An empty knowledge base, ready for documents and queries.

        `chunking` comes from `ingest.chunking.settings.chunk_settings`, as do its defaults. Raises
        `NameTaken`.
        """
        settings = IndexSettings(
            parser=PARSER_VERSION,
            embedding_model=embedding_model,
            chunking=chunking or chunk_settings(embedding_model),
        )
        narrow = scope.knowledge_base(uuid4())
        version = IndexVersion(id=uuid4(), number=1, settings=settings)
        store = self.stores[DEFAULT_STORE]
        # The index first: a knowledge base that can be seen can be searched and filled.
        await store.create(narrow, version)
        try:
            async with scoped(self.pool, narrow) as conn:
                await knowledge_bases.create(
                    narrow,
                    conn,
                    version,
                    name=name,
                    store=DEFAULT_STORE,
                    tags=tags,
                    project_id=project_id,
                    region=region,
                )
        except BaseException:
            await store.drop(narrow, version)
            raise
        return await self.overview(narrow)

    async def overview(self, scope: Scope) -> Overview:
        """The knowledge base, its documents counted, its last job. Raises `NotFound`."""
        async with scoped(self.pool, scope) as conn:
            return Overview(
                knowledge_base=await knowledge_bases.get(scope, conn),
                tally=await documents.tally(scope, conn),
                last_job=await ledger.latest_job(scope, conn),
            )

    async def list_knowledge_bases(
        self, scope: TeamScope, *, limit: int, offset: int
    ) -> tuple[list[Overview], int]:
        """A page of the team's knowledge bases, and how many there are in all."""
        async with scoped(self.pool, scope) as conn:
            page, total = await knowledge_bases.list_page(scope, conn, limit=limit, offset=offset)
        return [await self.overview(scope.knowledge_base(one.id)) for one in page], total

    async def find_knowledge_base(self, scope: TeamScope, name_or_id: str) -> Scope:
        """By name or id, as people give it. Raises `NotFound`."""
        async with scoped(self.pool, scope) as conn:
            try:
                narrow = scope.knowledge_base(UUID(name_or_id))
                found = await knowledge_bases.get(narrow, conn)
            except ValueError:
                found = await knowledge_bases.named(scope, conn, name=name_or_id)
        return scope.knowledge_base(found.id)

    async def update_knowledge_base(
        self,
        scope: Scope,
        *,
        name: str | None,
        tags: Sequence[str] | None,
        project_id: str | None,
    ) -> Overview:
        """Change what is given. Raises `NotFound` or `NameTaken`."""
        async with scoped(self.pool, scope) as conn:
            await knowledge_bases.update(scope, conn, name=name, tags=tags, project_id=project_id)
        return await self.overview(scope)

    async def delete_knowledge_base(self, scope: Scope) -> None:
        """Remove it with its documents, indexes and every blob nothing else uses."""
        async with scoped(self.pool, scope) as conn:
            found = await knowledge_bases.get(scope, conn)
            versions = await knowledge_bases.index_versions(scope, conn)
            blobs = await documents.blobs_of(scope, conn)
        # The index goes first: interrupted here, deleting again finishes the work.
        for version in versions:
            await self.stores[found.store].drop(scope, version)
        async with scoped(self.pool, scope) as conn:
            await knowledge_bases.delete(scope, conn)
        await self._delete_unused(scope, blobs)

    async def add_document(
        self, scope: Scope, *, item_name: str, data: AsyncIterable[bytes]
    ) -> documents.Added:
        """Store the bytes and queue them for indexing, in one transaction.

        Raises `NotFound`, `InvalidItemName` or `BlobTooLarge`.
        """
        name = checked_item_name(item_name)
        async with scoped(self.pool, scope) as conn:
            await knowledge_bases.live_index_version(scope, conn)  # nothing is stored for a typo
        blob = await self.blobs.put(scope, data)
        async with scoped(self.pool, scope) as conn:
            version, _ = await knowledge_bases.live_index_version(scope, conn)
            await documents.lock_blob(scope, conn, blob.sha256)
            await self.blobs.require(scope, blob.sha256)
            added = await documents.add(
                scope,
                conn,
                version,
                item_name=name,
                sha256=blob.sha256,
                size_in_bytes=blob.size,
            )
            if added.queued:
                await self.queue.put(
                    scope,
                    conn,
                    document_id=added.document_id,
                    version_id=added.version_id,
                    index_version_id=version.id,
                )
        return added

    async def index_again(self, scope: Scope, document: documents.Document) -> None:
        """Queue the newest version once more; what is found of it meanwhile stays."""
        async with scoped(self.pool, scope) as conn:
            index, _ = await knowledge_bases.live_index_version(scope, conn)
            await documents.queue(scope, conn, index, document.version_id)
            await self.queue.put(
                scope,
                conn,
                document_id=document.id,
                version_id=document.version_id,
                index_version_id=index.id,
            )

    async def document(self, scope: Scope, document_id: UUID) -> documents.Document:
        """Raises `NotFound`."""
        async with scoped(self.pool, scope) as conn:
            return await documents.get(scope, conn, document_id)

    async def documents(self, scope: Scope, ids: Sequence[UUID]) -> list[documents.Document]:
        """Those of the documents that still exist."""
        async with scoped(self.pool, scope) as conn:
            return await documents.list_page(scope, conn, ids=ids)

    async def find_document(self, scope: Scope, item_name: str) -> documents.Document:
        """Raises `NotFound`."""
        async with scoped(self.pool, scope) as conn:
            return await documents.named(scope, conn, item_name)

    async def list_documents(
        self, scope: Scope, *, limit: int, offset: int
    ) -> tuple[list[documents.Document], int]:
        """A page of the documents, oldest first, and how many there are in all."""
        async with scoped(self.pool, scope) as conn:
            await knowledge_bases.get(scope, conn)
            page = await documents.list_page(scope, conn, limit=limit, offset=offset)
            return page, (await documents.tally(scope, conn)).documents

    async def delete_document(self, scope: Scope, document_id: UUID) -> None:
        """Remove a document, its chunks, versions and every blob nothing else uses."""
        async with scoped(self.pool, scope) as conn:
            found = await knowledge_bases.get(scope, conn)
            document = await documents.get(scope, conn, document_id)
            await documents.mark_deleted(scope, conn, document_id)
            versions = await knowledge_bases.index_versions(scope, conn)
            blobs = await documents.blobs_of(scope, conn, document_id)
        for version in versions:
            await self.stores[found.store].replace(scope, version, document.version, [], [])
        async with scoped(self.pool, scope) as conn:
            await documents.forget(scope, conn, document_id)
        await self._delete_unused(scope, blobs)

    async def read_text(
        self, scope: Scope, document_id: UUID, version_id: UUID, *, start: int, end: int
    ) -> str:
        """The span that a citation names. Raises `NotFound`."""
        async with scoped(self.pool, scope) as conn:
            return await documents.read_text(
                scope, conn, document_id, version_id, start=start, end=end
            )

    async def create_key(self, scope: TeamScope, *, name: str) -> tuple[keys.ApiKey, str]:
        """A key and its secret, which is shown this once."""
        async with scoped(self.pool, scope) as conn:
            return await keys.create_key(scope, conn, name=name)

    async def list_keys(self, scope: TeamScope) -> list[keys.ApiKey]:
        """The team's keys, without their secrets."""
        async with scoped(self.pool, scope) as conn:
            return await keys.list_keys(scope, conn)

    async def revoke_key(self, scope: TeamScope, *, prefix: str) -> keys.ApiKey:
        """End a key at once. Raises `NotFound`."""
        async with scoped(self.pool, scope) as conn:
            return await keys.revoke_key(scope, conn, prefix=prefix)

    async def ensure_team(self, scope: TeamScope) -> bool:
        """Make the installation's team unless it exists; whether it was made."""
        async with scoped(self.pool, scope) as conn:
            return await keys.ensure_team(scope, conn, name="default")

    async def first_key(self, scope: TeamScope) -> str | None:
        """A key for a team that never had one; none for any other."""
        await self.ensure_team(scope)
        if await self.list_keys(scope):
            return None
        return (await self.create_key(scope, name="first key"))[1]

    async def _delete_unused(self, scope: Scope, blobs: list[bytes]) -> None:
        for digest in blobs:
            async with scoped(self.pool, scope) as conn:
                await documents.lock_blob(scope, conn, digest)
                if await documents.is_unused(scope, conn, digest):
                    await self.blobs.delete(scope, digest)
