"""What becomes of each document version in each index version, stage by stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import numpy as np
from psycopg.rows import class_row

from ingest.indexing import Outcome, Stage, StageRecord
from retrieval.postgres import Connection
from retrieval.scope import Scope, TeamScope
from retrieval.sql import load_queries
from retrieval.store import Vector

QUERIES = load_queries(Path(__file__).with_name("ledger.sql"))

QUARANTINED_AFTER = 3
"""Failures of the same bytes, after which nobody tries them again."""

MOST_COUNTED = 1000  # a team with more waiting is behind all others anyway


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A document version in an index version: what a ledger row is about."""

    index_version_id: UUID
    version_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An attempt that has begun."""

    job_id: UUID
    attempt: int
    """From 1, over all jobs that had this version to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntry:
    """One stage as it went the last time."""

    stage: Stage
    attempt: int
    started_at: datetime
    duration_ms: int
    bytes: int | None
    tokens: int | None
    error_code: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unindexed:
    """A document whose newest version an index version lacks."""

    document_id: UUID
    place: Place


async def queue(scope: Scope, conn: Connection, place: Place, *, job_id: UUID) -> None:
    """Enter a version as pending, in this job."""
    await conn.execute(QUERIES["queue"], {**_ids(scope, place), "job_id": job_id})


async def waiting(scope: TeamScope, conn: Connection) -> int:
    """How many document versions of the team wait; counted up to `MOST_COUNTED`."""
    parameters = {"team_id": scope.team_id, "most": MOST_COUNTED}
    row = await (await conn.execute(QUERIES["waiting"], parameters)).fetchone()
    assert row
    return int(row[0])


async def unindexed(
    scope: Scope,
    conn: Connection,
    *,
    job_id: UUID,
    data_source_id: UUID | None = None,
    index_version_id: UUID | None = None,
) -> list[Unindexed]:
    """Documents without their newest version in an index version, less those this job tried."""
    parameters = {
        "team_id": scope.team_id,
        "knowledge_base_id": scope.knowledge_base_id,
        "data_source_id": data_source_id,
        "index_version_id": index_version_id,
        "job_id": job_id,
    }
    cursor = await conn.execute(QUERIES["unindexed"], parameters)
    return [
        Unindexed(
            document_id=document_id,
            place=Place(index_version_id=index_id, version_id=version_id),
        )
        async for document_id, version_id, index_id in cursor
    ]


async def open_jobs(
    scope: Scope,
    conn: Connection,
    *,
    document_id: UUID | None = None,
    index_version_id: UUID | None = None,
) -> list[UUID]:
    """Jobs that have yet to index this document, or anything in this index version."""
    parameters = {
        "team_id": scope.team_id,
        "knowledge_base_id": scope.knowledge_base_id,
        "document_id": document_id,
        "index_version_id": index_version_id,
    }
    cursor = await conn.execute(QUERIES["open_jobs"], parameters)
    return [row[0] async for row in cursor]


async def start(scope: Scope, conn: Connection, place: Place) -> Started | None:
    """Enter an attempt; none where there is nothing left to do."""
    row = await (await conn.execute(QUERIES["start"], _ids(scope, place))).fetchone()
    return Started(job_id=row[0], attempt=row[1]) if row else None


async def progress(
    scope: Scope, conn: Connection, place: Place, *, stage: Stage, chunks: int, embedded: int
) -> bool:
    """Enter how far an attempt is; false where it is no longer wanted."""
    parameters = {"stage": stage, "chunks": chunks, "embedded_chunks": embedded}
    cursor = await conn.execute(QUERIES["progress"], {**_ids(scope, place), **parameters})
    return cursor.rowcount == 1


