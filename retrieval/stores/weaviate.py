"""The Weaviate store: each index a tenant, its own BM25 and HNSW, and writes that count at once.

Weaviate has no transactions. So each write of a document is a generation of chunks of its own, and
one object, the document's, says which generation counts; whoever searches looks it up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import cast
from uuid import UUID
from weakref import WeakValueDictionary

import numpy as np
from weaviate import WeaviateAsyncClient
from weaviate.classes.query import Filter as Where
from weaviate.classes.query import FilterReturn
from weaviate.exceptions import UnexpectedStatusCodeError

from retrieval.analysis.question import analyzed
from retrieval.chunk import Chunk
from retrieval.errors import RetrievalError
from retrieval.filters import Filter
from retrieval.index import IndexVersion
from retrieval.scope import Scope
from retrieval.store import (
    Blend,
    Candidates,
    DimensionMismatch,
    DocumentVersion,
    IndexNotFound,
    Reading,
    Span,
    StoredChunk,
    StoredDocument,
    StoreQuery,
    StoreUnavailable,
    Vector,
)
from retrieval.stores.weaviate_address import Locate
from retrieval.stores.weaviate_connection import NotThere, WeaviateConnection
from retrieval.stores.weaviate_filters import compile_filter
from retrieval.stores.weaviate_ids import (
    chunk_id,
    document_object_of,
    generation_of,
    new_generation,
)
from retrieval.stores.weaviate_objects import (
    CHUNK_PROPERTIES,
    SPAN_PROPERTIES,
    Generation,
    Properties,
    chunk_objects,
    query_terms,
    read_chunk,
    read_span,
)
from retrieval.stores.weaviate_schema import (
    DOCUMENTS,
    MAX_RESULTS,
    Schema,
    chunks_collection,
    chunks_schema,
    documents_schema,
    tenant_name,
)
from retrieval.stores.weaviate_tenant import Tenant

WRITTEN_AT_ONCE = 256  # chunks of one document
WRITE_SECONDS = 300.0  # that the chunks of one document may take to be written
ABANDONED_SECONDS = 2 * WRITE_SECONDS  # after which nobody is writing them any more
SETTLED_SECONDS = 10.0  # that clocks may differ, and that one object may take to be written


class VectorUnusable(RetrievalError):
    """A vector holds something that is no number, so no chunk of the document was written."""


class WeaviateStore:
    """Needs no preparation: the first request connects, the first index makes the collections."""

    def __init__(self, locate: Locate) -> None:
        """`locate` says where the server is, each time that it is to be asked."""
        self._connection = WeaviateConnection(locate)
        self._turns = WeakValueDictionary[tuple[str, UUID], asyncio.Lock]()

    async def close(self) -> None:
        """Close the connections that it has open."""
        await self._connection.close()

    async def server_version(self) -> str:
        """The server's, as 1.38.11."""
        return await self._connection.answer(_server_version)

    async def create(self, scope: Scope, index: IndexVersion) -> None:
        name = tenant_name(scope, index)
        # The chunks' last: the index is there once that is.
        for schema in (documents_schema(), chunks_schema(index)):
            await self._connection.answer(partial(_require_tenant, schema, name))

    async def drop(self, scope: Scope, index: IndexVersion) -> None:
        name = tenant_name(scope, index)
        for collection in (chunks_collection(index), DOCUMENTS):
            with suppress(NotThere):
                await self._connection.answer(partial(_remove_tenant, collection, name))

    async def replace(
        self,
        scope: Scope,
        index: IndexVersion,
        document: DocumentVersion,
        chunks: Sequence[Chunk],
        vectors: Sequence[Vector],
    ) -> None:
        dimensions = index.settings.embedding_model.dimensions
        if wrong := {len(vector) for vector in vectors} - {dimensions}:
            raise DimensionMismatch(f"The index has {dimensions} dimensions, not {wrong.pop()}.")
        if not all(np.isfinite(vector).all() for vector in vectors):
            raise VectorUnusable
        tenant = self._tenant(scope, index)
        document_id = document.document_id
        async with self._turn(tenant, document_id):
            former = await tenant.generation(document_id)
            generation = new_generation(document_id)
            if chunks:
                await _write(tenant, document, generation, chunks, vectors)
            elif former:
                await tenant.forget(document_id)
            await tenant.delete(_outdated(document_id, generation, former))

    async def vectors(
        self, scope: Scope, index: IndexVersion, document_id: UUID
    ) -> dict[bytes, Vector]:
        tenant = self._tenant(scope, index)
        generation = await tenant.generation(document_id)
        if generation is None:
            return {}
        ids = [chunk_id(generation.id, position) for position in range(generation.chunks)]
        return {
            bytes.fromhex(one.properties["content_hash"]): np.array(
                one.vector["default"], dtype=np.float32
            )
            for one in await tenant.chunks(ids, ["content_hash"], vectors=True)
        }

    async def search(
        self,
        scope: Scope,
        index: IndexVersion,
        query: StoreQuery,
        *,
        limit: int,
        filters: Filter | None,
    ) -> Candidates:
        tenant = self._tenant(scope, index)
        vector = query.vector
        terms = await analyzed(query_terms, query.text or "", query.languages)
        where = compile_filter(filters)

        async def nearest(depth: int) -> dict[int, float]:
            if vector is None:
                return {}
            return await tenant.nearest(vector, limit=depth, where=where)

        async def best(depth: int) -> dict[int, float]:
            return await tenant.best(terms, limit=depth, where=where)

        semantic, lexical = await _current(tenant, nearest, best, limit=limit)
        return Candidates(semantic=semantic, lexical=lexical)

    async def read(
        self,
        scope: Scope,
        index: IndexVersion,
        query: StoreQuery,
        ids: Sequence[int],
        *,
        best: int,
        blend: Blend,
    ) -> Reading:
        if not ids:
            return Reading(chunks=[], found=0)
        tenant = self._tenant(scope, index)
        scores = await _scores(tenant, query, ids)
        blended = {
            one: blend.semantic * (semantic or 0.0) + blend.lexical * (lexical or 0.0)
            for one, (semantic, lexical) in scores.items()
        }
        # Those that equal the last one, too: names and places, not yet read, say who goes first.
        least = sorted(blended.values(), reverse=True)[:best][-1:]
        wanted = [UUID(int=one) for one, score in blended.items() if [score] >= least]
        chunks = [
            _stored(one.uuid.int, one.properties, *scores[one.uuid.int])
            for one in await tenant.chunks(wanted, CHUNK_PROPERTIES)
        ]
        chunks.sort(key=lambda one: (-blended[one.id], *_place(one)))
        gone = len(wanted) - len(chunks)
        return Reading(chunks=chunks[:best], found=len(scores) - gone)

    async def documents(self, scope: Scope, index: IndexVersion) -> list[StoredDocument]:
        found = [one async for one in self._tenant(scope, index).documents()]
        return sorted(found, key=lambda one: (one.document.item_name, one.document.document_id))

    async def spans(
        self, scope: Scope, index: IndexVersion, wanted: Sequence[tuple[UUID, int, int]]
    ) -> list[list[Span]]:
        tenant = self._tenant(scope, index)
        generations = await tenant.generations_of_versions({version for version, _, _ in wanted})
        ids = [
            [
                chunk_id(generation.id, position)
                for position in range(max(first, 0), min(last + 1, generation.chunks))
            ]
            if (generation := generations.get(version))
            else []
            for version, first, last in wanted
        ]
        found = {
            one.uuid: read_span(one.properties)
            for one in await tenant.chunks({one for each in ids for one in each}, SPAN_PROPERTIES)
        }
        return [[found[one] for one in each if one in found] for each in ids]

    async def count(self, scope: Scope, index: IndexVersion) -> int:
        return await self._tenant(scope, index).count()

    def _tenant(self, scope: Scope, index: IndexVersion) -> Tenant:
        return Tenant(self._connection, scope, index)

    def _turn(self, tenant: Tenant, document_id: UUID) -> asyncio.Lock:
        """One writer of a document at a time, in this process."""
        return self._turns.setdefault((tenant.name, document_id), asyncio.Lock())


