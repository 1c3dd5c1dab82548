"""When a knowledge base's data sources are indexed again by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from kb.catalog.errors import NotFound
from retrieval.postgres import Connection
from retrieval.scope import Scope, TeamScope
from retrieval.sql import load_queries

QUERIES = load_queries(Path(__file__).with_name("schedules.sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One row of the table."""

    id: UUID
    team_id: UUID
    knowledge_base_id: UUID
    days: list[int]
    """1 is Monday, 7 is Sunday."""

    time: time
    """Of the day, in UTC."""

    is_active: bool
    created_at: datetime
    updated_at: datetime
    last_ran_at: datetime | None
    next_run_at: datetime


async def put(
    scope: Scope, conn: Connection, *, days: Sequence[int], at: time, next_run_at: datetime
) -> Schedule:
    """Enter the knowledge base's one schedule, in the place of a former one."""
    parameters = {"days": list(days), "time": at, "next_run_at": next_run_at}
    found = await _one(scope, conn, "set", parameters)
    assert found
    return found


async def of(scope: Scope, conn: Connection) -> Schedule:
    """The knowledge base's. Raises `NotFound`."""
    found = await _one(scope, conn, "of", {})
    if found is None:
        raise NotFound(f"A schedule of knowledge base {scope.knowledge_base_id}.")
    return found


async def get(scope: TeamScope, conn: Connection, schedule_id: UUID) -> Schedule:
    """One of the team's. Raises `NotFound`."""
    found = await _one(scope, conn, "get", {"id": schedule_id})
    if found is None:
        raise NotFound(f"Schedule {schedule_id}.")
    return found


async def ran(
    scope: TeamScope, conn: Connection, schedule_id: UUID, *, next_run_at: datetime
) -> None:
    """Enter that it ran just now."""
    parameters = {"team_id": scope.team_id, "id": schedule_id, "next_run_at": next_run_at}
    await conn.execute(QUERIES["ran"], parameters)


async def delete(scope: TeamScope, conn: Connection, schedule_id: UUID) -> None:
    """Forget it."""
    await conn.execute(QUERIES["delete"], {"team_id": scope.team_id, "id": schedule_id})


async def _one(
    scope: TeamScope, conn: Connection, name: str, parameters: dict[str, Any]
) -> Schedule | None:
    knowledge_base_id = scope.knowledge_base_id if isinstance(scope, Scope) else None
    ids = {"team_id": scope.team_id, "knowledge_base_id": knowledge_base_id}
    async with conn.cursor(row_factory=class_row(Schedule)) as cursor:
        await cursor.execute(QUERIES[name], {**ids, **parameters})
        return await cursor.fetchone()