async def finish(scope: Scope, conn: Connection, place: Place, outcome: Outcome) -> None:
    """Enter how it ended."""
    await conn.execute(
        QUERIES["finish"],
        {
            **_ids(scope, place),
            "status": outcome.status,
            "stage": outcome.stage,
            "error_code": outcome.error_code,
            "error": outcome.error,
            "pages": outcome.pages,
            "chunks": outcome.chunks,
            "tokens": outcome.tokens,
            "embedded_chunks": outcome.embedded_chunks,
            "notes": list(outcome.notes),
        },
    )
    await conn.execute(QUERIES["drop_vectors"], _ids(scope, place))


async def enter_stages(
    scope: Scope, conn: Connection, place: Place, stages: Sequence[StageRecord], *, attempt: int
) -> None:
    """Enter what stages took."""
    for one in stages:
        await conn.execute(
            QUERIES["enter_stage"],
            {
                **_ids(scope, place),
                "stage": one.stage,
                "attempt": attempt,
                "started_at": one.started_at,
                "duration_ms": round(one.seconds * 1000),
                "bytes": one.bytes,
                "tokens": one.tokens,
                "error_code": one.error_code,
                "error": one.error,
            },
        )


async def stages(
    scope: Scope, conn: Connection, version_id: UUID, *, index_version_id: UUID | None = None
) -> list[StageEntry]:
    """A version's stages in the live index version, or in another."""
    parameters = {
        "team_id": scope.team_id,
        "knowledge_base_id": scope.knowledge_base_id,
        "version_id": version_id,
        "index_version_id": index_version_id,
    }
    async with conn.cursor(row_factory=class_row(StageEntry)) as cursor:
        await cursor.execute(QUERIES["stages"], parameters)
        return await cursor.fetchall()


async def keep_vectors(
    scope: Scope, conn: Connection, place: Place, vectors: Mapping[bytes, Vector]
) -> None:
    """Keep what was embedded so far, in case this worker dies before the end."""
    parameters = {
        "content_hashes": list(vectors),
        "vectors": [vector.astype("<f4").tobytes() for vector in vectors.values()],
    }
    await conn.execute(QUERIES["keep_vectors"], {**_ids(scope, place), **parameters})


async def kept_vectors(scope: Scope, conn: Connection, place: Place) -> dict[bytes, Vector]:
    """What an attempt before this one had embedded."""
    cursor = await conn.execute(QUERIES["kept_vectors"], _ids(scope, place))
    return {digest: np.frombuffer(vector, "<f4") async for digest, vector in cursor}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """Why certain bytes are not tried again."""

    failures: int
    error_code: str
    error: str


async def quarantined(
    scope: TeamScope, conn: Connection, sha256: bytes, *, parser: str
) -> Quarantine | None:
    """Whether these bytes failed too often under these parsers."""
    parameters = {"sha256": sha256, "parser": parser, "most": QUARANTINED_AFTER}
    async with conn.cursor(row_factory=class_row(Quarantine)) as cursor:
        await cursor.execute(QUERIES["quarantined"], {"team_id": scope.team_id, **parameters})
        return await cursor.fetchone()


async def count_failure(
    scope: TeamScope,
    conn: Connection,
    sha256: bytes,
    *,
    parser: str,
    outcome: Outcome,
    times: int,
) -> int:
    """Remember that these bytes failed so many times more; how often in all."""
    parameters = {
        "team_id": scope.team_id,
        "sha256": sha256,
        "parser": parser,
        "error_code": outcome.error_code,
        "error": outcome.error or "",
        "times": times,
    }
    row = await (await conn.execute(QUERIES["count_failure"], parameters)).fetchone()
    assert row
    return int(row[0])


async def release(scope: TeamScope, conn: Connection, sha256: bytes) -> bool:
    """Let these bytes be tried again; whether they had ever failed."""
    parameters = {"team_id": scope.team_id, "sha256": sha256}
    return (await conn.execute(QUERIES["release"], parameters)).rowcount > 0


def _ids(scope: Scope, place: Place) -> dict[str, object]:
    return {
        "team_id": scope.team_id,
        "knowledge_base_id": scope.knowledge_base_id,
        "index_version_id": place.index_version_id,
        "version_id": place.version_id,
    }