async def _require_tenant(schema: Schema, name: str, client: WeaviateAsyncClient) -> None:
    tenants = client.collections.use(schema["class"]).tenants
    try:
        await tenants.create([name])
    except UnexpectedStatusCodeError as exc:
        if "class not found" not in str(exc):
            raise
        await _require_collection(schema, client)
        await tenants.create([name])


async def _require_collection(schema: Schema, client: WeaviateAsyncClient) -> None:
    try:
        await client.collections.create_from_dict(schema)  # pyright: ignore[reportUnknownMemberType] untyped
    except UnexpectedStatusCodeError as exc:
        if "already exists" not in str(exc):  # somebody else made it meanwhile
            raise


async def _server_version(client: WeaviateAsyncClient) -> str:
    meta = cast("dict[str, str]", await client.get_meta())  # pyright: ignore[reportUnknownMemberType] untyped
    return meta["version"]


async def _remove_tenant(collection: str, name: str, client: WeaviateAsyncClient) -> None:
    await client.collections.use(collection).tenants.remove([name])


async def _write(
    tenant: Tenant,
    document: DocumentVersion,
    generation: UUID,
    chunks: Sequence[Chunk],
    vectors: Sequence[Vector],
) -> None:
    begun_at = time.time()
    try:
        # In parts, and on a thread: the words of a long document keep a processor busy for seconds.
        for start in range(0, len(chunks), WRITTEN_AT_ONCE):
            part = slice(start, start + WRITTEN_AT_ONCE)
            objects = await asyncio.to_thread(
                chunk_objects, document, generation, begun_at, chunks[part], vectors[part]
            )
            inserting = asyncio.create_task(tenant.insert(objects))
            try:
                await asyncio.shield(inserting)
            finally:
                await asyncio.wait({inserting})  # or they could arrive after their removal
        if time.time() > begun_at + WRITE_SECONDS:
            raise StoreUnavailable(f"It took more than {WRITE_SECONDS:.0f} s to write.")
    except BaseException:
        # What stays because the store is away is never found, and goes with a later write.
        with suppress(StoreUnavailable, IndexNotFound):
            await tenant.delete(Where.by_property("generation").equal(str(generation)))
        raise
    written = Generation(id=generation, chunks=len(chunks), written_at=time.time())
    await tenant.publish(document, written)


