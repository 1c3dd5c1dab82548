"""Indexing jobs: which data sources each one covers, and how it fares with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row

from kb.catalog.errors import NotFound
from retrieval.postgres import Connection
from retrieval.scope import Scope, TeamScope
from retrieval.sql import load_queries

QUERIES = load_queries(Path(__file__).with_name("jobs.sql"))

JobKind = Literal["documents", "sources", "index_version"]
"""Documents that were sent, data sources that are read again, or an index version to build."""

ItemOutcome = Literal["failed", "skipped", "removed"]

LEAST_DONE = 0.02  # of the bytes: before that, how long the rest will take is anybody's guess


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSource:
    """How a job fares with one data source; counts are of documents."""

    job_id: UUID
    data_source_id: UUID
    status: Literal["pending", "running", "read", "failed", "cancelled"]
    """Of reading the source; its documents may be under way after that."""

    is_given_up: bool
    """Its job was cancelled."""

    started_at: datetime | None
    finished_at: datetime | None
    unchanged: int
    removed: int
    error_code: str | None
    error: str | None
    unread: int
    """Items that could not be fetched."""

    skipped: int
    """Items that are no documents."""

    queued: int
    """Documents that were new or had changed, whatever became of them."""

    under_way: int
    indexed: int
    failed: int
    cancelled: int
    bytes: int
    bytes_indexed: int
    bytes_done: int
    tokens: int
    chunks: int
    embedded_chunks: int

    @property
    def is_done(self) -> bool:
        """Nothing is left to read or to index."""
        return self.status not in ("pending", "running") and not self.under_way


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the table."""

    id: UUID
    knowledge_base_id: UUID
    kind: JobKind
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexingJob:
    """A job with its data sources."""

    job: Job
    sources: list[JobSource]

    @property
    def has_changes(self) -> bool:
        """Something was new, had changed, was removed or went wrong."""
        return any(
            one.queued or one.removed or one.unread or one.status == "failed"
            for one in self.sources
        )

    def eta(self, now: datetime | None = None) -> timedelta | None:
        """How long it will take yet, at the pace so far; none where that cannot be told."""
        if self.job.started_at is None or self.job.finished_at is not None:
            return None
        if any(one.status in ("pending", "running") for one in self.sources):
            return None  # nobody knows yet what else will be found
        total = sum(one.bytes for one in self.sources)
        done = sum(one.bytes_done for one in self.sources)
        if not total or done / total < LEAST_DONE:
            return None
        return ((now or datetime.now(UTC)) - self.job.started_at) * (total - done) / done


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A job that has just ended."""

    kind: JobKind
    index_version_id: UUID | None


async def open_documents_job(scope: Scope, conn: Connection, index_version_id: UUID) -> UUID:
    """The job that takes documents as they are sent, held open until this transaction ends."""
    ids = {**_ids(scope), "index_version_id": index_version_id}
    return await _value(conn, "open_documents_job", ids)


async def create(scope: Scope, conn: Connection, *, kind: JobKind, index_version_id: UUID) -> UUID:
    """Enter a job."""
    return await _value(
        conn, "create", {**_ids(scope), "kind": kind, "index_version_id": index_version_id}
    )


async def cover(
    scope: Scope,
    conn: Connection,
    job_id: UUID,
    data_source_ids: Sequence[UUID] | None = None,
    *,
    is_read: bool = False,
) -> int:
    """Let the job cover these data sources, or all; how many that adds. Read ones are done with."""
    parameters = {
        **_ids(scope),
        "job_id": job_id,
        "status": "read" if is_read else "pending",
        "data_source_ids": None if data_source_ids is None else list(data_source_ids),
    }
    return (await conn.execute(QUERIES["cover"], parameters)).rowcount


async def next_job(scope: Scope, conn: Connection) -> UUID | None:
    """The job over sources whose turn has come; it is to be queued in this transaction."""
    await conn.execute(QUERIES["take_turns"], {"id": str(scope.knowledge_base_id)})
    row = await (await conn.execute(QUERIES["next"], _ids(scope))).fetchone()
    return row[0] if row else None


async def start(scope: Scope, conn: Connection, job_id: UUID) -> bool:
    """Enter that it has begun; false where it is over or cancelled."""
    row = await (await conn.execute(QUERIES["start"], {**_ids(scope), "job_id": job_id})).fetchone()
    return row is not None and not row[0]


async def is_cancelled(scope: Scope, conn: Connection, job_id: UUID) -> bool:
    """Whether nobody wants it to go on."""
    ids = {**_ids(scope), "job_id": job_id}
    row = await (await conn.execute(QUERIES["is_cancelled"], ids)).fetchone()
    return row is None or row[0]


async def sources_to_read(scope: Scope, conn: Connection, job_id: UUID) -> list[UUID]:
    """The data sources it has not read to the end."""
    cursor = await conn.execute(QUERIES["to_read"], {**_ids(scope), "job_id": job_id})
    return [row[0] async for row in cursor]


async def start_source(scope: Scope, conn: Connection, job_id: UUID, data_source_id: UUID) -> None:
    """Enter that a source is being read."""
    ids = {**_ids(scope), "job_id": job_id, "data_source_id": data_source_id}
    await conn.execute(QUERIES["start_source"], ids)


async def finish_source(
    scope: Scope,
    conn: Connection,
    job_id: UUID,
    data_source_id: UUID,
    *,
    seen: int,
    error_code: str | None = None,
    error: str | None = None,
) -> None:
    """Enter how reading a source ended, and how many items were seen in it."""
    await conn.execute(
        QUERIES["finish_source"],
        {
            **_ids(scope),
            "job_id": job_id,
            "data_source_id": data_source_id,
            "status": "failed" if error_code else "read",
            "seen": seen,
            "error_code": error_code,
            "error": error,
        },
    )


async def enter_item(
    scope: Scope,
    conn: Connection,
    job_id: UUID,
    data_source_id: UUID,
    *,
    key: str,
    outcome: ItemOutcome,
    error_code: str | None = None,
    error: str | None = None,
) -> None:
    """Enter what became of an item that was not queued."""
    await conn.execute(
        QUERIES["enter_item"],
        {
            **_ids(scope),
            "job_id": job_id,
            "data_source_id": data_source_id,
            "key": key,
            "outcome": outcome,
            "error_code": error_code,
            "error": error,
        },
    )


async def close_if_done(scope: Scope, conn: Connection, job_id: UUID) -> Closed | None:
    """End the job if nothing of it is left to do."""
    ids = {**_ids(scope), "job_id": job_id}
    # In two statements: the second one's snapshot then sees documents that joined meanwhile.
    await conn.execute(QUERIES["hold"], ids)
    row = await (await conn.execute(QUERIES["close"], ids)).fetchone()
    if row is not None:
        await conn.execute(QUERIES["freeze"], ids)
    return Closed(kind=row[0], index_version_id=row[1]) if row else None


async def cancel(scope: Scope, conn: Connection, job_id: UUID) -> None:
    """Give up what it has not done. Does nothing where it is over. Raises `NotFound`."""
    ids = {**_ids(scope), "job_id": job_id}
    await get(scope, conn, job_id)
    # Documents before their job, as workers lock them; and those that joined in between.
    await conn.execute(QUERIES["cancel_documents"], ids)
    if (await conn.execute(QUERIES["cancel"], ids)).rowcount:
        await conn.execute(QUERIES["cancel_documents"], ids)
        await conn.execute(QUERIES["cancel_sources"], ids)


async def get(scope: Scope, conn: Connection, job_id: UUID) -> IndexingJob:
    """One job of the knowledge base. Raises `NotFound`."""
    found = await _list(scope, conn, job_id=job_id, limit=1, offset=0)
    if not found:
        raise NotFound(f"Indexing job {job_id}.")
    return (await with_sources(scope, conn, found))[0]


async def latest(scope: Scope, conn: Connection, *, limit: int) -> list[IndexingJob]:
    """The knowledge base's newest jobs, newest first."""
    return await with_sources(scope, conn, await _list(scope, conn, limit=limit, offset=0))


