"""The PostgreSQL store: HNSW on half-precision vectors, and BM25 as sparse inner products."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from pgvector import HalfVector, SparseVector
from psycopg import errors, sql

from retrieval import bm25
from retrieval.analysis import TERM_SPACE
from retrieval.chunk import Chunk
from retrieval.filters import Filter
from retrieval.index import IndexVersion
from retrieval.postgres import Connection, Pool, scoped
from retrieval.scope import Scope
from retrieval.sql import load_queries
from retrieval.store import (
    Blend,
    Candidates,
    DimensionMismatch,
    DocumentVersion,
    IndexNotFound,
    Reading,
    StoredChunk,
    StoreQuery,
    Vector,
)
from retrieval.stores.pgvector_filters import compile_filter

QUERIES = load_queries(Path(__file__).with_name("pgvector.sql"))
EVERY_CHUNK = -1  # the pseudo-term whose frequency is the number of chunks
MIN_EF_SEARCH = 100  # recall@10 0.995 on 100,000 vectors; 40, the default, gives 0.985
MAX_EF_SEARCH = 1000  # pgvector's own limit


class PgVectorStore:
    """Needs a pool whose connections know pgvector's types (`kb.postgres.pool` makes one)."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def create(self, scope: Scope, index: IndexVersion) -> None:
        async with scoped(self._pool, scope) as conn:
            await conn.execute(_query("lock", index))
            if not await _exists(conn, index):
                await conn.execute(
                    _query(
                        "create",
                        index,
                        dimensions=sql.Literal(index.settings.embedding_model.dimensions),
                        team_id=sql.Literal(str(scope.team_id)),
                        knowledge_base_id=sql.Literal(str(scope.knowledge_base_id)),
                    )
                )

    async def drop(self, scope: Scope, index: IndexVersion) -> None:
        async with scoped(self._pool, scope) as conn:
            await conn.execute(_query("lock", index))
            # Row-level security does not guard whole tables: only their own scope may drop them.
            if await _exists(conn, index) and await _is_ours(conn, scope, index):
                await conn.execute(_query("drop", index))

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
        # On a thread: the words of a long document keep a processor busy for seconds.
        rows = await asyncio.to_thread(_rows, scope, index, document, chunks, vectors)
        async with _indexed(self._pool, scope, index) as conn:
            await conn.execute(_query("lock", index))
            forgotten = await conn.execute(
                _query("forget", index), {**_ids(scope), "document_id": document.document_id}
            )
            deltas: Counter[int] = Counter()
            async for (terms,) in forgotten:
                deltas.subtract([EVERY_CHUNK, *terms])
            for row in rows:
                deltas.update([EVERY_CHUNK, *row["terms"]])
            if rows:
                async with conn.cursor() as cursor:
                    await cursor.executemany(_query("insert", index), rows)
            changed = sorted((term, delta) for term, delta in deltas.items() if delta)
            await conn.execute(
                _query("add_frequencies", index),
                {
                    **_ids(scope),
                    "terms": [term for term, _ in changed],
                    "deltas": [delta for _, delta in changed],
                },
            )

    async def vectors(
        self, scope: Scope, index: IndexVersion, document_id: UUID
    ) -> dict[bytes, Vector]:
        async with _indexed(self._pool, scope, index) as conn:
            rows = await conn.execute(
                _query("vectors", index), {**_ids(scope), "document_id": document_id}
            )
            return {bytes(digest): _to_vector(half) async for digest, half in rows}

    async def search(
        self,
        scope: Scope,
        index: IndexVersion,
        query: StoreQuery,
        *,
        limit: int,
        filters: Filter | None,
    ) -> Candidates:
        semantic, words = await asyncio.gather(
            self._search_semantic(scope, index, query.vector, limit, filters),
            self._search_lexical(scope, index, query.text, limit, filters),
        )
        weights, lexical = words
        return Candidates(semantic=semantic, lexical=lexical, term_weights=weights)

    async def _search_semantic(
        self,
        scope: Scope,
        index: IndexVersion,
        vector: Vector | None,
        limit: int,
        filters: Filter | None,
    ) -> dict[int, float]:
        if vector is None:
            return {}
        condition, parameters = compile_filter(filters)
        settings = {
            "hnsw.ef_search": str(min(max(limit, MIN_EF_SEARCH), MAX_EF_SEARCH)),
            # Without it, a filter leaves only what happens to be among the nearest ef_search.
            "hnsw.iterative_scan": "strict_order",
        }
        async with _indexed(self._pool, scope, index, settings) as conn:
            rows = await conn.execute(
                _query("search_semantic", index, filter=condition),
                {**_ids(scope), **parameters, "vector": HalfVector(vector), "limit": limit},
            )
            return {chunk_id: score async for chunk_id, score in rows}

    async def _search_lexical(
        self,
        scope: Scope,
        index: IndexVersion,
        text: str | None,
        limit: int,
        filters: Filter | None,
    ) -> tuple[dict[int, float] | None, dict[int, float]]:
        """The weights of the text's terms, and the scores."""
        if text is None:
            return None, {}
        condition, parameters = compile_filter(filters)
        # The planner takes comparing two arrays for as cheap as comparing two numbers.
        settings = {"enable_seqscan": "off"}
        async with _indexed(self._pool, scope, index, settings) as conn:
            weights, frequencies = await _query_weights(conn, scope, index, text)
            if not weights:
                return weights, {}
            rows = await conn.execute(
                _query("search_lexical", index, filter=condition),
                {
                    **_ids(scope),
                    **parameters,
                    "weights": SparseVector(weights, TERM_SPACE),
                    "rarest": bm25.rarest(frequencies, weights, bm25.CANDIDATE_BUDGET),
                    "limit": limit,
                },
            )
            return weights, {chunk_id: score async for chunk_id, score in rows}

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
        async with _indexed(self._pool, scope, index) as conn:
            weights = None
            if query.text is not None:
                known = query.term_weights
                if known is None:
                    known, _ = await _query_weights(conn, scope, index, query.text)
                weights = SparseVector(dict(known), TERM_SPACE)
            rows = await conn.execute(
                _query("read", index),
                {
                    **_ids(scope),
                    "vector": None if query.vector is None else HalfVector(query.vector),
                    "weights": weights,
                    "ids": list(ids),
                    "semantic": blend.semantic,
                    "lexical": blend.lexical,
                    "best": best,
                },
            )
            found = await rows.fetchall()
            return Reading(
                chunks=[_stored(row[:-1]) for row in found], found=found[0][-1] if found else 0
            )

    async def count(self, scope: Scope, index: IndexVersion) -> int:
        async with _indexed(self._pool, scope, index) as conn:
            row = await (await conn.execute(_query("count", index), _ids(scope))).fetchone()
            assert row
            return int(row[0])


