"""The queue: rows in the same PostgreSQL, written in the transaction that makes the work."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import procrastinate
from procrastinate import JobContext, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from ingest.parsing.errors import ParserUnavailable
from kb.postgres.pool import configure
from retrieval.postgres import Connection, Pool
from retrieval.scope import Scope

TASK = "index_document"
MAX_ATTEMPTS = 5
TRANSIENT = (OperationalError, PoolTimeout, ParserUnavailable, OSError)
HEARTBEAT_SECONDS = 5
STALLED_SECONDS = 15  # three missed heartbeats: the worker is dead
EVERY_FIVE_SECONDS = "* * * * * */5"

Handle = Callable[[Scope, UUID, UUID, int], Awaitable[None]]
"""Index one version into one index version; the number says which attempt this is, from 1.

After `MAX_ATTEMPTS` errors no retry follows. A greater number means that this many workers died.
"""

logger = logging.getLogger(__name__)


class Queue:
    """Hands document versions to workers, on this process's connections."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._app = _app()

    async def open(self) -> None:
        """Before anything else."""
        await self._app.open_async(self._pool)

    async def put(
        self,
        scope: Scope,
        conn: Connection,
        *,
        document_id: UUID,
        version_id: UUID,
        index_version_id: UUID,
    ) -> None:
        """Queue a version, on the connection and in the transaction that recorded it."""
        await self._app.configure_task(
            TASK,
            connection=conn,
            # Two versions of one document are never written at once, or in the wrong order.
            lock=f"document:{document_id}:{index_version_id}",
        ).defer_async(
            team_id=str(scope.team_id),
            knowledge_base_id=str(scope.knowledge_base_id),
            index_version_id=str(index_version_id),
            version_id=str(version_id),
        )

    async def work(self, handle: Handle, *, concurrency: int, wait: bool) -> None:
        """Work on what is queued; with `wait` for ever, else until the queue is empty.

        A version whose worker died is taken up by the next one that looks, within half a minute.
        """
        app = _app()  # a worker's own: procrastinate registers a task once
        await app.open_async(self._pool)

        async def index_document(
            context: JobContext,
            team_id: str,
            knowledge_base_id: str,
            index_version_id: str,
            version_id: str,
        ) -> None:
            scope = Scope(team_id=UUID(team_id), knowledge_base_id=UUID(knowledge_base_id))
            attempt = context.job.attempts + 1
            await handle(scope, UUID(index_version_id), UUID(version_id), attempt)

        async def revive_stalled(timestamp: int) -> None:
            del timestamp
            await self.revive_stalled()

        retry = RetryStrategy(
            max_attempts=MAX_ATTEMPTS, exponential_wait=3, retry_exceptions=TRANSIENT
        )
        app.task(name=TASK, pass_context=True, retry=retry)(index_document)
        regularly = app.periodic(cron=EVERY_FIVE_SECONDS)
        regularly(app.task(queueing_lock="revive_stalled")(revive_stalled))
        await self.revive_stalled()
        await app.run_worker_async(
            concurrency=concurrency,
            wait=wait,
            install_signal_handlers=False,
            delete_jobs="always",  # the ledger keeps what happened
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
        )

    async def revive_stalled(self) -> None:
        """Put back what dead workers left undone."""
        jobs = await self._app.job_manager.get_stalled_jobs(
            task_name=TASK, seconds_since_heartbeat=STALLED_SECONDS
        )
        for job in jobs:
            logger.warning("taking up job %s, whose worker died", job.id)
            with suppress(ConnectorException):  # another worker was quicker
                await self._app.job_manager.retry_job(job)


def _app() -> procrastinate.App:
    return procrastinate.App(connector=PsycopgConnector(configure=configure))
