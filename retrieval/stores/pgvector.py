"""The PostgreSQL store: HNSW on half-precision vectors, and BM25 as sparse inner products."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, LiteralString, cast
from uuid import UUID

import numpy as np
import pgvector
from pgvector import HalfVector
from psycopg import errors, sql
from psycopg.types.json import Jsonb
from pydantic_core import to_json

from retrieval import bm25
from retrieval.analysis import TERM_SPACE
from retrieval.analysis.question import analyzed
from retrieval.chunk import Chunk
from retrieval.cores import usable_cores
from retrieval.filters import SECTION_SEPARATOR, Filter
from retrieval.index import IndexVersion, VectorStorage
from retrieval.metadata import as_json, from_json
from retrieval.postgres import Connection, Pool, fetch_each, scope_settings, scoped
from retrieval.scope import Scope
from retrieval.sql import load_queries
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
    TooManyDimensions,
    Vector,
)
from retrieval.stores.pgvector_filters import compile_filter

QUERIES = load_queries(Path(__file__).with_name("pgvector.sql"))
EVERY_CHUNK = -1  # the pseudo-term whose frequency is the number of chunks
MIN_EF_SEARCH = 100  # recall@10 0.995 on 100,000 vectors; 40, the default, gives 0.985
FEW = 1000  # chunks that pass a filter and are ranked exactly, without the graph
BUDGET = 3_000  # chunks that words look at; see ARCHITECTURE.md
FILTERED_BUDGET = 10_000  # most of these may not pass the filter
LISTED = 50  # chunks of which the index lists a term, for one that is looked at
WRITTEN_AT_ONCE = 256  # chunks of one document
MAX_EF_SEARCH = 1000  # pgvector's own limit
RESCORED = 8  # times as many as are wanted, of those that are near by their bits

KEPT: Mapping[str, str] = {
    "plan_cache_mode": "force_generic_plan",  # whatever other questions' plans might have cost
    # What PostgreSQL has not analysed yet it would rather go through from end to end.
    "enable_seqscan": "off",
}
"""Settings for a query whose plan is kept, and so must be good for every question to come."""

COLUMNS: Mapping[VectorStorage, tuple[LiteralString, LiteralString, int]] = {
    "float": ("vector", "embedding vector_ip_ops", 2_000),
    "half": ("halfvec", "embedding halfvec_ip_ops", 4_000),
    "binary": (
        "halfvec",
        "(binary_quantize(embedding)::bit({dimensions})) bit_hamming_ops",
        16_000,
    ),
}
"""The column's type, what is indexed, and pgvector's limit of dimensions for both."""


class PgVectorStore:
    """Needs a pool whose connections know pgvector's types (`kb.postgres.pool` makes one)."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._searches = 0  # under way

    async def create(self, scope: Scope, index: IndexVersion) -> None:
        storage = index.settings.vector_storage
        dimensions = index.settings.embedding_model.dimensions
        column, indexed, limit = COLUMNS[storage]
        if dimensions > limit:
            raise TooManyDimensions(f"{dimensions} are more than {limit} for {storage}.")
        size = sql.Literal(dimensions)
        async with scoped(self._pool, scope) as conn:
            await conn.execute(_query("lock", index.id))
            if not await _exists(conn, index):
                await conn.execute(
                    _composed(
                        "create",
                        index.id,
                        column=sql.SQL(column).format() + sql.SQL("({})").format(size),
                        indexed=sql.SQL(indexed).format(dimensions=size),
                        team_id=sql.Literal(str(scope.team_id)),
                        knowledge_base_id=sql.Literal(str(scope.knowledge_base_id)),
                    )
                )

    async def drop(self, scope: Scope, index: IndexVersion) -> None:
        async with scoped(self._pool, scope) as conn:
            await conn.execute(_query("lock", index.id))
            # Row-level security does not guard whole tables: only their own scope may drop them.
            if await _exists(conn, index) and await _is_ours(conn, scope, index):
                await conn.execute(_query("drop", index.id))

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
        with _found(index):
            async with scoped(self._pool, scope) as conn, conn.cursor() as cursor:
                await conn.execute(_query("lock", index.id))
                forgotten = await conn.execute(
                    _query("forget", index.id), {**_ids(scope), "document_id": document.document_id}
                )
                deltas: Counter[int] = Counter()
                async for (terms,) in forgotten:
                    deltas.subtract([EVERY_CHUNK, *terms])
                # In parts: rows are many times larger than their chunks. On a thread: the words of
                # a long document keep a processor busy for seconds.
                for start in range(0, len(chunks), WRITTEN_AT_ONCE):
                    part = slice(start, start + WRITTEN_AT_ONCE)
                    rows = await asyncio.to_thread(
                        _rows, scope, index, document, chunks[part], vectors[part]
                    )
                    for row in rows:
                        deltas.update([EVERY_CHUNK, *row["terms"]])
                    await cursor.executemany(_query("insert", index.id), rows)
                changed = sorted((term, delta) for term, delta in deltas.items() if delta)
                await conn.execute(
                    _query("add_frequencies", index.id),
                    {
                        **_ids(scope),
                        "terms": [term for term, _ in changed],
                        "deltas": [delta for _, delta in changed],
                    },
                )

    async def vectors(
        self, scope: Scope, index: IndexVersion, document_id: UUID
    ) -> dict[bytes, Vector]:
        query = _query("vectors", index.id)
        rows = await self._fetch(scope, index, query, {"document_id": document_id})
        return {bytes(digest): _to_vector(half) for digest, half in rows}

    async def search(
        self,
        scope: Scope,
        index: IndexVersion,
        query: StoreQuery,
        *,
        limit: int,
        filters: Filter | None,
    ) -> Candidates:
        self._searches += 1
        try:
            semantic, weighed, lexical = await self._legs(scope, index, query, limit, filters)
        finally:
            self._searches -= 1
        return Candidates(
            semantic=_scores(semantic),
            lexical=_scores(lexical),
            term_weights=None if query.text is None else _weights(weighed),
        )

    async def _legs(
        self,
        scope: Scope,
        index: IndexVersion,
        query: StoreQuery,
        limit: int,
        filters: Filter | None,
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """The rows by meaning, the weights of the text's terms, and the rows by words.

        Side by side while each has a core of its own, else one after the other in one round trip:
        then something else would have to wait for the second.
        """
        vector = query.vector

        async def by_meaning() -> list[list[Any]]:
            if vector is None:
                return [[]]
            return await self._ask(scope, index, _by_meaning(index, vector, limit, filters))

        async def by_words() -> list[list[Any]]:
            if query.text is None:
                return [[], []]
            return await self._ask(scope, index, await _by_words(index, query, limit, filters))

        if vector is None or query.text is None or 2 * self._searches <= usable_cores():
            (semantic,), (weighed, lexical) = await asyncio.gather(by_meaning(), by_words())
        else:
            meaning = _by_meaning(index, vector, limit, filters)
            both = meaning + await _by_words(index, query, limit, filters)
            semantic, weighed, lexical = await self._ask(scope, index, both)
        return semantic, weighed, lexical

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
        known = query.found or Candidates()
        weights = known.term_weights
        if weights is None and query.text is not None:
            weigh = _query("weigh", index.id)
            weights = _weights(await self._fetch(scope, index, weigh, await _terms(query)))
        asked = _Asked(
            (_query("read", index.id),),
            {
                "vector": None if query.vector is None else _question(query.vector.tobytes()),
                "weights": None if weights is None else _sparse(weights),
                "ids": _array(ids),
                "by_meaning": _array(map(known.semantic.get, ids)),
                "by_words": _array(map(known.lexical.get, ids)),
                "semantic": blend.semantic,
                "lexical": blend.lexical,
                "best": best,
            },
            KEPT,
        )
        (found,) = await self._ask(scope, index, asked)
        return Reading(
            chunks=[_stored(row[:-1]) for row in found], found=found[0][-1] if found else 0
        )

    async def documents(self, scope: Scope, index: IndexVersion) -> list[StoredDocument]:
        rows = await self._fetch(scope, index, _query("documents", index.id), {})
        return [
            StoredDocument(document=_document(document), chunks=chunks)
            for *document, chunks in rows
        ]

    async def spans(
        self, scope: Scope, index: IndexVersion, wanted: Sequence[tuple[UUID, int, int]]
    ) -> list[list[Span]]:
        rows = await self._fetch(
            scope,
            index,
            _query("spans", index.id),
            {
                "versions": [version_id for version_id, _, _ in wanted],
                "firsts": [first for _, first, _ in wanted],
                "lasts": [last for _, _, last in wanted],
            },
        )
        found: list[list[Span]] = [[] for _ in wanted]
        for number, position, char_start, char_end, section_path in rows:
            span = Span(
                position=position,
                char_start=char_start,
                char_end=char_end,
                section_path=tuple(section_path),
            )
            found[int(number) - 1].append(span)
        return found

    async def count(self, scope: Scope, index: IndexVersion) -> int:
        ((chunks,),) = await self._fetch(scope, index, _query("count", index.id), {})
        return int(chunks)

    async def _fetch(
        self,
        scope: Scope,
        index: IndexVersion,
        query: LiteralString,
        parameters: Mapping[str, Any],
    ) -> list[Any]:
        """The rows of a query that names its scope."""
        (rows,) = await self._ask(scope, index, _Asked((query,), parameters))
        return rows

    async def _ask(self, scope: Scope, index: IndexVersion, asked: _Asked) -> list[list[Any]]:
        """The rows of each query."""
        settings = {**scope_settings(scope), **asked.settings}
        parameters = {**_ids(scope), **asked.parameters}
        with _found(index):
            return await fetch_each(
                self._pool, settings, asked.queries, parameters, keep_plans=not asked.filtered
            )


@dataclass(frozen=True, slots=True)
class _Asked:
    """Queries of one transaction, of which each sees what the one before has set."""

    queries: tuple[LiteralString, ...]
    parameters: Mapping[str, Any]
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    """PostgreSQL's own, for this transaction alone."""
    filtered: bool = False
    """The best plan depends on how many chunks pass."""

    def __add__(self, other: _Asked) -> _Asked:
        return _Asked(
            (*self.queries, *other.queries),
            {**self.parameters, **other.parameters},
            {**self.settings, **other.settings},
            self.filtered or other.filtered,
        )


def _by_meaning(index: IndexVersion, vector: Vector, limit: int, filters: Filter | None) -> _Asked:
    condition, parameters = compile_filter(filters)
    storage = index.settings.vector_storage
    return _Asked(
        (_nearest(index, condition.as_string(), limit),),
        {**parameters, "vector": _question(vector.tobytes())},
        {
            "hnsw.ef_search": str(_visited(storage, limit)),
            # Without it, a filter leaves only what happens to be among the nearest ef_search.
            "hnsw.iterative_scan": "strict_order",
            "hnsw.max_scan_tuples": "100000",
            "hnsw.scan_mem_multiplier": "8",
            **(KEPT if filters is None else {}),
        },
        filtered=filters is not None,
    )


async def _by_words(
    index: IndexVersion, query: StoreQuery, limit: int, filters: Filter | None
) -> _Asked:
    """Weighs the text's terms, and searches for them."""
    condition, parameters = compile_filter(filters)
    return _Asked(
        (_query("weigh", index.id), _query("search_lexical", index.id, condition.as_string())),
        {**parameters, **await _terms(query, filtered=filters is not None), "limit": limit},
        KEPT if filters is None else {},
        filtered=filters is not None,
    )


@contextmanager
def _found(index: IndexVersion) -> Generator[None]:
    """Here a missing or foreign table means: no such index."""
    try:
        yield
    except (errors.UndefinedTable, errors.CheckViolation) as exc:
        raise IndexNotFound(f"Index version {index.number} ({index.id}).") from exc


async def _exists(conn: Connection, index: IndexVersion) -> bool:
    row = await (await conn.execute(_query("exists", index.id))).fetchone()
    return bool(row and row[0])


async def _is_ours(conn: Connection, scope: Scope, index: IndexVersion) -> bool:
    rows = await conn.execute(_query("is_ours", index.id), _ids(scope))
    return await rows.fetchone() is not None


@lru_cache(maxsize=1024)
def _query(name: str, index_id: UUID, condition: str = "true") -> LiteralString:
    """A query on an index version's tables."""
    filled = _composed(name, index_id, filter=sql.SQL(cast("LiteralString", condition)))
    return cast("LiteralString", filled.as_string())


def _visited(storage: VectorStorage, limit: int) -> int:
    """How many of the graph's chunks a search keeps in hand."""
    wanted = limit * RESCORED if storage == "binary" else limit
    return min(max(wanted, MIN_EF_SEARCH), MAX_EF_SEARCH)


def _nearest(index: IndexVersion, condition: str, limit: int) -> LiteralString:
    """The query by meaning, on that index version's tables.

    Its limits are part of it: for an unknown number of chunks no plan takes the graph.
    """
    settings = index.settings
    dimensions = settings.embedding_model.dimensions
    return _nearest_query(index.id, condition, limit, settings.vector_storage, dimensions)


@lru_cache(maxsize=1024)
def _nearest_query(
    index_id: UUID, condition: str, limit: int, storage: VectorStorage, dimensions: int
) -> LiteralString:
    name = "search_semantic_by_bits" if storage == "binary" else "search_semantic_by_graph"
    column, _, _ = COLUMNS[storage]
    passing = sql.SQL(cast("LiteralString", condition))
    most, best = sql.Literal(FEW), sql.Literal(limit)
    if condition == "true":  # how many chunks there are in all is known without looking
        everything = _composed("all_chunks", index_id)
        few, many = everything + sql.SQL(" <= ") + most, everything + sql.SQL(" > ") + most
    else:
        few, many = passing, sql.SQL("(SELECT count(*) FROM few) > {} AND ").format(most) + passing
    by_graph = _composed(
        name,
        index_id,
        filter=many,
        dimensions=sql.Literal(dimensions),
        rescored=sql.Literal(max(_visited(storage, limit), limit)),
        limit=best,
    )
    filled = _composed(
        "search_semantic",
        index_id,
        few=few,
        most=most,
        by_graph=by_graph,
        column=sql.SQL(column),
        limit=best,
    )
    return cast("LiteralString", filled.as_string())


def _composed(name: str, index_id: UUID, **parts: sql.Composable) -> sql.Composed:
    chunks = f"chunks_{index_id.hex}"
    return sql.SQL(QUERIES[name]).format(
        chunks=sql.Identifier("kb", chunks),
        words=sql.Identifier("kb", f"words_{index_id.hex}"),
        terms=sql.Identifier("kb", f"terms_{index_id.hex}"),
        name=sql.Literal(f"kb.{chunks}"),
        **parts,
    )


def _ids(scope: Scope) -> dict[str, UUID]:
    return {"team_id": scope.team_id, "knowledge_base_id": scope.knowledge_base_id}


def _rows(
    scope: Scope,
    index: IndexVersion,
    document: DocumentVersion,
    chunks: Sequence[Chunk],
    vectors: Sequence[Vector],
) -> list[dict[str, Any]]:
    return [
        _row(scope, index, document, chunk, vector)
        for chunk, vector in zip(chunks, vectors, strict=True)
    ]


def _row(
    scope: Scope, index: IndexVersion, document: DocumentVersion, chunk: Chunk, vector: Vector
) -> dict[str, Any]:
    weights = bm25.document_weights(
        chunk.indexed_text, index.settings.chunking.max_chunk_size, document.language
    )
    return {
        **_ids(scope),
        "document_id": document.document_id,
        "version_id": document.version_id,
        "version_number": document.version_number,
        "item_name": document.item_name,
        "ingested_at": document.ingested_at,
        "position": chunk.position,
        "text": chunk.text,
        "context": chunk.context,
        "char_start": chunk.char_start,
        "char_end": chunk.char_end,
        "parent_start": None if chunk.parent is None else chunk.parent[0],
        "parent_end": None if chunk.parent is None else chunk.parent[1],
        "page": chunk.page,
        "section_path": list(chunk.section_path),
        "category": chunk.category,
        "token_count": chunk.token_count,
        "source": document.source,
        "section": SECTION_SEPARATOR.join(chunk.section_path),
        "language": document.language,
        "metadata": Jsonb(as_json(document.metadata)),
        "content_hash": chunk.content_hash,
        "embedding": _literal(vector, index.settings.vector_storage),
        "terms": sorted(weights),
        "weights": _sparse(weights),
    }


def _document(row: Sequence[Any]) -> DocumentVersion:
    (
        document_id,
        version_id,
        version_number,
        item_name,
        ingested_at,
        source,
        language,
        metadata,
    ) = row
    return DocumentVersion(
        document_id=document_id,
        version_id=version_id,
        version_number=version_number,
        item_name=item_name,
        ingested_at=ingested_at,
        source=source,
        language=language,
        metadata=from_json(metadata),
    )


def _stored(row: Sequence[Any]) -> StoredChunk:
    chunk_id, *rest = row
    document, chunk = rest[:8], rest[8:]
    (
        position,
        text,
        context,
        char_start,
        char_end,
        parent_start,
        parent_end,
        page,
        section_path,
        category,
        token_count,
        semantic,
        lexical,
    ) = chunk
    return StoredChunk(
        id=chunk_id,
        document=_document(document),
        chunk=Chunk(
            position=position,
            text=text,
            context=context,
            char_start=char_start,
            char_end=char_end,
            parent=None if parent_start is None else (parent_start, parent_end),
            page=page,
            section_path=tuple(section_path),
            category=category,
            token_count=token_count,
        ),
        semantic=semantic,
        lexical=lexical,
    )


async def _terms(query: StoreQuery, *, filtered: bool = False) -> dict[str, Any]:
    """What weighs the words of the query's text."""
    terms = await analyzed(bm25.query_terms, query.text or "", query.languages)
    return {
        "asked": _array(terms),
        "counts": _array(terms.values()),
        "budget": FILTERED_BUDGET if filtered else BUDGET,
        "listed": LISTED,
    }


def _weights(rows: Sequence[Any]) -> dict[int, float]:
    ((terms, weights, *_),) = rows
    return dict(zip(terms, weights, strict=True))


def _array(numbers: Iterable[float | None]) -> str:
    """In PostgreSQL's text form; psycopg takes each for what may have to be quoted."""
    return f"{{{to_json([*numbers]).decode()[1:-1]}}}"


def _sparse(weights: Mapping[int, float]) -> str:
    """In pgvector's text form, which counts from 1."""
    elements = ",".join(f"{term + 1}:{weight!r}" for term, weight in sorted(weights.items()))
    return f"{{{elements}}}/{TERM_SPACE}"


def _scores(rows: Iterable[tuple[int, float]]) -> dict[int, float]:
    """Inner products by chunk; pgvector's operator gives them negated, as distances."""
    return {chunk_id: -distance for chunk_id, distance in rows}


@lru_cache(maxsize=64)  # a search sends it twice
def _question(vector: bytes) -> str:
    """A question's vector of single precision in pgvector's text form.

    Seven decimals of a unit vector change a cosine by less than single precision does, and take
    half the room: a statement of more than 8 KB wakes PostgreSQL twice.
    """
    return to_json(np.frombuffer(vector, np.float32).astype(np.float64).round(7).tolist()).decode()


def _literal(vector: Vector, storage: VectorStorage) -> str:
    """The vector in pgvector's text form, which JSON's is; its own takes 15 times as long."""
    numbers = vector if storage == "float" else vector.astype(np.float16)
    return to_json(numbers.tolist()).decode()


def _to_vector(stored: HalfVector | pgvector.Vector) -> Vector:
    return stored.to_numpy().astype(np.float32)
