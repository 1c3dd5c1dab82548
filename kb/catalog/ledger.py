"""What became of each document version, and the indexing jobs they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from psycopg.rows import class_row

from ingest.indexing import Outcome
from retrieval.postgres import Connection
from retrieval.scope import Scope
from retrieval.sql import load_queries

QUERIES = load_queries(Path(__file__).with_name("ledger.sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexingJob:
    """A run over documents that arrived together, with its documents counted."""

    id: UUID
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    total: int
    indexed: int
    failed: int
    skipped: int
    tokens: int
    data_source_ids: list[UUID]


async def start(
    scope: Scope, conn: Connection, index_version_id: UUID, version_id: UUID
) -> UUID | None:
    """Enter an attempt; its job, or none where there is nothing left to do."""
    ids = {**_ids(scope), "index_version_id": index_version_id, "version_id": version_id}
    row = await (await conn.execute(QUERIES["start"], ids)).fetchone()
    if row is None:
        return None
    await conn.execute(QUERIES["start_job"], {**ids, "job_id": row[0]})
    return row[0]


async def finish(
    scope: Scope,
    conn: Connection,
    index_version_id: UUID,
    version_id: UUID,
    *,
    job_id: UUID,
    outcome: Outcome,
) -> None:
    """Enter how it ended, and end the job with its last document."""
    ids = {**_ids(scope), "job_id": job_id}
    await conn.execute(
        QUERIES["finish"],
        {
            **ids,
            "index_version_id": index_version_id,
            "version_id": version_id,
            "status": outcome.status,
            "stage": outcome.stage,
            "error_code": outcome.error_code,
            "error": outcome.error,
            "pages": outcome.pages,
            "chunks": outcome.chunks,
            "tokens": outcome.tokens,
            "embedded_chunks": outcome.embedded_chunks,
        },
    )
    # In two statements: the second one's snapshot then sees documents that joined meanwhile.
    await conn.execute(QUERIES["hold_job"], ids)
    await conn.execute(QUERIES["close_job"], ids)


async def latest_job(scope: Scope, conn: Connection) -> IndexingJob | None:
    """The knowledge base's newest indexing job, if it ever had one."""
    async with conn.cursor(row_factory=class_row(IndexingJob)) as cursor:
        await cursor.execute(QUERIES["latest_job"], _ids(scope))
        return await cursor.fetchone()


def _ids(scope: Scope) -> dict[str, object]:
    return {"team_id": scope.team_id, "knowledge_base_id": scope.knowledge_base_id}
