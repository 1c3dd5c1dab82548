"""Connections are lent in turn, and a turn is never lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit, setrlimit

import pytest
from psycopg_pool import PoolClosed, PoolTimeout

from kb.postgres.pool import make_pool
from retrieval.postgres import Pool

SIZE = 2


@pytest.fixture
async def small(dsn: str) -> AsyncIterator[Pool]:
    async with make_pool(dsn, max_size=SIZE) as pool:
        await pool.wait()
        yield pool


async def lent_at_once(pool: Pool) -> int:
    """How many connections can be had."""
    held = [await pool.getconn() for _ in range(SIZE)]
    with pytest.raises(PoolTimeout):
        await pool.getconn(timeout=0.05)
    for conn in held:
        await pool.putconn(conn)
    return len(held)


async def test_more_than_there_are_connections_wait_in_the_order_they_came(small: Pool) -> None:
    served: list[int] = []

    async def ask(number: int) -> None:
        async with small.connection() as conn:
            await conn.execute("SELECT pg_sleep(0.01)")
            served.append(number)

    await asyncio.gather(*(ask(number) for number in range(10)))
    assert all(abs(place - number) < SIZE for place, number in enumerate(served))
    assert small.get_stats().get("requests_queued", 0) == 0
    assert await lent_at_once(small) == SIZE


async def test_who_waits_for_too_long_is_told_so(small: Pool) -> None:
    async with small.connection(), small.connection():
        with pytest.raises(PoolTimeout, match="in use"):
            async with small.connection(timeout=0.05):
                pass
    assert await lent_at_once(small) == SIZE


async def test_who_gives_up_waiting_keeps_nobody_from_a_connection(small: Pool) -> None:
    async with small.connection(), small.connection():
        waiting = [asyncio.create_task(small.getconn()) for _ in range(3)]
        await asyncio.sleep(0.01)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
    assert await lent_at_once(small) == SIZE


async def test_a_failed_transaction_gives_its_turn_back(small: Pool) -> None:
    for _ in range(SIZE + 1):
        with pytest.raises(ZeroDivisionError):
            async with small.connection():
                raise ZeroDivisionError
    assert await lent_at_once(small) == SIZE


async def test_a_closed_pool_says_so_every_time(dsn: str) -> None:
    pool = make_pool(dsn, max_size=SIZE)
    await pool.open(wait=True)
    await pool.close()
    for _ in range(SIZE + 1):  # a turn that was lost would make the last one wait
        with pytest.raises(PoolClosed):
            await pool.getconn(timeout=0.5)


async def test_a_service_with_thousands_of_open_files_gets_connections(dsn: str) -> None:
    soft, hard = getrlimit(RLIMIT_NOFILE)
    with ExitStack() as files:
        files.callback(setrlimit, RLIMIT_NOFILE, (soft, hard))
        setrlimit(RLIMIT_NOFILE, (max(soft, 2048), hard))
        while files.enter_context(Path(os.devnull).open("rb")).fileno() < 1024:
            pass
        async with make_pool(dsn, max_size=SIZE) as pool, pool.connection(timeout=5) as conn:
            assert conn.fileno() > 1024
