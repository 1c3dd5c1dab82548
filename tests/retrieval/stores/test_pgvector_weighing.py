"""How PostgreSQL weighs the words of a question, and which of them it looks for."""

from __future__ import annotations

import json
from itertools import accumulate

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
    budget=st.integers(0, 1500),
    listed=st.integers(1, 100),
)
async def test_words_weigh_as_bm25_has_it_and_what_is_looked_at_respects_the_budget(
    pool: Pool,
    shelf: Shelf,
    frequencies: dict[int, int],
    asked: dict[int, int],
    chunks: int,
    budget: int,
    listed: int,
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
                "budget": budget,
                "listed": listed,
            },
        )
        ((terms, weights, as_vector, *chosen),) = await weigh.fetchall()
    found = dict(zip(terms, weights, strict=True))
    assert found == pytest.approx(bm25.query_weights(asked, frequencies, chunks))
    assert as_vector.count(":") == len(found)
    rarest, following, beside = [json.loads(f"[{one[1:-1]}]") for one in chosen[:3]]
    order = sorted(found, key=lambda term: (frequencies[term], [*asked].index(term)))
    totals = [0, *accumulate(frequencies[term] for term in order)]
    alone = 5 * budget // max(len(order), 1)
    fitting = sum(min(total, chunks) <= alone for total in totals[1:])
    if len(order) == 1:
        assert (rarest, following, beside) == (order, [-1], []), "it has nothing to be held beside"
        return
    assert sorted(rarest) == sorted(order[:fitting]), "by themselves the rarest"
    spent, left = totals[fitting], budget - totals[fitting]

    def cost(place: int) -> float:
        """Of looking for either of the next two beside the other and the terms up to this one."""
        one, other = [frequencies[term] for term in order[fitting : fitting + 2]]
        others = totals[place + 1] - spent - one - other
        expected = (one * other + (one + other) * others) / chunks
        return expected + (totals[place + 1] - spent) / listed

    if len(order) < fitting + 2 or (fitting and cost(fitting + 1) > left):
        assert (following, beside) == ([-1], []), "there is no room for pairs, or nothing to pair"
        return
    assert following == order[fitting : fitting + 2], "the rarer one first"
    held = [order[place] for place in range(fitting + 2, len(order)) if cost(place) <= left]
    assert sorted(beside) == sorted(held)
