"""An index in memory: what a sweep fills and asks, many times a minute, without a database."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from playground.memory_filters import passes
from retrieval import bm25
from retrieval.chunk import Chunk
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
    Vector,
)

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A chunk with all that it is found by."""

    id: int
    chunk: Chunk
    document: DocumentVersion
    vector: Vector
    weights: Mapping[int, float]
    """Its side of BM25."""


@dataclass
class _Shelf:
    """One index: its rows, and once they are asked for, what they are searched with."""

    scope: Scope
    rows: dict[UUID, list[_Row]] = field(default_factory=dict[UUID, list[_Row]])
    """By document."""

    @cached_property
    def table(self) -> _Table:
        return _Table([row for rows in self.rows.values() for row in rows])

    def put(self, document_id: UUID, rows: list[_Row]) -> None:
        """Swaps a document's rows."""
        self.rows = {key: held for key, held in self.rows.items() if key != document_id}
        if rows:
            self.rows[document_id] = rows
        self.__dict__.pop("table", None)


class _Table:
    """All rows side by side: a matrix of vectors, and for each term the rows that hold it."""

    def __init__(self, rows: Sequence[_Row]) -> None:
        self.rows = rows
        self.places = {row.id: place for place, row in enumerate(rows)}
        self.vectors = np.stack([row.vector for row in rows]) if rows else np.empty((0, 0), "f4")
        holding: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        for place, row in enumerate(rows):
            for term, weight in row.weights.items():
                holding[term].append((place, weight))
        self._holding = {
            term: (
                np.array([place for place, _ in held]),
                np.array([weight for _, weight in held], np.float32),
            )
            for term, held in holding.items()
        }

    def semantic(self, vector: Vector) -> Scores:
        """Each row's inner product."""
        return self.vectors @ vector if self.rows else np.empty(0, np.float32)

    def exactly(self, vector: Vector, places: Sequence[int]) -> Scores:
        """Those rows' inner products, to the last bit the same for rows that are the same.

        A matrix product's depend on where a row stands, which would part passages that repeat.
        """
        if not places:
            return np.empty(0, np.float32)
        return np.einsum("ij,j->i", self.vectors[places], vector)

    def query_weights(self, query: StoreQuery) -> dict[int, float]:
        """The query's side of BM25."""
        terms = bm25.query_terms(query.text or "", query.languages)
        found = {term: len(self._holding[term][0]) for term in terms if term in self._holding}
        return bm25.query_weights(terms, found, len(self.rows))

    def lexical(self, weights: Mapping[int, float]) -> Scores:
        """Each row's BM25."""
        scores = np.zeros(len(self.rows), np.float32)
        for term, weight in weights.items():
            if term in self._holding:
                places, held = self._holding[term]
                scores[places] += weight * held
        return scores

    def best(self, scores: Scores, limit: int, among: NDArray[np.bool_]) -> dict[int, float]:
        """By id, highest first; equal scores in the order of their ids."""
        places = np.flatnonzero(among)
        if len(places) > limit:  # the least of those that can be among the best
            least = np.partition(scores[places], -limit)[-limit]
            places = places[scores[places] >= least]
        order = np.argsort(-scores[places], kind="stable")[:limit]
        found: list[int] = places[order].tolist()
        return {self.rows[place].id: float(scores[place]) for place in found}


