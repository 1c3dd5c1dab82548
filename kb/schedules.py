"""Schedules: on which days and when a knowledge base's data sources are indexed again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from kb.catalog import data_sources, index_versions, jobs, schedules
from kb.catalog.errors import NotFound
from kb.catalog.schedules import Schedule
from kb.dispatch import start_next_job
from kb.queue import Work
from kb.service import Service
from retrieval.errors import ServiceError
from retrieval.postgres import Connection, scoped
from retrieval.scope import Scope, TeamScope

DAYS = range(1, 8)


class InvalidSchedule(ServiceError):
    """A schedule has days from 1 (Monday) to 7 (Sunday) and a time of day in UTC like 05:30."""


def next_run(days: Sequence[int], at: time, after: datetime) -> datetime:
    """The first time after `after` that is on one of the days, in UTC."""
    today = datetime.combine(after.date(), at, UTC)
    for days_ahead in range(8):
        found = today + timedelta(days=days_ahead)
        if found > after and found.isoweekday() in days:
            return found
    raise InvalidSchedule


async def schedule(service: Service, scope: Scope, *, days: Sequence[int], at: time) -> Schedule:
    """Index the knowledge base's data sources then; a former schedule no longer counts.

    Raises `NotFound` or `InvalidSchedule`.
    """
    chosen = sorted(set(days))
    if not chosen or not set(chosen) <= set(DAYS):
        raise InvalidSchedule
    due = next_run(chosen, at, datetime.now(UTC))
    async with scoped(service.pool, scope) as conn:
        await index_versions.live(scope, conn)
        found = await schedules.put(scope, conn, days=chosen, at=at, next_run_at=due)
        await _queue(service, scope, conn, found)
    return found


async def of(service: Service, scope: Scope) -> Schedule:
    """The knowledge base's. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        return await schedules.of(scope, conn)


async def delete(service: Service, scope: TeamScope, schedule_id: UUID) -> Schedule:
    """End it. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        found = await schedules.get(scope, conn, schedule_id)
        await schedules.delete(scope, conn, schedule_id)
    return found


async def run_schedule(service: Service, scope: Scope, schedule_id: UUID) -> None:
    """Begin the job that is due, and queue the next time."""
    async with scoped(service.pool, scope) as conn:
        try:
            found = await schedules.get(scope, conn, schedule_id)
        except NotFound:
            return  # ended since
        now = datetime.now(UTC)
        if found.next_run_at > now:
            return  # changed since: another row is queued for then
        due = next_run(found.days, found.time, now)
        await schedules.ran(scope, conn, schedule_id, next_run_at=due)
        await _queue(service, scope, conn, await schedules.get(scope, conn, schedule_id))
        if await data_sources.list_all(scope, conn):
            live = await index_versions.live(scope, conn)
            job_id = await jobs.create(scope, conn, kind="sources", index_version_id=live.id)
            await jobs.cover(scope, conn, job_id)
            await start_next_job(service.queue, scope, conn)


async def _queue(service: Service, scope: Scope, conn: Connection, found: Schedule) -> None:
    work = Work(
        task="run_schedule",
        ids={"schedule_id": found.id},
        # Not the schedule alone: what waits for a later time would hold up an earlier one.
        lock=f"schedule:{found.id}:{found.next_run_at.isoformat()}",
        at=found.next_run_at,
    )
    await service.queue.put(scope, conn, work)
