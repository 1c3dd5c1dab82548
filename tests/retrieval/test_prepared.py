"""Queries are read by PostgreSQL once a connection, whatever happens to them there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, LiteralString

import pytest
from psycopg import errors

from kb.postgres.pool import make_pool
from retrieval.postgres import Pool, fetch, fetch_each
from retrieval.prepared import MOST

TWICE = "SELECT %(number)s::integer * 2"


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    """A pool of one connection."""
    pool = make_pool(dsn, max_size=1)
    await pool.open(wait=True)
    yield pool
    await pool.close()


async def ask(pool: Pool, query: Any, **parameters: object) -> list[tuple[Any, ...]]:
    return await fetch(pool, {"kb.test": ""}, query, parameters)


async def kept(pool: Pool) -> list[tuple[str, int]]:
    """What the connection has prepared, and how often it ran it."""
    async with pool.connection() as conn:
        found = await conn.execute(
            "SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements"
        )
        return await found.fetchall()


async def test_a_query_is_read_once_and_run_with_each_ones_parameters(pool: Pool) -> None:
    assert [await ask(pool, TWICE, number=n) for n in range(9)] == [[(2 * n,)] for n in range(9)]
    ((statement, times),) = await kept(pool)
    assert "$1::integer * 2" in statement
    assert times == 9


async def test_a_parameter_may_come_twice_and_a_per_cent_sign_too(pool: Pool) -> None:
    query = "SELECT %(b)s::text || %(a)s::text || %(b)s::text, 7 %% 4, '%%'"
    for _ in range(2):
        assert await ask(pool, query, a="-", b="%") == [("%-%", 3, "%")]
    assert await ask(pool, "SELECT '100 %%'") == [("100 %",)]


async def test_queries_of_one_round_trip_share_parameters_and_transaction(pool: Pool) -> None:
    queries: list[LiteralString] = [
        "SELECT set_config('kb.test', %(word)s::text, true)",
        "SELECT current_setting('kb.test') || %(word)s::text",
    ]
    for word in ("a", "b"):
        told = await fetch_each(pool, {"kb.test": ""}, queries, {"word": word})
        assert told == [[(word,)], [(word * 2,)]]
    assert await ask(pool, "SELECT current_setting('kb.test')") == [("",)]


async def test_what_is_to_be_planned_anew_is_not_kept(pool: Pool) -> None:
    for number in range(7):
        told = await fetch_each(pool, {}, [TWICE], {"number": number}, keep_plans=False)
        assert told == [[(2 * number,)]]
    assert await kept(pool) == []


async def test_a_connection_keeps_only_so_many(pool: Pool) -> None:
    for number in range(2 * MOST + 5):
        assert await ask(pool, f"SELECT %(one)s::integer + {number}", one=1) == [(number + 1,)]
        assert await ask(pool, TWICE, number=number) == [(2 * number,)]
        assert len(await kept(pool)) <= MOST


async def test_a_full_connection_forgets_nothing_for_what_it_knows(pool: Pool) -> None:
    for number in range(MOST - 1):
        await ask(pool, f"SELECT {number}")
    for _ in range(3):
        assert await ask(pool, TWICE, number=2) == [(4,)]
        assert await fetch_each(pool, {}, ["SELECT 0", "SELECT 0"], {}) == [[(0,)]] * 2
    assert len(found := await kept(pool)) == MOST
    assert max(times for _, times in found) == 7


async def test_a_query_that_cannot_be_read_spoils_no_other(pool: Pool) -> None:
    await ask(pool, TWICE, number=1)
    for _ in range(2):
        with pytest.raises(errors.UndefinedTable):
            await fetch_each(pool, {}, ["SELECT 1", "SELECT 1 FROM nowhere", TWICE], {"number": 1})
        assert await ask(pool, "SELECT 1") == [(1,)]
        assert await ask(pool, TWICE, number=4) == [(8,)]


async def test_a_query_that_fails_spoils_no_other(pool: Pool) -> None:
    for number in range(3):
        with pytest.raises(errors.DivisionByZero):
            await ask(pool, "SELECT 1 / %(number)s::integer", number=0)
        assert await ask(pool, "SELECT 1 / %(number)s::integer", number=1) == [(1,)]
        assert await ask(pool, TWICE, number=number) == [(2 * number,)]


async def test_a_query_that_is_given_up_spoils_no_other(pool: Pool) -> None:
    for number in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask(pool, "SELECT pg_sleep(%(seconds)s::integer)", seconds=60)
        assert await ask(pool, TWICE, number=number) == [(2 * number,)]
        assert await ask(pool, "SELECT pg_sleep(%(seconds)s::integer)", seconds=0) == [("",)]


async def test_a_table_of_the_same_name_is_read_anew(pool: Pool) -> None:
    async def run(statement: Any) -> None:
        async with pool.connection() as conn:
            await conn.execute(statement)

    for value in (1, 2):
        await run(f"CREATE TEMPORARY TABLE basket AS SELECT {value} AS value")
        for _ in range(7):
            assert await ask(pool, "SELECT value FROM basket") == [(value,)]
        await run("DROP TABLE basket")
        with pytest.raises(errors.UndefinedTable):
            await ask(pool, "SELECT value FROM basket")
