"""Knowledge bases: what each is called, and which index version answers for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import errors
from psycopg.rows import class_row

from kb.catalog import index_versions
from kb.catalog.errors import NameTaken, NotFound
from retrieval.index import IndexSettings
from retrieval.postgres import Connection, Pool, fetch, scope_settings
from retrieval.scope import Scope, TeamScope
from retrieval.sql import load_queries

QUERIES = load_queries(Path(__file__).with_name("knowledge_bases.sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeBase:
    """One row of the table."""

    id: UUID
    team_id: UUID
    name: str
    embedding_model: str
    tags: list[str]
    project_id: str
    region: str
    live_index_version_id: UUID | None
    reranking_enabled: bool
    """Queries that say nothing of it are reranked."""

    reranking_model: str | None
    created_at: datetime
    updated_at: datetime


async def create(
    scope: Scope,
    conn: Connection,
    index_version_id: UUID,
    settings: IndexSettings,
    *,
    name: str,
    tags: Sequence[str],
    project_id: str,
    region: str,
) -> None:
    """Enter a knowledge base with one index version, which is live. Raises `NameTaken`."""
    parameters = {
        **_ids(scope),
        "name": name,
        "embedding_model": settings.embedding_model.id,
        "tags": list(tags),
        "project_id": project_id,
        "region": region,
        "index_version_id": index_version_id,
    }
    try:
        await conn.execute(QUERIES["create"], parameters)
    except errors.UniqueViolation as exc:
        raise NameTaken(f"{name!r}.") from exc
    await index_versions.create(scope, conn, index_version_id, settings)
    await index_versions.promote(scope, conn, index_version_id)
    await conn.execute(QUERIES["create_documents_source"], parameters)


async def get(scope: Scope, conn: Connection) -> KnowledgeBase:
    """The scope's knowledge base. Raises `NotFound`."""
    found = await _one(conn, "get", _ids(scope))
    if found is None:
        raise NotFound(f"Knowledge base {scope.knowledge_base_id}.")
    return found


async def named(scope: TeamScope, conn: Connection, *, name: str) -> KnowledgeBase:
    """The team's knowledge base of that name. Raises `NotFound`."""
    found = await _one(conn, "named", {"team_id": scope.team_id, "name": name})
    if found is None:
        raise NotFound(f"Knowledge base {name!r}.")
    return found


async def list_page(
    scope: TeamScope, conn: Connection, *, limit: int, offset: int
) -> tuple[list[KnowledgeBase], int]:
    """A page of the team's knowledge bases, oldest first, and how many there are in all."""
    parameters = {"team_id": scope.team_id, "limit": limit, "offset": offset}
    async with conn.cursor(row_factory=class_row(KnowledgeBase)) as cursor:
        await cursor.execute(QUERIES["list"], parameters)
        page = await cursor.fetchall()
    row = await (await conn.execute(QUERIES["count"], parameters)).fetchone()
    return page, int(row[0]) if row else 0


async def update(
    scope: Scope,
    conn: Connection,
    *,
    name: str | None,
    tags: Sequence[str] | None,
    project_id: str | None,
) -> KnowledgeBase:
    """Change what is given. Raises `NotFound` or `NameTaken`."""
    changes = {
        "name": name,
        "tags": None if tags is None else list(tags),
        "project_id": project_id,
    }
    try:
        updated = await _one(conn, "update", {**_ids(scope), **changes})
    except errors.UniqueViolation as exc:
        raise NameTaken(f"{name!r}.") from exc
    if updated is None:
        raise NotFound(f"Knowledge base {scope.knowledge_base_id}.")
    return updated


async def set_reranking(
    scope: Scope, conn: Connection, *, enabled: bool, model: str | None
) -> None:
    """Switch it on or off; without a model the one that there was stays. Raises `NotFound`."""
    parameters = {**_ids(scope), "enabled": enabled, "model": model}
    if (await conn.execute(QUERIES["set_reranking"], parameters)).rowcount == 0:
        raise NotFound(f"Knowledge base {scope.knowledge_base_id}.")


async def is_reranked(scope: Scope, pool: Pool) -> bool:
    """Whether it is switched on, in a transaction of its own as a query needs it."""
    rows = await fetch(pool, scope_settings(scope), QUERIES["is_reranked"], _ids(scope))
    return bool(rows) and rows[0][0]


async def delete(scope: Scope, conn: Connection) -> None:
    """Forget the knowledge base and everything that hangs on it."""
    await conn.execute(QUERIES["delete"], _ids(scope))


async def _one(conn: Connection, name: str, parameters: dict[str, Any]) -> KnowledgeBase | None:
    async with conn.cursor(row_factory=class_row(KnowledgeBase)) as cursor:
        await cursor.execute(QUERIES[name], parameters)
        return await cursor.fetchone()


def _ids(scope: Scope) -> dict[str, UUID]:
    return {"team_id": scope.team_id, "id": scope.knowledge_base_id}