@asynccontextmanager
async def _indexed(
    pool: Pool, scope: Scope, index: IndexVersion, settings: Mapping[str, str] | None = None
) -> AsyncGenerator[Connection]:
    """A scoped transaction in which a missing or foreign table means: no such index."""
    try:
        async with scoped(pool, scope, settings) as conn:
            yield conn
    except (errors.UndefinedTable, errors.CheckViolation) as exc:
        raise IndexNotFound(f"Index version {index.number} ({index.id}).") from exc


async def _exists(conn: Connection, index: IndexVersion) -> bool:
    row = await (await conn.execute(_query("exists", index))).fetchone()
    return bool(row and row[0])


async def _is_ours(conn: Connection, scope: Scope, index: IndexVersion) -> bool:
    rows = await conn.execute(_query("frequencies", index), {**_ids(scope), "terms": [EVERY_CHUNK]})
    return await rows.fetchone() is not None


async def _query_weights(
    conn: Connection, scope: Scope, index: IndexVersion, text: str
) -> tuple[dict[int, float], dict[int, int]]:
    """The query's side of BM25, and how many chunks hold each of its terms."""
    terms = bm25.query_terms(text)
    rows = await conn.execute(
        _query("frequencies", index), {**_ids(scope), "terms": [EVERY_CHUNK, *terms]}
    )
    frequencies: dict[int, int] = {term: chunks async for term, chunks in rows}
    chunks = frequencies.pop(EVERY_CHUNK, 0)
    return bm25.query_weights(terms, frequencies, chunks), frequencies


def _query(name: str, index: IndexVersion, **parts: sql.Composable) -> sql.Composed:
    chunks = f"chunks_{index.id.hex}"
    return sql.SQL(QUERIES[name]).format(
        chunks=sql.Identifier("kb", chunks),
        words=sql.Identifier("kb", f"words_{index.id.hex}"),
        terms=sql.Identifier("kb", f"terms_{index.id.hex}"),
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
    weights = bm25.document_weights(chunk.indexed_text, index.settings.max_chunk_size)
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
        "page": chunk.page,
        "section_path": list(chunk.section_path),
        "category": chunk.category,
        "token_count": chunk.token_count,
        "content_hash": chunk.content_hash,
        "embedding": HalfVector(vector),
        "terms": sorted(weights),
        "weights": SparseVector(weights, TERM_SPACE),
    }


def _stored(row: Sequence[Any]) -> StoredChunk:
    (
        chunk_id,
        document_id,
        version_id,
        version_number,
        item_name,
        ingested_at,
        position,
        text,
        context,
        char_start,
        char_end,
        page,
        section_path,
        category,
        token_count,
        semantic,
        lexical,
    ) = row
    return StoredChunk(
        id=chunk_id,
        document=DocumentVersion(
            document_id=document_id,
            version_id=version_id,
            version_number=version_number,
            item_name=item_name,
            ingested_at=ingested_at,
        ),
        chunk=Chunk(
            position=position,
            text=text,
            context=context,
            char_start=char_start,
            char_end=char_end,
            page=page,
            section_path=tuple(section_path),
            category=category,
            token_count=token_count,
        ),
        semantic=semantic,
        lexical=lexical,
    )


def _to_vector(half: HalfVector) -> Vector:
    return half.to_numpy().astype(np.float32)
