"""How PostgreSQL weighs the words of a question, and which of them it looks for."""

from __future__ import annotations

import json
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import AsyncClientCursor, sql

from retrieval import bm25
from retrieval.postgres import Pool, scoped
from retrieval.stores.pgvector import EVERY_CHUNK, QUERIES, PgVectorStore
from tests.retrieval.stores.makers import Shelf

FREQUENCIES = st.dictionaries(st.integers(0, 99), st.integers(0, 900), max_size=8)
ASKED = st.dictionaries(st.integers(0, 99), st.integers(1, 3), min_size=1, max_size=8)


@pytest.fixture(scope="module")
async def shelf(pool: Pool) -> Shelf:
    return await Shelf(PgVectorStore(pool)).create()


@settings(max_examples=60)
@given(
    frequencies=FREQUENCIES,
    asked=ASKED,
    chunks=st.integers(900, 40_000),
    least=st.integers(0, 1500),
    most=st.integers(0, 1500),
)
async def test_words_weigh_as_bm25_has_it_and_the_rarest_respect_the_budget(
    pool: Pool,
    shelf: Shelf,
    frequencies: dict[int, int],
    asked: dict[int, int],
    chunks: int,
    least: int,
    most: int,
) -> None:
    scope = shelf.scope
    ids = {"team_id": scope.team_id, "knowledge_base_id": scope.knowledge_base_id}
    table = sql.Identifier("kb", f"terms_{shelf.index.id.hex}")
    known = {**frequencies, EVERY_CHUNK: chunks}
    async with scoped(pool, scope) as conn:
        await conn.execute(sql.SQL("DELETE FROM {}").format(table))
        await conn.cursor().executemany(
            sql.SQL("INSERT INTO {} VALUES (%s, %s, %s, %s)").format(table),
            [(term, *ids.values(), count) for term, count in known.items()],
        )
        weigh = await AsyncClientCursor(conn).execute(
            sql.SQL(QUERIES["weigh"]).format(terms=table),
            {
                **ids,
                "asked": list(asked),
                "counts": list(asked.values()),
                "least_budget": least,
                "most_budget": most,
            },
        )
        ((terms, weights, as_vector, rarest, beside, *_),) = await weigh.fetchall()
    found = dict(zip(terms, weights, strict=True))
    assert found == pytest.approx(bm25.query_weights(asked, frequencies, chunks))
    assert as_vector.count(":") == len(found)
    chosen = json.loads(f"[{rarest[1:-1]}]")
    budget = min(most, max(least, chunks // 5))
    assert len(chosen) == len(set(chosen))
    assert bool(chosen) is bool(found), "there is always at least one word to look for"
    total = sum(frequencies[term] for term in chosen)
    assert total <= budget or len(chosen) == 1
    left = found.keys() - set(chosen)
    commonest = max((frequencies[term] for term in chosen), default=0)
    rarest_left = min((frequencies[term] for term in left), default=inf)
    assert commonest <= rarest_left, "the rarest come first"
    assert total + rarest_left > budget, "and nothing is left out that there was room for"
    held = json.loads(f"[{beside[1:-1]}]")
    assert bool(held) is (total > budget and bool(left)), "where one alone has too many chunks"
    if held:
        assert set(held) <= left
        commonest_held = max(frequencies[term] for term in held)
        least_else = min((frequencies[term] for term in left - set(held)), default=inf)
        assert commonest_held <= least_else, "of the others the rarest, too"
        together = sum(frequencies[term] for term in held)
        assert total * together / chunks <= budget or len(held) == 1
        assert total * (together + least_else) / chunks > budget
