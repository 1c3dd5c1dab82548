"""Vectors in 4 or 2 bytes a number, or found by 1 bit of each: the contract, and how near."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from kb.postgres.pool import make_pool
from retrieval.filters import parse_filter
from retrieval.index import VectorStorage
from retrieval.postgres import Pool, scoped
from retrieval.store import Store, TooManyDimensions, Vector
from retrieval.stores.pgvector import PgVectorStore
from retrieval.stores.weaviate import VectorUnusable, WeaviateStore
from tests.retrieval.stores.makers import (
    Shelf,
    make_chunks,
    make_document,
    make_index,
    make_scope,
    make_vectors,
    with_dimensions,
)
from tests.retrieval.stores.store_contract import HALF_PRECISION, StoreContract

CHUNKS = 400
CHOICES: list[tuple[str, VectorStorage]] = [
    ("pgvector", "float"),
    ("pgvector", "half"),
    ("pgvector", "binary"),
    ("weaviate", "half"),
    ("weaviate", "binary"),
]


class TestPgVectorFloat(StoreContract):
    unstorable = psycopg.DataError
    vector_storage = "float"

    @pytest.fixture
    def store(self, pool: Pool) -> PgVectorStore:
        return PgVectorStore(pool)


class TestPgVectorBinary(StoreContract):
    unstorable = psycopg.DataError
    vector_storage = "binary"

    @pytest.fixture
    def store(self, pool: Pool) -> PgVectorStore:
        return PgVectorStore(pool)


class TestWeaviateBinary(StoreContract):
    unstorable = VectorUnusable
    assumed_chunk_size = None
    vector_storage = "binary"

    @pytest.fixture
    def store(self, weaviate_store: WeaviateStore) -> WeaviateStore:
        return weaviate_store


@pytest.fixture
async def stores(dsn: str, weaviate_store: WeaviateStore) -> AsyncIterator[dict[str, Store]]:
    """PostgreSQL cannot do without the HNSW graph here, as in a large index it would not."""
    pool = make_pool(make_conninfo(dsn, options="-c enable_seqscan=off"), max_size=4)
    await pool.open(wait=True)
    yield {"pgvector": PgVectorStore(pool), "weaviate": weaviate_store}
    await pool.close()


def near(vector: Vector) -> Vector:
    moved = vector + 0.02 * make_vectors(1, seed=2)[0]
    return (moved / np.linalg.norm(moved)).astype(np.float32)


@pytest.mark.parametrize(("name", "storage"), CHOICES)
async def test_the_nearest_are_found_with_their_exact_scores(
    stores: dict[str, Store], name: str, storage: VectorStorage
) -> None:
    shelf = await Shelf(stores[name], index=make_index(vector_storage=storage)).create()
    vectors = make_vectors(CHUNKS, seed=1)
    await shelf.put(make_document("a"), make_chunks(*["text"] * 200), vectors[:200])
    await shelf.put(make_document("b"), make_chunks(*["text"] * 200), vectors[200:])
    first_half = {"must": [{"field": "item_name", "operator": "eq", "value": "a"}]}
    for raw, held in ((None, vectors), (first_half, vectors[:200])):
        hits = 0
        for query in map(near, vectors[:20]):
            nearest = np.sort(np.array(held) @ query)[::-1][:10]
            found = (await shelf.search(vector=query, limit=10, filters=parse_filter(raw))).semantic
            assert len(found) == 10
            scores = list(found.values())
            assert scores == sorted(scores, reverse=True)
            assert scores[0] == pytest.approx(nearest[0], abs=HALF_PRECISION)
            hits += sum(score >= nearest[-1] - HALF_PRECISION for score in scores)
            read = await shelf.read(list(found), vector=query)
            assert [one.semantic for one in read] == pytest.approx(scores, abs=HALF_PRECISION)
        assert hits >= 0.9 * 200  # vectors without structure are the hardest for bits
    await shelf.store.drop(shelf.scope, shelf.index)


async def test_binary_searches_a_graph_of_bits(pool: Pool) -> None:
    shelf = await Shelf(PgVectorStore(pool), index=make_index(vector_storage="binary")).create()
    async with scoped(pool, shelf.scope) as conn:
        found = await conn.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = %s AND indexdef LIKE '%%hnsw%%'",
            [f"chunks_{shelf.index.id.hex}"],
        )
        definitions = [one async for (one,) in found]
    assert len(definitions) == 1
    assert "bit_hamming_ops" in definitions[0]


@pytest.mark.parametrize("name", ["pgvector", "weaviate"])
async def test_float_keeps_every_digit(stores: dict[str, Store], name: str) -> None:
    shelf = await Shelf(stores[name], index=make_index(vector_storage="float")).create()
    document, vectors = make_document(), make_vectors(1)
    await shelf.put(document, make_chunks("kettle"), vectors)
    kept = await shelf.store.vectors(shelf.scope, shelf.index, document.document_id)
    np.testing.assert_array_equal(next(iter(kept.values())), vectors[0])


@pytest.mark.parametrize(("storage", "limit"), [("float", 2000), ("half", 4000), ("binary", 16000)])
async def test_vectors_that_cannot_be_indexed_are_refused_before_anything_is_made(
    pool: Pool, storage: VectorStorage, limit: int
) -> None:
    store, scope = PgVectorStore(pool), make_scope()
    most = with_dimensions(make_index(vector_storage=storage), limit)
    await store.create(scope, most)
    await store.drop(scope, most)
    with pytest.raises(TooManyDimensions, match=f"{limit + 1} are more than {limit}"):
        await store.create(scope, replace(with_dimensions(most, limit + 1), id=make_index().id))