class MemoryStore:
    """Keeps the promises of `Store` for one process, exactly: no graph, and BM25 of every chunk.

    Vectors are kept as they come, whatever the index version's `vector_storage`. A search goes
    through all rows, which is faster than a database up to some 100,000.
    """

    def __init__(self) -> None:
        self._shelves: dict[UUID, _Shelf] = {}
        self._ids = count(1)

    async def create(self, scope: Scope, index: IndexVersion) -> None:
        self._shelves.setdefault(index.id, _Shelf(scope))

    async def drop(self, scope: Scope, index: IndexVersion) -> None:
        held = self._shelves.get(index.id)
        if held is not None and held.scope == scope:
            del self._shelves[index.id]

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
            raise ValueError("a vector holds what is no number")
        shelf = self._shelf(scope, index)
        rows = await asyncio.to_thread(self._rows, index, document, chunks, vectors)
        shelf.put(document.document_id, rows)

    async def vectors(
        self, scope: Scope, index: IndexVersion, document_id: UUID
    ) -> dict[bytes, Vector]:
        held = self._shelf(scope, index).rows.get(document_id, [])
        return {row.chunk.content_hash: row.vector for row in held}

    async def search(
        self,
        scope: Scope,
        index: IndexVersion,
        query: StoreQuery,
        *,
        limit: int,
        filters: Filter | None,
    ) -> Candidates:
        await asyncio.sleep(0)  # others have their turn between two searches
        table = self._shelf(scope, index).table
        among = np.ones(len(table.rows), np.bool_)
        if filters is not None:
            passing = (passes(filters, row.chunk, row.document) for row in table.rows)
            among = np.fromiter(passing, np.bool_, len(table.rows))
        semantic: dict[int, float] = {}
        lexical: dict[int, float] = {}
        weights: dict[int, float] | None = None
        if query.vector is not None:
            semantic = table.best(table.semantic(query.vector), limit, among)
        if query.text is not None:
            weights = table.query_weights(query)
            scores = table.lexical(weights)
            lexical = table.best(scores, limit, among & (scores > 0))
        return Candidates(semantic=semantic, lexical=lexical, term_weights=weights)

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
        table = self._shelf(scope, index).table
        places = [table.places[one] for one in dict.fromkeys(ids) if one in table.places]
        semantic = None if query.vector is None else table.exactly(query.vector, places)
        lexical = None
        if query.text is not None:
            known = None if query.found is None else query.found.term_weights
            lexical = table.lexical(table.query_weights(query) if known is None else known)
        stored = [
            StoredChunk(
                id=table.rows[place].id,
                chunk=table.rows[place].chunk,
                document=table.rows[place].document,
                semantic=None if semantic is None else float(semantic[number]),
                lexical=None if lexical is None else float(lexical[place]),
            )
            for number, place in enumerate(places)
        ]
        return Reading(
            chunks=sorted(stored, key=lambda one: _order(one, blend))[:best], found=len(stored)
        )

    async def documents(self, scope: Scope, index: IndexVersion) -> list[StoredDocument]:
        held = self._shelf(scope, index).rows.values()
        found = [StoredDocument(document=rows[0].document, chunks=len(rows)) for rows in held]
        return sorted(
            found, key=lambda one: (one.document.item_name, str(one.document.document_id))
        )

    async def spans(
        self, scope: Scope, index: IndexVersion, wanted: Sequence[tuple[UUID, int, int]]
    ) -> list[list[Span]]:
        held = self._shelf(scope, index).rows.values()
        by_version = {rows[0].document.version_id: rows for rows in held}
        return [
            _spans(row.chunk for row in by_version.get(version, ()) if first <= _place(row) <= last)
            for version, first, last in wanted
        ]

    async def count(self, scope: Scope, index: IndexVersion) -> int:
        return sum(map(len, self._shelf(scope, index).rows.values()))

    async def words(self, scope: Scope, index: IndexVersion) -> int:
        """How many term weights the index holds in all."""
        held = self._shelf(scope, index).rows.values()
        return sum(len(row.weights) for rows in held for row in rows)

    def _rows(
        self,
        index: IndexVersion,
        document: DocumentVersion,
        chunks: Sequence[Chunk],
        vectors: Sequence[Vector],
    ) -> list[_Row]:
        size = index.settings.chunking.max_chunk_size
        return [
            _Row(
                id=next(self._ids),
                chunk=chunk,
                document=document,
                vector=np.asarray(vector, np.float32),
                weights=bm25.document_weights(chunk.indexed_text, size, document.language),
            )
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]

    def _shelf(self, scope: Scope, index: IndexVersion) -> _Shelf:
        found = self._shelves.get(index.id)
        if found is None or found.scope != scope:
            raise IndexNotFound(f"Index version {index.number} ({index.id}).")
        return found


def _place(row: _Row) -> int:
    return row.chunk.position


def _order(one: StoredChunk, blend: Blend) -> tuple[float, str, int, int]:
    score = blend.semantic * (one.semantic or 0.0) + blend.lexical * (one.lexical or 0.0)
    return -score, one.document.item_name, one.chunk.char_start, one.id


def _spans(chunks: Iterable[Chunk]) -> list[Span]:
    return [
        Span(
            position=one.position,
            char_start=one.char_start,
            char_end=one.char_end,
            section_path=one.section_path,
        )
        for one in sorted(chunks, key=lambda one: one.position)
    ]
