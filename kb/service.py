"""What the service can do, one method a use case. Every door calls these and nothing below."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from ingest.chunking.settings import chunk_settings
from ingest.errors import InvalidChunking
from ingest.indexing import PARSER_VERSION, StageRecord
from kb.blobs import Blob, Blobs
from kb.catalog import (
    data_sources,
    documents,
    index_versions,
    jobs,
    keys,
    knowledge_bases,
    ledger,
    metadata,
)
from kb.dispatch import close_job, queue_document, queue_removal
from kb.embedders import Embedders
from kb.item_names import checked_item_name
from kb.queue import Queue
from retrieval.analysis import Language
from retrieval.embedding.models import EmbeddingModel
from retrieval.expansion import Place
from retrieval.filters import parse_filter
from retrieval.index import (
    DEFAULT_STORE,
    DEFAULT_VECTOR_STORAGE,
    ChunkSettings,
    IndexSettings,
    IndexVersion,
    StoreName,
    VectorStorage,
)
from retrieval.postgres import Connection, Pool, scoped
from retrieval.query import Query, Reranking
from retrieval.reranking.reranker import Reranker
from retrieval.retrieval import Retrieval
from retrieval.retriever import retrieve
from retrieval.scope import Scope, TeamScope
from retrieval.store import IndexNotFound, Store, StoreNotConfigured
from retrieval.target import Index, Target
from retrieval.understanding.chat import Chat


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A knowledge base with what people want to know about it."""

    knowledge_base: knowledge_bases.KnowledgeBase
    tally: documents.Tally
    last_job: jobs.IndexingJob | None


