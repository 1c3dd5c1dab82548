"""Scoped transactions: the second lock behind `Scope`, enforced by row-level security."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, LiteralString, cast

from psycopg import AsyncClientCursor, AsyncConnection, sql
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
    async with pool.connection() as conn:
        # Begun and scoped in one round trip; the connections are in autocommit mode.
        await conn.execute(_begin({**scope_settings(scope), **(settings or {})}))
        try:
            yield conn
        except BaseException:
            if not conn.closed:
                await conn.rollback()
            raise
        await conn.commit()


def scope_settings(scope: TeamScope) -> dict[str, str]:
    """What row-level security compares with, for this scope."""
    knowledge_base_id = str(scope.knowledge_base_id) if isinstance(scope, Scope) else ""
    return {TEAM: str(scope.team_id), KNOWLEDGE_BASE: knowledge_base_id}


async def fetch_row(
    pool: Pool, settings: Mapping[str, str], query: LiteralString, parameters: Mapping[str, Any]
) -> tuple[Any, ...] | None:
    """The first row of a query in a transaction of its own, all in one round trip."""
    async with pool.connection() as conn:
        bound = AsyncClientCursor(conn).mogrify(query, parameters)
        steps = sql.SQL("{}; {}; COMMIT").format(
            _begin(settings), sql.SQL(cast("LiteralString", bound.rstrip("; \n")))
        )
        try:
            cursor = await conn.execute(steps)
            cursor.nextset()  # past BEGIN
            cursor.nextset()  # past the settings
            return await cursor.fetchone()
        except BaseException:
            if not conn.closed:
                await conn.rollback()
            raise


def _begin(settings: Mapping[str, str]) -> sql.Composed:
    assignments = [
        sql.SQL("set_config({}, {}, true)").format(name, value) for name, value in settings.items()
    ]
    return sql.SQL("BEGIN; SELECT {}").format(sql.SQL(", ").join(assignments))
