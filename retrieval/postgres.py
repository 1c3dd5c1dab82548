"""Scoped transactions: the second lock behind `Scope`, enforced by row-level security."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, LiteralString, cast

from psycopg import AsyncClientCursor, AsyncConnection
from psycopg_pool import AsyncConnectionPool

from retrieval.prepared import prepared
from retrieval.scope import Scope, TeamScope

Connection = AsyncConnection[Any]
Pool = AsyncConnectionPool[Connection]

# The policies compare these with each row's columns; unset, no row is visible.
TEAM = "kb.team_id"
KNOWLEDGE_BASE = "kb.knowledge_base_id"


@asynccontextmanager
async def scoped(pool: Pool, scope: TeamScope) -> AsyncGenerator[Connection]:
    """One transaction that sees and may write this scope's rows only; committed at the end."""
    settings = scope_settings(scope)
    async with pool.connection() as conn:
        # Begun and scoped in one round trip; the connections are in autocommit mode.
        await AsyncClientCursor(conn).execute(f"BEGIN; {_assign(*settings)}", settings)
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


async def fetch(
    pool: Pool, settings: Mapping[str, str], query: LiteralString, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """A query's rows, read in a transaction of its own with these settings, in one round trip."""
    (rows,) = await fetch_each(pool, settings, [query], parameters)
    return rows


async def fetch_each(
    pool: Pool,
    settings: Mapping[str, str],
    queries: Sequence[LiteralString],
    parameters: Mapping[str, Any],
    *,
    keep_plans: bool = True,
) -> list[list[tuple[Any, ...]]]:
    """The rows of each query, all read in one transaction with these settings, in one round trip.

    More round trips would cost more than many a query does: each wakes two processes. Statements
    sent together are one transaction, without being told so. `keep_plans` is for queries that come
    again and whose best plan does not depend on their parameters.
    """
    async with pool.connection() as conn:
        statements = await prepared(conn, queries) if keep_plans else queries
        cursor = AsyncClientCursor(conn)
        sent = "; ".join([_assign(*settings), *statements])
        await cursor.execute(sent, {**settings, **parameters})
        rows: list[list[tuple[Any, ...]]] = []
        while cursor.nextset():  # past the settings first
            rows.append(await cursor.fetchall())
        return rows


@lru_cache
def _assign(*settings: str) -> LiteralString:
    """Settings are named by our code, never by a caller of ours; their values are parameters."""
    assignments = ", ".join(f"set_config('{name}', %({name})s, true)" for name in settings)
    return cast("LiteralString", f"SELECT {assignments}")