class Service:
    """The parts, wired; see `kb.wiring.open_service`."""

    def __init__(
        self,
        *,
        pool: Pool,
        stores: Mapping[StoreName, Store],
        embedders: Embedders,
        blobs: Blobs,
        queue: Queue,
        default_store: StoreName = DEFAULT_STORE,
        reranker: Reranker | None = None,
        chat: Chat | None = None,
    ) -> None:
        """With `chat` there is a language model, which workers ask for context lines, too."""
        self.pool = pool
        self.stores = stores
        self.default_store: StoreName = default_store
        self.embedders = embedders
        self.blobs = blobs
        self.queue = queue
        self.reranker = reranker
        self.chat = chat

    async def retrieve(
        self,
        scope: Scope,
        query: Query,
        *,
        index_version_id: UUID | None = None,
        live: IndexVersion | None = None,
    ) -> Retrieval:
        """The read path, in the live index unless another index version is named.

        `live` is what the caller has just found to be live. Raises `NotFound`, `InvalidFilter` and
        `InvalidQuery`.
        """
        known = None if index_version_id else live
        return await self._retrieve([scope], query, index_version_id, known)

    async def retrieve_from(
        self, scopes: Sequence[Scope], query: Query, *, index_version_id: UUID | None = None
    ) -> Retrieval:
        """The read path, in several knowledge bases at once."""
        return await self._retrieve(scopes, query, index_version_id, None)

    async def _retrieve(
        self,
        scopes: Sequence[Scope],
        query: Query,
        index_version_id: UUID | None,
        known: IndexVersion | None,
    ) -> Retrieval:
        query = await self._reranked_as_set(scopes, query)

        async def once(known: IndexVersion | None) -> Retrieval:
            targets = [
                await self.target(one, query, index_version_id, known=known) for one in scopes
            ]
            return await retrieve(
                targets, query, texts=self._texts, reranker=self.reranker, chat=self.chat
            )

        try:
            return await once(known)
        except IndexNotFound:  # another one was promoted and this one discarded in between
            return await once(None)

    async def _reranked_as_set(self, scopes: Sequence[Scope], query: Query) -> Query:
        """The query, reranked where it says nothing of it and a knowledge base is set so."""
        if query.reranking is not None:
            return query if query.reranking.enabled else replace(query, reranking=None)
        if self.reranker is None:
            return query
        are = await asyncio.gather(
            *(knowledge_bases.is_reranked(scope, self.pool) for scope in scopes)
        )
        return replace(query, reranking=Reranking()) if any(are) else query

    async def target(
        self,
        scope: Scope,
        query: Query,
        index_version_id: UUID | None = None,
        *,
        known: IndexVersion | None = None,
    ) -> Target:
        """What the query is put to. Raises `NotFound` or `InvalidFilter`."""
        index = await self.index(scope, index_version_id, known=known)
        fields = await metadata.fields_of(scope, self.pool) if query.filters else None
        return Target(scope=scope, index=index, filters=parse_filter(query.filters, fields))

    async def _texts(
        self, scope: Scope, places: Sequence[Place], *, parser: str
    ) -> list[str | None]:
        if not places:
            return []
        async with scoped(self.pool, scope) as conn:
            return await documents.read_spans(scope, conn, places, parser=parser)

    async def index(
        self,
        scope: Scope,
        index_version_id: UUID | None = None,
        *,
        known: IndexVersion | None = None,
    ) -> Index:
        """What answers the scope's queries now, or another index version. Raises `NotFound`."""
        version = known or await index_versions.find(scope, self.pool, index_version_id)
        model = version.settings.embedding_model
        return Index(
            version=version,
            store=self.store(version),
            embedder=self.embedders.loaded(model)
            or await asyncio.to_thread(self.embedders.get, model),
        )

    def store(self, version: IndexVersion) -> Store:
        """Where an index version is kept. Raises `StoreNotConfigured`."""
        name = version.settings.store
        if name not in self.stores:
            raise StoreNotConfigured(f"It is called {name}.")
        return self.stores[name]

    async def index_version(self, scope: Scope) -> IndexVersion:
        """The live one. Raises `NotFound`."""
        async with scoped(self.pool, scope) as conn:
            return await index_versions.live(scope, conn)

    async def create_knowledge_base(
        self,
        scope: TeamScope,
        *,
        name: str,
        embedding_model: EmbeddingModel,
        chunking: ChunkSettings | None = None,
        store: StoreName | None = None,
        vector_storage: VectorStorage = DEFAULT_VECTOR_STORAGE,
        language: Language | None = None,
        tags: Sequence[str] = (),
        project_id: str = "",
        region: str = "",
    ) -> Overview:
        """An empty knowledge base, ready for documents and queries.

        `chunking` comes from `ingest.chunking.settings.chunk_settings`, as do its defaults. Without
        a language each document's is found out. Raises `NameTaken`, `InvalidChunking`,
        `StoreNotConfigured` or `TooManyDimensions`.
        """
        settings = IndexSettings(
            parser=PARSER_VERSION,
            embedding_model=embedding_model,
            chunking=chunking or chunk_settings(embedding_model),
            store=store or self.default_store,
            vector_storage=vector_storage,
            language=language,
        )
        self.require_llm_for(settings.chunking)
        narrow = scope.knowledge_base(uuid4())
        version = IndexVersion(id=uuid4(), number=1, settings=settings)
        kept_in = self.store(version)
        # The index first: a knowledge base that can be seen can be searched and filled.
        await kept_in.create(narrow, version)
        try:
            async with scoped(self.pool, narrow) as conn:
                await knowledge_bases.create(
                    narrow,
                    conn,
                    version.id,
                    settings,
                    name=name,
                    tags=tags,
                    project_id=project_id,
                    region=region,
                )
        except BaseException:
            await kept_in.drop(narrow, version)
            raise
        return await self.overview(narrow)

    def require_llm_for(self, chunking: ChunkSettings) -> None:
        """Raises `InvalidChunking` where nobody is there to write the lines it asks for."""
        if chunking.context == "llm" and self.chat is None:
            raise InvalidChunking("The context llm needs KB_LLM_URL and KB_LLM_MODEL to be set.")

    async def overview(self, scope: Scope) -> Overview:
        """The knowledge base, its documents counted, its last job. Raises `NotFound`."""
        async with scoped(self.pool, scope) as conn:
            return Overview(
                knowledge_base=await knowledge_bases.get(scope, conn),
                tally=await documents.tally(scope, conn),
                last_job=next(iter(await jobs.latest(scope, conn, limit=1)), None),
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
            await knowledge_bases.get(scope, conn)
            versions = await index_versions.list_all(scope, conn)
            blobs = await documents.blobs_of(scope, conn)
        # The index goes first: interrupted here, deleting again finishes the work.
        for version in versions:
            await self.store(version).drop(scope, version)
        async with scoped(self.pool, scope) as conn:
            await knowledge_bases.delete(scope, conn)
        await self.delete_unused(scope, blobs)

    async def add_document(
        self, scope: Scope, *, item_name: str, data: AsyncIterable[bytes]
    ) -> documents.Added:
        """Store the bytes and queue them for indexing, in one transaction.

        Raises `NotFound`, `InvalidItemName` or `BlobTooLarge`.
        """
        name = checked_item_name(item_name)
        async with scoped(self.pool, scope) as conn:  # nothing is stored for a typo
            source_id = await data_sources.of_sent_documents(scope, conn)
        return await self._take(scope, source_id, name, data)

    async def replace_document(
        self, scope: Scope, document_id: UUID, *, data: AsyncIterable[bytes]
    ) -> documents.Added:
        """Give a document new bytes under its old name. Raises `NotFound` or `BlobTooLarge`."""
        found = await self.document(scope, document_id)
        return await self._take(scope, found.data_source_id, found.item_name, data)

    async def _take(
        self, scope: Scope, source_id: UUID, name: str, data: AsyncIterable[bytes]
    ) -> documents.Added:
        blob, fetched = await self.fetch(scope, data)
        async with scoped(self.pool, scope) as conn:
            return await self.enter_document(
                scope, conn, data_source_id=source_id, item_name=name, blob=blob, fetched=fetched
            )

    async def fetch(self, scope: Scope, data: AsyncIterable[bytes]) -> tuple[Blob, StageRecord]:
        """Store bytes, and tell what that took. Raises `BlobTooLarge`, or what `data` raises."""
        started_at, start = datetime.now(UTC), time.perf_counter()
        blob = await self.blobs.put(scope, data)
        return blob, StageRecord(
            stage="fetch",
            started_at=started_at,
            seconds=time.perf_counter() - start,
            bytes=blob.size,
        )

    async def enter_document(
        self,
        scope: Scope,
        conn: Connection,
        *,
        data_source_id: UUID,
        item_name: str,
        blob: Blob,
        fetched: StageRecord,
        job_id: UUID | None = None,
    ) -> documents.Added:
        """Make stored bytes a document's newest version and queue it, unless they are known.

        It joins the given job, else the one for documents that are sent. Raises `BlobMissing`.
        """
        index = await index_versions.live(scope, conn)
        await documents.lock_blob(scope, conn, blob.sha256)
        await self.blobs.require(scope, blob.sha256)
        added = await documents.add(
            scope,
            conn,
            index,
            data_source_id=data_source_id,
            item_name=item_name,
            sha256=blob.sha256,
            size_in_bytes=blob.size,
        )
        if added.queued:
            places = await queue_document(
                self.queue,
                scope,
                conn,
                added.document_id,
                added.version_id,
                job_id=job_id or await self._documents_job(scope, conn, index.id, data_source_id),
            )
            for place in places:
                await ledger.enter_stages(scope, conn, place, [fetched], attempt=1)
        return added

    async def index_again(self, scope: Scope, document: documents.Document) -> None:
        """Queue the newest version once more, even if its bytes failed too often.

        What is found of it meanwhile stays. Does nothing where it waits or is under way already.
        """
        if document.status in ("pending", "running"):
            return
        async with scoped(self.pool, scope) as conn:
            index = await index_versions.live(scope, conn)
            await ledger.release(scope, conn, document.sha256)
            job_id = await self._documents_job(scope, conn, index.id, document.data_source_id)
            await queue_document(
                self.queue, scope, conn, document.id, document.version_id, job_id=job_id
            )

    async def _documents_job(
        self, scope: Scope, conn: Connection, index_version_id: UUID, data_source_id: UUID
    ) -> UUID:
        job_id = await jobs.open_documents_job(scope, conn, index_version_id)
        await jobs.cover(scope, conn, job_id, [data_source_id], is_read=True)
        return job_id

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
        self, scope: Scope, *, limit: int, offset: int, data_source_id: UUID | None = None
    ) -> tuple[list[documents.Document], int]:
        """A page of the documents, of one data source or of all, oldest first, and their number."""
        async with scoped(self.pool, scope) as conn:
            await knowledge_bases.get(scope, conn)
            page = await documents.list_page(
                scope, conn, data_source_id=data_source_id, limit=limit, offset=offset
            )
            tally = await documents.tally(scope, conn, data_source_id=data_source_id)
            return page, tally.documents

    async def delete_document(self, scope: Scope, document_id: UUID) -> None:
        """Remove a document, its chunks, versions and every blob nothing else uses."""
        async with scoped(self.pool, scope) as conn:
            await documents.mark_deleted(scope, conn, document_id)
            await queue_removal(self.queue, scope, conn, document_id=document_id)
        await self.remove(scope, document_id=document_id)  # unless we die, this is all it takes

    async def remove(
        self,
        scope: Scope,
        *,
        document_id: UUID | None = None,
        data_source_id: UUID | None = None,
    ) -> None:
        """Remove what was marked deleted: a document, or a data source with its documents.

        Safe to run twice, and side by side.
        """
        async with scoped(self.pool, scope) as conn:
            doomed = await documents.deleted(
                scope, conn, document_id=document_id, data_source_id=data_source_id
            )
            versions = await index_versions.list_all(scope, conn)
        for document in doomed:
            for version in versions:
                with suppress(IndexNotFound):  # discarded meanwhile
                    await self.store(version).replace(scope, version, document, [], [])
            async with scoped(self.pool, scope) as conn:
                blobs = await documents.blobs_of(scope, conn, document.document_id)
                waiting = await ledger.open_jobs(scope, conn, document_id=document.document_id)
                await documents.forget(scope, conn, document.document_id)
                for job_id in waiting:
                    await close_job(self.queue, scope, conn, job_id)
            await self.delete_unused(scope, blobs)
        if data_source_id is not None:
            async with scoped(self.pool, scope) as conn:
                await data_sources.forget(scope, conn, data_source_id)

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

    async def delete_unused(self, scope: TeamScope, blobs: Sequence[bytes]) -> None:
        """Forget bytes that nothing of the team's needs any more."""
        for digest in blobs:
            async with scoped(self.pool, scope) as conn:
                await documents.lock_blob(scope, conn, digest)
                if await documents.is_unused(scope, conn, digest):
                    await self.blobs.delete(scope, digest)
