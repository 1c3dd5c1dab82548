"""The queue: rows in the same PostgreSQL, written in the transaction that makes the work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import procrastinate
from procrastinate import JobContext, PsycopgConnector, RetryDecision, RetryStrategy
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.worker import Worker
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from ingest.context import LlmUnavailable
from ingest.parsing.errors import ParserUnavailable
from kb.postgres.pool import configure
from kb.weaviate.errors import EmbeddedWeaviateError
from retrieval.embedding.embedder import EmbeddingUnavailable
from retrieval.errors import ServiceError
from retrieval.postgres import Connection, Pool
from retrieval.scope import Scope
from retrieval.store import StoreUnavailable

MAX_ATTEMPTS = 5
HEARTBEAT_SECONDS = 5
STALLED_SECONDS = 15  # three missed heartbeats: the worker is dead
STOP_SECONDS = 5.0  # for what is under way when a worker is told to stop; then it is put back
NO_HURRY_SECONDS = 86_400.0  # a worker that ends with the queue finishes what it has begun
EVERY_FIVE_SECONDS = "* * * * * */5"

TaskName = Literal["index_document", "read_sources", "remove", "run_schedule", "evaluate"]

# Reading a website takes hours. It must not keep documents waiting, nor they it.
LANES: Mapping[str, tuple[TaskName, ...]] = {
    "default": ("index_document", "remove"),
    "sources": ("read_sources", "run_schedule", "evaluate"),
}
SOURCES_AT_ONCE = 4


class TryAgain(ServiceError):
    """It did not work out this time; it is tried again."""


TRANSIENT = (
    OperationalError,
    PoolTimeout,
    ParserUnavailable,
    LlmUnavailable,
    EmbeddingUnavailable,
    StoreUnavailable,
    EmbeddedWeaviateError,
    OSError,
    TryAgain,
)

Handle = Callable[[Scope, Mapping[str, UUID], int], Awaitable[None]]
"""Do what was put, with its ids; the number says which attempt this is, from 1.

After `MAX_ATTEMPTS` errors no retry follows. A greater number means that this many workers died.
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something to do, once the transaction that puts it is committed."""

    task: TaskName
    ids: Mapping[str, UUID]
    lock: str
    """Works with the same lock are done one after the other, in the order they were put."""

    behind: int = 0
    """How many of the team's wait already. A team with few goes before one with many."""

    at: datetime | None = None
    """Not before then."""


class Queue:
    """Hands work to workers, on this process's connections."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._app = _app()

    async def open(self) -> None:
        """Before anything else."""
        await self._app.open_async(self._pool)

    async def put(self, scope: Scope, conn: Connection, work: Work) -> None:
        """Queue it, on the connection and in the transaction that recorded it."""
        await self._app.configure_task(
            work.task,
            connection=conn,
            queue=next(lane for lane, tasks in LANES.items() if work.task in tasks),
            lock=work.lock,
            priority=-work.behind,
            schedule_at=work.at,
        ).defer_async(
            team_id=str(scope.team_id),
            knowledge_base_id=str(scope.knowledge_base_id),
            **{name: str(one) for name, one in work.ids.items()},
        )

    async def work(
        self, handlers: Mapping[TaskName, Handle], *, concurrency: int, wait: bool
    ) -> None:
        """Work on what is queued; with `wait` for ever, else until the queue is empty.

        What a worker died over is taken up by the next one that looks, within half a minute.
        """
        app = _app()  # a worker's own: procrastinate registers a task once
        await app.open_async(self._pool)
        retry = _Retry(max_attempts=MAX_ATTEMPTS, exponential_wait=3, retry_exceptions=TRANSIENT)
        for name, handle in handlers.items():
            app.task(name=name, pass_context=True, retry=retry)(_task(handle))

        async def revive_stalled(timestamp: int) -> None:
            del timestamp
            await self.revive_stalled()

        regularly = app.periodic(cron=EVERY_FIVE_SECONDS)
        regularly(app.task(queueing_lock="revive_stalled", queue="default")(revive_stalled))
        await self.revive_stalled()

        async def lane(name: str, size: int) -> None:
            worker = Worker(
                app,
                name=name,
                queues=[name],
                concurrency=size,
                wait=wait,
                install_signal_handlers=False,
                delete_jobs="always",  # the ledger keeps what happened
                shutdown_graceful_timeout=STOP_SECONDS if wait else NO_HURRY_SECONDS,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALLED_SECONDS,
            )
            await _until_cancelled(worker)

        if wait:
            async with asyncio.TaskGroup() as lanes:
                lanes.create_task(lane("sources", SOURCES_AT_ONCE))
                lanes.create_task(lane("default", concurrency))
        else:  # the documents that are found in sources come after them
            await lane("sources", SOURCES_AT_ONCE)
            await lane("default", concurrency)

    async def revive_stalled(self) -> None:
        """Put back what dead workers left undone."""
        jobs = await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS)
        for job in jobs:
            logger.warning("taking up job %s, whose worker died", job.id)
            with suppress(ConnectorException):  # another worker was quicker
                await self._app.job_manager.retry_job(job)


async def _until_cancelled(worker: Worker) -> None:
    """Run it; being told to stop as well, it ends even where a cancellation is lost on it.

    Python 3.11 loses one that comes just as a connection answers.
    """
    running = asyncio.create_task(worker.run())
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        running.cancel()
        worker.stop()
        with suppress(asyncio.CancelledError):
            await running
        raise


class _Retry(RetryStrategy):
    """What a worker that stops breaks off is for the next one, however often that was so."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        return super().get_retry_decision(exception=exception, job=job)


def _task(handle: Handle) -> Callable[..., Awaitable[None]]:
    async def task(context: JobContext, team_id: str, knowledge_base_id: str, **ids: str) -> None:
        scope = Scope(team_id=UUID(team_id), knowledge_base_id=UUID(knowledge_base_id))
        attempt = context.job.attempts + 1
        await handle(scope, {name: UUID(one) for name, one in ids.items()}, attempt)

    return task


def _app() -> procrastinate.App:
    return procrastinate.App(connector=PsycopgConnector(configure=configure))
