"""Filters that few of many chunks pass: all of them are found, the nearest first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.filters import FieldType, parse_filter
from retrieval.postgres import Pool, scoped
from retrieval.store import Vector
from retrieval.stores.pgvector import PgVectorStore
from tests.retrieval.stores.makers import NOON, Shelf, make_index

CHUNKS = 30_000  # more than pgvector goes through in one scan unless it is told otherwise
BUCKETS = 1_000  # so that one of them is a thousandth of all
DIMENSIONS = 16
CLUSTERS = 200
DECLARED: dict[str, FieldType] = {
    "name": "string",
    "bucket": "number",
    "tags": "string_list",
    "at": "timestamp",
}


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    """In clusters, as those of texts are: what passes a filter is far from most questions."""
    random = np.random.default_rng(7)
    centres = random.normal(size=(CLUSTERS, DIMENSIONS))
    drawn = centres[np.arange(CHUNKS) % CLUSTERS] + 0.5 * random.normal(size=(CHUNKS, DIMENSIONS))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
async def shelf(pool: Pool, vectors: NDArray[np.float32]) -> AsyncIterator[Shelf]:
    """One chunk is copied into many: `replace` would be at it for minutes."""
    index = make_index()
    model = replace(index.settings.embedding_model, dimensions=DIMENSIONS)
    index = replace(index, settings=replace(index.settings, embedding_model=model))
    shelf = await Shelf(PgVectorStore(pool), index=index).create()
    names = {"chunks": f"kb.chunks_{index.id.hex}", "words": f"kb.words_{index.id.hex}"}
    async with scoped(pool, shelf.scope) as conn:
        for statement, parameters in (
            ("CREATE TEMP TABLE vectors (n integer, vector halfvec) ON COMMIT DROP", None),
            # A graph is built over many at once in a fraction of the time.
            ("DROP INDEX {chunks}_embedding_idx", None),
        ):
            await conn.execute(statement.format(**names).encode(), parameters)
        async with conn.cursor().copy("COPY vectors FROM STDIN") as copy:
            for number, vector in enumerate(vectors):
                await copy.write_row((number, str(vector.round(4).tolist())))
        await conn.execute(
            INSERT_CHUNKS.format(**names).encode(),
            {
                "team_id": shelf.scope.team_id,
                "knowledge_base_id": shelf.scope.knowledge_base_id,
                "at": NOON,
                "buckets": BUCKETS,
            },
        )
        for statement in (INSERT_WORDS, BUILD_INDEX):
            await conn.execute(statement.format(**names).encode())
    async with pool.connection() as conn:
        for table in names.values():
            await conn.execute(f"ANALYZE {table}".encode())
    yield shelf
    await shelf.store.drop(shelf.scope, shelf.index)


INSERT_CHUNKS = """
    INSERT INTO {chunks} (
        team_id, knowledge_base_id, document_id, version_id, version_number, item_name, ingested_at,
        position, text, context, char_start, char_end, section_path, category, token_count, source,
        section, language, metadata, content_hash, embedding
    )
    SELECT %(team_id)s, %(knowledge_base_id)s, gen_random_uuid(), gen_random_uuid(), 1,
        'document ' || n %% %(buckets)s, %(at)s, 0, 'row ' || n, '', 0, 5, '{{}}',
        'CompositeElement', 2, '', '', 'en',
        jsonb_build_object(
            'bucket', n %% %(buckets)s, 'name', 'name ' || n %% %(buckets)s,
            'tags', jsonb_build_array('all', 'tag ' || n %% %(buckets)s),
            'at', jsonb_build_object('at', n %% %(buckets)s)
        ),
        '', vector
    FROM vectors ORDER BY n
"""
INSERT_WORDS = """
    INSERT INTO {words} (
        id, team_id, knowledge_base_id, item_name, ingested_at, page, category, source, section,
        metadata, terms, weights
    )
    SELECT id, team_id, knowledge_base_id, item_name, ingested_at, page, category, source, section,
        metadata, '{{1}}', '{{1:1}}/1000000000'
    FROM {chunks}
"""
BUILD_INDEX = (
    "CREATE INDEX ON {chunks} USING hnsw (embedding halfvec_ip_ops)"
    " WITH (m = 16, ef_construction = 64)"
)


def clause(field: str, operator: str, value: object) -> dict[str, object]:
    return {"must": [{"field": field, "operator": operator, "value": value}]}


async def found(shelf: Shelf, raw: dict[str, object], query: Vector, *, limit: int) -> list[int]:
    """Numbers of the chunks that the semantic leg finds, the nearest first."""
    candidates = await shelf.search(vector=query, limit=limit, filters=parse_filter(raw, DECLARED))
    stored = await shelf.read(list(candidates.semantic))
    return [int(one.chunk.text.removeprefix("row ")) for one in stored]


@pytest.mark.parametrize(
    "raw",
    [
        clause("name", "eq", "name 8"),
        clause("name", "in", ["name 8", "nobody"]),
        clause("bucket", "eq", 8),
        clause("tags", "eq", "tag 8"),
        clause("tags", "in", ["tag 8"]),
        clause("at", "eq", "1970-01-01T00:00:00.000008Z"),
        clause("item_name", "eq", "document 8"),
        {
            "must": [
                {"field": "bucket", "operator": "gt", "value": 7},
                {"field": "bucket", "operator": "lt", "value": 9},
            ]
        },
    ],
    ids=str,
)
async def test_all_that_one_chunk_in_a_thousand_passes_is_found(
    shelf: Shelf, vectors: NDArray[np.float32], raw: dict[str, object]
) -> None:
    passing = set(range(8, CHUNKS, BUCKETS))
    for query in (vectors[8], vectors[11], -vectors[8]):
        assert set(await found(shelf, raw, query, limit=100)) == passing


@pytest.mark.parametrize("buckets", [1, 10, 100, 500])
async def test_the_nearest_of_what_passes_are_found_however_much_it_is(
    shelf: Shelf, vectors: NDArray[np.float32], buckets: int
) -> None:
    """Against going through all of it, at 0.1, 1, 10 and 50 %."""
    passing = np.flatnonzero(np.arange(CHUNKS) % BUCKETS < buckets)
    shares: list[float] = []
    for query in vectors[3:23]:
        exact = passing[np.argsort(-(vectors[passing] @ query))[:10]]
        nearest = await found(shelf, clause("bucket", "lt", buckets), query, limit=10)
        assert len(nearest) == 10
        shares.append(len(set(nearest) & set(exact.tolist())) / 10)
    assert np.mean(shares) >= 0.95
