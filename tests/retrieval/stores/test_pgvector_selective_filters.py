"""Filters that few of many chunks pass, in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.postgres import Pool, scoped
from retrieval.stores.pgvector import PgVectorStore
from tests.retrieval.stores.makers import NOON, Shelf
from tests.retrieval.stores.selective_filters import (
    BUCKETS,
    SelectiveFilters,
    clustered_vectors,
    small_index,
)

CHUNKS = 30_000  # more than pgvector goes through in one scan unless it is told otherwise


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    return clustered_vectors(CHUNKS)


@pytest.fixture(scope="module")
async def shelf(pool: Pool, vectors: NDArray[np.float32]) -> AsyncIterator[Shelf]:
    """One chunk is copied into many: `replace` would be at it for minutes."""
    index = small_index()
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
            'at', jsonb_build_object('at', n %% %(buckets)s * 1000000)
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


class TestPgVectorSelectiveFilters(SelectiveFilters):
    """Reads the fixtures above."""
