"""Knowledge bases and their index versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import errors
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from kb.catalog.errors import NameTaken, NotFound
from retrieval.embedding.models import by_id
from retrieval.index import ChunkSettings, IndexSettings, IndexVersion
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
    store: str
    tags: list[str]
    project_id: str
    region: str
    live_index_version_id: UUID | None
    created_at: datetime
    updated_at: datetime


async def create(
    scope: Scope,
    conn: Connection,
    version: IndexVersion,
    *,
    name: str,
    store: str,
    tags: Sequence[str],
    project_id: str,
    region: str,
) -> None:
    """Enter a knowledge base with this index version live. Raises `NameTaken`."""
    settings = version.settings
    parameters = {
        **_ids(scope),
        "name": name,
        "embedding_model": settings.embedding_model.id,
        "store": store,
        "tags": list(tags),
        "project_id": project_id,
        "region": region,
        "index_version_id": version.id,
        "number": version.number,
        "parser": settings.parser,
        "chunking": Jsonb(asdict(settings.chunking)),
    }
    try:
        await conn.execute(QUERIES["create"], parameters)
    except errors.UniqueViolation as exc:
        raise NameTaken(f"{name!r}.") from exc
    await conn.execute(QUERIES["create_index_version"], parameters)
    await conn.execute(QUERIES["create_upload_source"], parameters)


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


async def delete(scope: Scope, conn: Connection) -> None:
    """Forget the knowledge base and everything that hangs on it."""
    await conn.execute(QUERIES["delete"], _ids(scope))


async def live_index_version(scope: Scope, conn: Connection) -> tuple[IndexVersion, str]:
    """The index version that answers queries, and the name of its store. Raises `NotFound`."""
    cursor = await conn.execute(QUERIES["live_index_version"], _ids(scope))
    return _live(scope, await cursor.fetchone())


async def find_live_index_version(scope: Scope, pool: Pool) -> tuple[IndexVersion, str]:
    """The same in a transaction of its own, as every query needs it. Raises `NotFound`."""
    query = QUERIES["live_index_version"]
    rows = await fetch(pool, scope_settings(scope), query, _ids(scope))
    return _live(scope, rows[0] if rows else None)


def _live(scope: Scope, row: tuple[Any, ...] | None) -> tuple[IndexVersion, str]:
    if row is None:
        raise NotFound(f"Knowledge base {scope.knowledge_base_id}.")
    *version, store = row
    return _index_version(version), store


async def index_version(scope: Scope, conn: Connection, index_version_id: UUID) -> IndexVersion:
    """One index version. Raises `NotFound`."""
    parameters = {**_ids(scope), "index_version_id": index_version_id}
    row = await (await conn.execute(QUERIES["index_version"], parameters)).fetchone()
    if row is None:
        raise NotFound(f"Index version {index_version_id}.")
    return _index_version(row)


async def index_versions(scope: Scope, conn: Connection) -> list[IndexVersion]:
    """Every index version of the knowledge base, oldest first."""
    cursor = await conn.execute(QUERIES["index_versions"], _ids(scope))
    return [_index_version(row) async for row in cursor]


async def _one(conn: Connection, name: str, parameters: dict[str, Any]) -> KnowledgeBase | None:
    async with conn.cursor(row_factory=class_row(KnowledgeBase)) as cursor:
        await cursor.execute(QUERIES[name], parameters)
        return await cursor.fetchone()


def _ids(scope: Scope) -> dict[str, UUID]:
    return {"team_id": scope.team_id, "id": scope.knowledge_base_id}


def _index_version(row: Sequence[Any]) -> IndexVersion:
    version_id, number, parser, embedding_model, chunking = row
    return IndexVersion(
        id=version_id,
        number=number,
        settings=IndexSettings(
            parser=parser,
            embedding_model=by_id(embedding_model),
            chunking=ChunkSettings(**chunking),
        ),
    )
