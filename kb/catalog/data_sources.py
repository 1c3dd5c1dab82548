"""Data sources: where a knowledge base's documents come from, and what is remembered of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ingest.sources.source import Memory
from kb.catalog.errors import NotFound
from retrieval.postgres import Connection
from retrieval.scope import Scope
from retrieval.sql import load_queries

QUERIES = load_queries(Path(__file__).with_name("data_sources.sql"))

SourceKind = Literal["documents", "file_upload", "folder", "spaces", "aws", "web_crawler"]
"""`documents` are sent one by one; a `file_upload` is one file; all others are read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """One row of the table."""

    id: UUID
    knowledge_base_id: UUID
    kind: SourceKind
    settings: dict[str, Any]
    """As the data source's own kind has them; nothing secret."""

    credentials: bytes | None = field(default=None, repr=False)
    """Encrypted; see `kb.vault`."""

    created_at: datetime
    updated_at: datetime


async def create(
    scope: Scope,
    conn: Connection,
    data_source_id: UUID,
    *,
    kind: SourceKind,
    settings: Mapping[str, Any],
    credentials: bytes | None,
) -> None:
    """Enter a data source."""
    await conn.execute(
        QUERIES["create"],
        {
            **_ids(scope, data_source_id),
            "kind": kind,
            "settings": Jsonb(dict(settings)),
            "credentials": credentials,
        },
    )


async def get(scope: Scope, conn: Connection, data_source_id: UUID) -> DataSource:
    """Raises `NotFound`."""
    found = await _list(scope, conn, data_source_id)
    if not found:
        raise NotFound(f"Data source {data_source_id}.")
    return found[0]


async def list_all(scope: Scope, conn: Connection) -> list[DataSource]:
    """Those of the knowledge base, oldest first."""
    return await _list(scope, conn, None)


async def of_sent_documents(scope: Scope, conn: Connection) -> UUID:
    """The one that documents sent one by one belong to. Raises `NotFound`."""
    row = await (await conn.execute(QUERIES["of_sent_documents"], _ids(scope, None))).fetchone()
    if row is None:
        raise NotFound(f"Knowledge base {scope.knowledge_base_id}.")
    return row[0]


async def touch(scope: Scope, conn: Connection, data_source_id: UUID) -> None:
    """Enter that it was changed now."""
    await conn.execute(QUERIES["touch"], _ids(scope, data_source_id))


async def hold(scope: Scope, conn: Connection, data_source_id: UUID) -> None:
    """Until the transaction ends, nobody deletes it. Raises `NotFound` where somebody has."""
    cursor = await conn.execute(QUERIES["hold"], _ids(scope, data_source_id))
    if cursor.rowcount == 0:
        raise NotFound(f"Data source {data_source_id}.")


async def mark_deleted(scope: Scope, conn: Connection, data_source_id: UUID) -> None:
    """From now on it is none of the knowledge base's. Raises `NotFound`."""
    ids = _ids(scope, data_source_id)
    if (await conn.execute(QUERIES["mark_deleted"], ids)).rowcount == 0:
        raise NotFound(f"Data source {data_source_id}.")


async def forget(scope: Scope, conn: Connection, data_source_id: UUID) -> None:
    """Remove the row of a deleted data source whose documents are gone."""
    await conn.execute(QUERIES["forget"], _ids(scope, data_source_id))


async def items(scope: Scope, conn: Connection, data_source_id: UUID) -> dict[str, Memory]:
    """What is remembered of each item, by key."""
    cursor = await conn.execute(QUERIES["items"], _ids(scope, data_source_id))
    return {key: memory async for key, memory in cursor}


async def remember(
    scope: Scope,
    conn: Connection,
    data_source_id: UUID,
    key: str,
    memory: Memory,
    *,
    document_id: UUID,
) -> None:
    """Keep what the source wants to know of an item next time, and which document it is."""
    parameters = {"key": key, "memory": Jsonb(dict(memory)), "document_id": document_id}
    await conn.execute(QUERIES["remember"], {**_ids(scope, data_source_id), **parameters})


async def forget_items(
    scope: Scope, conn: Connection, data_source_id: UUID, keys: Sequence[str]
) -> None:
    """These are no longer in the source."""
    await conn.execute(QUERIES["forget_items"], {**_ids(scope, data_source_id), "keys": list(keys)})


async def documents_without_item(
    scope: Scope, conn: Connection, data_source_id: UUID
) -> list[tuple[UUID, str]]:
    """Documents, with their names, that no item of the source is any longer."""
    cursor = await conn.execute(QUERIES["without_item"], _ids(scope, data_source_id))
    return [(document_id, item_name) async for document_id, item_name in cursor]


async def _list(scope: Scope, conn: Connection, data_source_id: UUID | None) -> list[DataSource]:
    async with conn.cursor(row_factory=class_row(DataSource)) as cursor:
        await cursor.execute(QUERIES["list"], _ids(scope, data_source_id))
        return await cursor.fetchall()


def _ids(scope: Scope, data_source_id: UUID | None) -> dict[str, object]:
    return {
        "team_id": scope.team_id,
        "knowledge_base_id": scope.knowledge_base_id,
        "id": data_source_id,
    }