async def list_page(
    scope: TeamScope, conn: Connection, *, limit: int, offset: int, job_id: UUID | None = None
) -> tuple[list[Job], int]:
    """A page of the team's jobs, newest first, and how many there are in all."""
    found = await _list(scope, conn, limit=limit, offset=offset, job_id=job_id)
    row = await (await conn.execute(QUERIES["count"], {"team_id": scope.team_id})).fetchone()
    assert row
    return found, int(row[0])


async def with_sources(scope: Scope, conn: Connection, jobs: Sequence[Job]) -> list[IndexingJob]:
    """Jobs of this knowledge base with their data sources."""
    sources = await _sources(scope, conn, {job.id for job in jobs})
    return [
        IndexingJob(job=job, sources=[one for one in sources if one.job_id == job.id])
        for job in jobs
    ]


async def newest_by_source(scope: Scope, conn: Connection) -> list[JobSource]:
    """How each data source of the knowledge base fared in its newest job."""
    cursor = await conn.execute(QUERIES["newest_by_source"], _ids(scope))
    newest = {(job_id, source_id) async for job_id, source_id in cursor}
    found = await _sources(scope, conn, {job_id for job_id, _ in newest})
    return [one for one in found if (one.job_id, one.data_source_id) in newest]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """What became of one document or item in a job."""

    data_source_id: UUID
    item_name: str
    version: int | None
    outcome: str
    stage: str | None
    attempts: int | None
    size_in_bytes: int | None
    pages: int | None
    chunks: int | None
    embedded_chunks: int | None
    tokens: int | None
    duration_ms: int | None
    error_code: str | None
    error: str | None
    notes: list[str]


async def report(scope: Scope, conn: Connection, job_id: UUID) -> list[ReportRow]:
    """Every document of a job, by data source and name."""
    async with conn.cursor(row_factory=class_row(ReportRow)) as cursor:
        await cursor.execute(QUERIES["report"], {**_ids(scope), "job_id": job_id})
        return await cursor.fetchall()


async def _sources(scope: Scope, conn: Connection, job_ids: Collection[UUID]) -> list[JobSource]:
    async with conn.cursor(row_factory=class_row(JobSource)) as cursor:
        await cursor.execute(QUERIES["sources"], {**_ids(scope), "job_ids": list(job_ids)})
        return await cursor.fetchall()


async def _list(
    scope: TeamScope,
    conn: Connection,
    *,
    limit: int,
    offset: int,
    job_id: UUID | None = None,
) -> list[Job]:
    parameters = {
        "team_id": scope.team_id,
        "knowledge_base_id": scope.knowledge_base_id if isinstance(scope, Scope) else None,
        "job_id": job_id,
        "limit": limit,
        "offset": offset,
    }
    async with conn.cursor(row_factory=class_row(Job)) as cursor:
        await cursor.execute(QUERIES["list"], parameters)
        return await cursor.fetchall()


async def _value(conn: Connection, name: str, parameters: dict[str, Any]) -> UUID:
    row = await (await conn.execute(QUERIES[name], parameters)).fetchone()
    assert row
    return row[0]


def _ids(scope: Scope) -> dict[str, object]:
    return {"team_id": scope.team_id, "knowledge_base_id": scope.knowledge_base_id}
