"""Scoped transactions: the second lock behind `Scope`, enforced by row-level security."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from retrieval.scope import Scope, TeamScope

Connection = AsyncConnection[Any]
Pool = AsyncConnectionPool[Connection]

# The policies compare these with each row's columns; unset, no row is visible.
SET_SCOPE = (
    "SELECT set_config('kb.team_id', %s, true), set_config('kb.knowledge_base_id', %s, true)"
)
SET_ANOTHER = ", set_config(%s, %s, true)"


@asynccontextmanager
async def scoped(
    pool: Pool, scope: TeamScope, settings: Mapping[str, str] | None = None
) -> AsyncGenerator[Connection]:
    """One transaction that sees and may write this scope's rows only; committed at the end.

    `settings` are PostgreSQL's own, for this transaction.
    """
    knowledge_base_id = str(scope.knowledge_base_id) if isinstance(scope, Scope) else ""
    more = settings or {}
    async with pool.connection() as conn, conn.transaction():
        await conn.execute(
            SET_SCOPE + SET_ANOTHER * len(more),
            [str(scope.team_id), knowledge_base_id, *chain.from_iterable(more.items())],
        )
        yield conn
