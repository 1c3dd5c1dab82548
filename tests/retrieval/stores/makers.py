"""Makes what a store holds: scopes, index versions, documents, chunks, vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import numpy as np

from retrieval.chunk import Chunk, ChunkCategory
from retrieval.embedding.models import MODELS
from retrieval.filters import Filter
from retrieval.index import ChunkSettings, IndexSettings, IndexVersion, VectorStorage
from retrieval.scope import Scope
from retrieval.store import (
    Blend,
    Candidates,
    DocumentVersion,
    Store,
    StoredChunk,
    StoreQuery,
    Vector,
)

MODEL = MODELS[0]
CHUNK_SIZE = MODEL.max_tokens
NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def make_scope(team_id: UUID | None = None, knowledge_base_id: UUID | None = None) -> Scope:
    return Scope(team_id=team_id or uuid4(), knowledge_base_id=knowledge_base_id or uuid4())


def make_index(number: int = 1, *, vector_storage: VectorStorage = "half") -> IndexVersion:
    settings = IndexSettings(
        parser="1",
        embedding_model=MODEL,
        chunking=ChunkSettings(max_chunk_size=CHUNK_SIZE),
        vector_storage=vector_storage,
    )
    return IndexVersion(id=uuid4(), number=number, settings=settings)


def with_dimensions(index: IndexVersion, dimensions: int) -> IndexVersion:
    """The same of another size of vectors."""
    model = replace(index.settings.embedding_model, dimensions=dimensions)
    return replace(index, settings=replace(index.settings, embedding_model=model))


def make_document(
    item_name: str = "guide.pdf", *, ingested_at: datetime = NOON, version_number: int = 1
) -> DocumentVersion:
    return DocumentVersion(
        document_id=uuid4(),
        version_id=uuid4(),
        version_number=version_number,
        item_name=item_name,
        ingested_at=ingested_at,
    )


def next_version(document: DocumentVersion) -> DocumentVersion:
    return replace(document, version_id=uuid4(), version_number=document.version_number + 1)


def make_chunks(*texts: str) -> list[Chunk]:
    """One chunk a text, as if a line feed stood between them in the document."""
    chunks: list[Chunk] = []
    start = 0
    for position, text in enumerate(texts):
        chunks.append(make_chunk(text, position=position, start=start))
        start += len(text) + 1
    return chunks


def make_chunk(
    text: str,
    *,
    position: int = 0,
    start: int = 0,
    page: int | None = None,
    category: ChunkCategory = "CompositeElement",
    context: str = "",
) -> Chunk:
    return Chunk(
        position=position,
        text=text,
        char_start=start,
        char_end=start + len(text),
        page=page,
        category=category,
        context=context,
        token_count=len(text.split()),
    )


def make_vectors(count: int, seed: int = 0) -> list[Vector]:
    """Unit vectors, the same for the same seed."""
    drawn = np.random.default_rng(seed).normal(size=(count, MODEL.dimensions))
    units = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return list(units.astype(np.float32))


@dataclass
class Shelf:
    """One index of a store, created, with what it takes to fill and ask it."""

    store: Store
    scope: Scope = field(default_factory=make_scope)
    index: IndexVersion = field(default_factory=make_index)

    async def create(self) -> Shelf:
        await self.store.create(self.scope, self.index)
        return self

    def seen_by(self, scope: Scope) -> Shelf:
        """The same index version, but asked for in another's name."""
        return replace(self, scope=scope)

    async def put(
        self,
        document: DocumentVersion,
        chunks: Sequence[Chunk],
        vectors: Sequence[Vector] | None = None,
    ) -> None:
        if vectors is None:
            vectors = make_vectors(len(chunks))
        await self.store.replace(self.scope, self.index, document, chunks, vectors)

    async def search(
        self,
        *,
        text: str | None = None,
        vector: Vector | None = None,
        limit: int = 100,
        filters: Filter | None = None,
    ) -> Candidates:
        query = StoreQuery(vector=vector, text=text)
        return await self.store.search(self.scope, self.index, query, limit=limit, filters=filters)

    async def read(
        self, ids: Sequence[int], *, text: str | None = None, vector: Vector | None = None
    ) -> list[StoredChunk]:
        """In the order of `ids`."""
        query = StoreQuery(vector=vector, text=text)
        reading = await self.store.read(
            self.scope, self.index, query, ids, best=len(ids), blend=Blend()
        )
        found = reading.chunks
        return sorted(found, key=lambda stored: list(ids).index(stored.id))

    async def by_words(self, text: str, *, filters: Filter | None = None) -> list[str]:
        """Texts of the chunks that the lexical leg finds, best first."""
        found = await self.search(text=text, filters=filters)
        return [stored.chunk.text for stored in await self.read(list(found.lexical))]

    async def by_meaning(self, vector: Vector, *, filters: Filter | None = None) -> list[str]:
        """Texts of the chunks that the semantic leg finds, best first."""
        found = await self.search(vector=vector, filters=filters)
        return [stored.chunk.text for stored in await self.read(list(found.semantic))]

    async def count(self) -> int:
        return await self.store.count(self.scope, self.index)