def _outdated(document_id: UUID, generation: UUID, former: Generation | None) -> FilterReturn:
    """The chunks of the document that nobody finds or will find.

    Others that do not count are perhaps being written, by another process.
    """
    abandoned = Where.by_property("begun_at").less_than(int(time.time() - ABANDONED_SECONDS))
    if former is not None:
        abandoned |= Where.by_property("generation").equal(str(former.id))
    return (
        Where.by_property("document_id").equal(str(document_id))
        & Where.by_property("generation").not_equal(str(generation))
        & abandoned
    )


async def _current(
    tenant: Tenant, *searches: Callable[[int], Awaitable[dict[int, float]]], limit: int
) -> list[dict[int, float]]:
    """The best `limit` by each search of the chunks that count, as they were at one moment.

    Where a document was written since the search began, or shortly before by a clock that may be
    ahead, part of its chunks may have been missed. Then it is searched once more, until nothing
    was written meanwhile.
    """
    depth = limit
    known: dict[int, Generation] = {}
    while True:
        began = time.time()
        found = await asyncio.gather(*(search(depth) for search in searches))
        documents = {document_object_of(chunk) for each in found for chunk in each}
        current = await tenant.generations([UUID(int=one) for one in documents])
        if all(
            one.written_at < began - SETTLED_SECONDS or known.get(document) == one
            for document, one in current.items()
        ):
            counting = {one.id.int for one in current.values()}
            kept = [
                [one for one in each.items() if generation_of(one[0]) in counting] for each in found
            ]
            if depth == MAX_RESULTS or all(
                len(good) >= limit or len(each) < depth
                for good, each in zip(kept, found, strict=True)
            ):
                return [dict(good[:limit]) for good in kept]
            depth = min(2 * depth, MAX_RESULTS)
        known = current


async def _scores(
    tenant: Tenant, query: StoreQuery, ids: Sequence[int]
) -> dict[int, tuple[float | None, float | None]]:
    """Both exact scores of those that are there; none for a leg that the query does not ask.

    What a search found out is not asked again.
    """
    found = query.found or Candidates()

    async def semantic() -> Mapping[int, float | None]:
        known = {one: found.semantic[one] for one in ids if one in found.semantic}
        if not (missing := [one for one in ids if one not in known]):
            return known
        named, these = _named(missing)
        if query.vector is None:
            return dict.fromkeys(one.uuid.int for one in await tenant.chunks(named, []))
        return {**known, **await tenant.nearest(query.vector, limit=len(missing), where=these)}

    async def lexical() -> Mapping[int, float]:
        if not (missing := [one for one in ids if one not in found.lexical]):
            return found.lexical
        _, these = _named(missing)
        terms = await analyzed(query_terms, query.text or "", query.languages)
        return {**found.lexical, **await tenant.best(terms, limit=len(missing), where=these)}

    meaning, words = await asyncio.gather(semantic(), lexical())
    absent = None if query.text is None else 0.0
    return {one: (score, words.get(one, absent)) for one, score in meaning.items()}


def _named(ids: Sequence[int]) -> tuple[list[UUID], FilterReturn]:
    named = [UUID(int=one) for one in ids]
    return named, Where.by_id().contains_any(named)


def _stored(
    chunk_id: int, properties: Properties, semantic: float | None, lexical: float | None
) -> StoredChunk:
    document, chunk = read_chunk(properties)
    return StoredChunk(
        id=chunk_id, document=document, chunk=chunk, semantic=semantic, lexical=lexical
    )


def _place(stored: StoredChunk) -> tuple[str, int, int]:
    return stored.document.item_name, stored.chunk.char_start, stored.id
