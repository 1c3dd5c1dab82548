"""Connections to the catalog: pooled, without a superuser's rights, knowing pgvector's types."""

from __future__ import annotations

import asyncio
from select import POLLIN, poll
from typing import Any

from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection, sql
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from pydantic_core import from_json

from kb.postgres.schema import IS_SUPERUSER, SEARCH_PATH, SERVICE_ROLE
from retrieval.postgres import Connection, Pool


def make_pool(dsn: str, *, max_size: int) -> Pool:
    """A closed pool on a database that `schema.prepare` has made ready; open it before use."""
    return _Pool(
        dsn,
        min_size=min(2, max_size),
        max_size=max_size,
        open=False,
        configure=configure,
        connection_class=AsyncConnection,
        # retrieval/prepared.py does it; psycopg's own would drop those in between.
        kwargs={"prepare_threshold": None},
        check=_require_alive,
    )


class _Pool(AsyncConnectionPool[Connection]):
    """Has those line up who find every connection taken.

    Each that waits in psycopg's own line takes it a task and a lock more, three times a search.
    """

    def __init__(self, dsn: str, *, max_size: int, **options: Any) -> None:
        super().__init__(dsn, max_size=max_size, **options)
        self._turns = asyncio.Semaphore(max_size)

    async def getconn(self, timeout: float | None = None) -> Connection:  # noqa: ASYNC109 as psycopg has it
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                await self._turns.acquire()
        except TimeoutError as exc:
            raise PoolTimeout("All connections to the database are in use.") from exc
        try:
            return await super().getconn(timeout)
        except BaseException:
            self._turns.release()
            raise

    async def putconn(self, conn: Connection) -> None:
        try:
            await super().putconn(conn)
        finally:
            self._turns.release()


async def _require_alive(conn: Connection) -> None:
    """Raises `OperationalError` where the server has closed the connection.

    That makes its socket readable, which costs nothing to see; the pool's own check is a query.
    """
    socket = poll()  # select() refuses a file's number from 1,024 on
    socket.register(conn.fileno(), POLLIN)
    if socket.poll(0):
        conn.pgconn.consume_input()


async def configure(conn: Connection) -> None:
    """What every connection needs: our role, our schema, the vector types."""
    await conn.set_autocommit(True)
    row = await (await conn.execute(IS_SUPERUSER)).fetchone()
    if row and row[0]:
        await conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(SERVICE_ROLE)))
    await conn.execute(SEARCH_PATH)
    await register_vector_async(conn)
    set_json_loads(from_json, conn)  # Python's own takes several times as long
