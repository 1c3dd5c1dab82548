"""Files that came to a presigned URL, until a data source takes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from psycopg.rows import class_row

from kb.blobs import Blob
from kb.catalog.errors import NotFound
from retrieval.postgres import Connection
from retrieval.scope import TeamScope
from retrieval.sql import load_queries

QUERIES = load_queries(Path(__file__).with_name("uploads.sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One row of the table."""

    object_key: str
    file_name: str
    sha256: bytes
    size_in_bytes: int


async def enter(
    scope: TeamScope, conn: Connection, object_key: str, *, file_name: str, blob: Blob
) -> list[bytes]:
    """Keep that these bytes came; sent again, the last ones count. The SHA-256 of former ones."""
    parameters = {
        "team_id": scope.team_id,
        "object_key": object_key,
        "file_name": file_name,
        "sha256": blob.sha256,
        "size_in_bytes": blob.size,
    }
    cursor = await conn.execute(QUERIES["enter"], parameters)
    return [row[0] async for row in cursor if row[0] is not None]


async def get(scope: TeamScope, conn: Connection, object_key: str) -> Upload:
    """Raises `NotFound`."""
    parameters = {"team_id": scope.team_id, "object_key": object_key}
    async with conn.cursor(row_factory=class_row(Upload)) as cursor:
        await cursor.execute(QUERIES["get"], parameters)
        found = await cursor.fetchone()
    if found is None:
        raise NotFound(f"Upload {object_key!r}; send the file to its presigned URL first.")
    return found


async def forget(scope: TeamScope, conn: Connection, object_key: str) -> None:
    """A data source has taken it."""
    await conn.execute(QUERIES["forget"], {"team_id": scope.team_id, "object_key": object_key})


async def forget_stale(scope: TeamScope, conn: Connection) -> list[bytes]:
    """Uploads of yesterday that no data source has taken; the SHA-256 of each."""
    cursor = await conn.execute(QUERIES["forget_stale"], {"team_id": scope.team_id})
    return [row[0] async for row in cursor]
