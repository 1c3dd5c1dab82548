"""One index as Weaviate holds it: what its chunks and its documents can be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from weaviate import WeaviateAsyncClient
from weaviate.classes.data import DataObject
from weaviate.classes.query import Filter as Where
from weaviate.classes.query import FilterReturn
from weaviate.collections import CollectionAsync
from weaviate.exceptions import WeaviateInsertManyAllFailedError
from weaviate.outputs.query import Object

from retrieval.index import IndexVersion
from retrieval.scope import Scope
from retrieval.store import (
    DocumentVersion,
    IndexNotFound,
    StoredDocument,
    StoreUnavailable,
    Vector,
)
from retrieval.stores import weaviate_hits as hits
from retrieval.stores.weaviate_connection import NotThere, WeaviateConnection
from retrieval.stores.weaviate_ids import document_object_id
from retrieval.stores.weaviate_objects import (
    GENERATION_PROPERTIES,
    Generation,
    Properties,
    document_object,
    read_document,
    read_generation,
)
from retrieval.stores.weaviate_schema import DOCUMENTS, MAX_RESULTS, chunks_collection, tenant_name

T = TypeVar("T")
Chunks = CollectionAsync[Any, Any]

ASKED_AT_ONCE = 1000  # objects by id


class Tenant:
    """Raises `IndexNotFound` where it does not exist, and `StoreUnavailable`."""

    def __init__(self, connection: WeaviateConnection, scope: Scope, index: IndexVersion) -> None:
        self.name = tenant_name(scope, index)
        self._connection = connection
        self._index = index
        self._chunks = chunks_collection(index)

    async def nearest(
        self, vector: Vector, *, limit: int, where: FilterReturn | bool = True
    ) -> dict[int, float]:
        """Scores by chunk, falling: inner products. `where` is what `compile_filter` gives."""
        if where is False:
            return {}
        narrowed = None if where is True else where
        return await self._of_chunks(
            lambda chunks: hits.nearest(chunks, vector, limit=limit, where=narrowed)
        )

    async def best(
        self, terms: str, *, limit: int, where: FilterReturn | bool = True
    ) -> dict[int, float]:
        """Scores by chunk, falling: BM25 of these terms."""
        if where is False or not terms:
            return {}
        narrowed = None if where is True else where
        return await self._of_chunks(
            lambda chunks: hits.best(chunks, terms, of="terms", limit=limit, where=narrowed)
        )

    async def chunks(
        self, ids: Collection[UUID], properties: Sequence[str], *, vectors: bool = False
    ) -> list[Object[Any, Any]]:
        """Those of them that are there, in no order."""
        return [
            one
            for part in _parts(ids)
            for one in (
                await self._of_chunks(
                    lambda chunks, part=part: chunks.query.fetch_objects(
                        filters=Where.by_id().contains_any(part),
                        limit=len(part),
                        return_properties=list(properties),
                        include_vector=vectors,
                    )
                )
            ).objects
        ]

    async def insert(self, objects: Sequence[DataObject[Properties, None]]) -> None:
        """All of them, or else raise what is wrong with one."""
        await self._of_chunks(lambda chunks: _insert(chunks, objects))

    async def delete(self, where: FilterReturn) -> None:
        """Every such chunk."""
        matches = MAX_RESULTS
        while matches >= MAX_RESULTS:
            done = await self._of_chunks(lambda chunks: chunks.data.delete_many(where=where))
            if done.failed:
                raise StoreUnavailable(f"It could not delete {done.failed} chunks.")
            matches = done.matches

    async def generation(self, document_id: UUID) -> Generation | None:
        """Which of the document's counts; none where it is not there."""
        key = document_object_id(document_id)
        return (await self.generations([key])).get(key.int)

    async def generations(self, objects: Collection[UUID]) -> dict[int, Generation]:
        """The same of several, by documents' objects."""
        return {
            one: read_generation(properties)
            for part in _parts(objects)
            for one, properties in (
                await self._documents(Where.by_id().contains_any(part), GENERATION_PROPERTIES, part)
            ).items()
        }

    async def generations_of_versions(
        self, version_ids: Collection[UUID]
    ) -> dict[UUID, Generation]:
        """The same by document version."""
        return {
            UUID(properties["version_id"]): read_generation(properties)
            for part in _parts(version_ids)
            for properties in (
                await self._documents(
                    Where.by_property("version_id").contains_any([str(one) for one in part]),
                    ("version_id", *GENERATION_PROPERTIES),
                    part,
                )
            ).values()
        }

    async def documents(self) -> AsyncIterator[StoredDocument]:
        """All of them, in no order."""
        async for one in self._every_document(None):
            yield read_document(one)

    async def count(self) -> int:
        """Of the chunks that count.

        Not by Weaviate's sum: it may count a document twice that two processes wrote at once.
        """
        return sum([one["chunks"] async for one in self._every_document(["chunks"])])

    async def publish(self, document: DocumentVersion, generation: Generation) -> None:
        """From here on these chunks of the document count, and no others."""
        published = document_object(document, generation)
        await self._of_documents(lambda documents: _insert(documents, [published]))

    async def forget(self, document_id: UUID) -> None:
        """From here on no chunks of the document count."""
        await self._of_documents(
            lambda documents: documents.data.delete_by_id(document_object_id(document_id))
        )

    async def _every_document(self, properties: list[str] | None) -> AsyncIterator[Properties]:
        last: UUID | None = None
        while True:
            found = await self._of_documents(
                lambda documents, last=last: documents.query.fetch_objects(
                    limit=ASKED_AT_ONCE, after=last, return_properties=properties
                )
            )
            for one in found.objects:
                yield one.properties
            if len(found.objects) < ASKED_AT_ONCE:
                return
            last = found.objects[-1].uuid

    async def _documents(
        self, where: FilterReturn, names: Sequence[str], asked: Sequence[UUID]
    ) -> dict[int, Properties]:
        return await self._of_documents(
            lambda documents: hits.properties(documents, names, limit=len(asked), where=where)
        )

    async def _of_chunks(self, ask: Callable[[Chunks], Awaitable[T]]) -> T:
        return await self._ask(self._chunks, ask)

    async def _of_documents(self, ask: Callable[[Chunks], Awaitable[T]]) -> T:
        return await self._ask(DOCUMENTS, ask)

    async def _ask(self, collection: str, ask: Callable[[Chunks], Awaitable[T]]) -> T:
        def of(client: WeaviateAsyncClient) -> Awaitable[T]:
            return ask(_collection(client, collection, self.name))

        try:
            return await self._connection.answer(of)
        except NotThere as exc:
            raise IndexNotFound(f"Index version {self._index.number} ({self._index.id}).") from exc


@lru_cache(maxsize=256)
def _collection(client: WeaviateAsyncClient, name: str, tenant: str) -> Chunks:
    """Kept, because making one takes as long as some of the questions that it is asked."""
    return client.collections.use(name, skip_argument_validation=True).with_tenant(tenant)


async def _insert(
    collection: CollectionAsync[Any, Any], objects: Sequence[DataObject[Properties, None]]
) -> None:
    done = await collection.data.insert_many(objects)
    if done.has_errors:
        raise WeaviateInsertManyAllFailedError(next(iter(done.errors.values())).message)


def _parts(ids: Collection[UUID]) -> Iterator[list[UUID]]:
    every = list(ids)
    for start in range(0, len(every), ASKED_AT_ONCE):
        yield every[start : start + ASKED_AT_ONCE]
