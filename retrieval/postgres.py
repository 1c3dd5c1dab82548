"""Scoped transactions: the second lock behind `Scope`, enforced by row-level security."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, sql
from psycopg_pool import AsyncConnectionPool

from retrieval.scope import Scope, TeamScope

Connection = AsyncConnection[Any]
Pool = AsyncConnectionPool[Connection]

# The policies compare these with each row's columns; unset, no row is visible.
TEAM = "kb.team_id"
KNOWLEDGE_BASE = "kb.knowledge_base_id"


@asynccontextmanager
async def scoped(
    pool: Pool, scope: TeamScope, settings: Mapping[str, str] | None = None
) -> AsyncGenerator[Connection]:
    """One transaction that sees and may write this scope's rows only; committed at the end.

    `settings` are PostgreSQL's own, for this transaction.
    """
    knowledge_base_id = str(scope.knowledge_base_id) if isinstance(scope, Scope) else ""
    local = {TEAM: str(scope.team_id), KNOWLEDGE_BASE: knowledge_base_id, **(settings or {})}
    async with transaction(pool, local) as conn:
        yield conn


@asynccontextmanager
async def transaction(pool: Pool, settings: Mapping[str, str]) -> AsyncGenerator[Connection]:
    """One transaction with these settings, begun in a single round trip to the server.

    Needs a pool of connections in autocommit mode.
    """
    assignments = [
        sql.SQL("set_config({}, {}, true)").format(name, value) for name, value in settings.items()
    ]
    begin = sql.SQL("BEGIN; SELECT {}").format(sql.SQL(", ").join(assignments))
    async with pool.connection() as conn:
        await conn.execute(begin)
        try:
            yield conn
        except BaseException:
            if not conn.closed:
                await conn.rollback()
            raise
        await conn.commit()
