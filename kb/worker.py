"""The worker: takes document versions through the write path, and keeps the ledger."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from uuid import UUID

from ingest.context import Situate
from ingest.indexing import Indexer, Outcome, Parser, error_code
from kb import evaluations
from kb.attempt import Attempt, NoLongerWanted
from kb.catalog import documents, index_versions, ledger, metadata
from kb.catalog.errors import NotFound
from kb.catalog.ledger import Place, Started
from kb.dispatch import close_job, queue_all
from kb.queue import MAX_ATTEMPTS, TRANSIENT, TryAgain
from kb.schedules import run_schedule
from kb.service import Service
from kb.sync import Sync
from retrieval.errors import ServiceError
from retrieval.postgres import scoped
from retrieval.scope import Scope
from retrieval.store import IndexNotFound

logger = logging.getLogger(__name__)

# Not the file's fault, perhaps: a parser may have been killed by somebody else.
TRIED_AGAIN = ("parser_crashed",)


class WorkersDied(ServiceError):
    """Every worker that took this document died over it; split the file, or send it again."""

    code = "workers_died"


class Quarantined(ServiceError):
    """These bytes failed too often to be tried again; `kb retry` or another file helps."""

    code = "quarantined"


class Worker:
    """Does what is queued."""

    def __init__(
        self,
        service: Service,
        parser: Parser,
        sync: Sync,
        *,
        concurrency: int,
        situate: Situate | None = None,
    ) -> None:
        self._service = service
        self._indexer = Indexer(parser, situate)
        self._sync = sync
        self._concurrency = concurrency

    async def run(self, *, wait: bool = True) -> None:
        """Work until cancelled, or with `wait=False` until nothing is queued."""
        service = self._service

        async def index_document(scope: Scope, ids: Mapping[str, UUID], attempt: int) -> None:
            place = Place(index_version_id=ids["index_version_id"], version_id=ids["version_id"])
            await self.index(scope, place, attempt)

        async def read_sources(scope: Scope, ids: Mapping[str, UUID], attempt: int) -> None:
            await self._sync.run(scope, ids["job_id"], is_last=attempt >= MAX_ATTEMPTS)

        async def remove_marked(scope: Scope, ids: Mapping[str, UUID], attempt: int) -> None:
            del attempt
            await service.remove(scope, **ids)

        async def run_scheduled(scope: Scope, ids: Mapping[str, UUID], attempt: int) -> None:
            del attempt
            await run_schedule(service, scope, ids["schedule_id"])

        async def evaluate(scope: Scope, ids: Mapping[str, UUID], attempt: int) -> None:
            await evaluations.ask_questions(
                service, scope, ids["run_id"], is_last=attempt >= MAX_ATTEMPTS
            )

        await service.queue.work(
            {
                "index_document": index_document,
                "read_sources": read_sources,
                "remove": remove_marked,
                "run_schedule": run_scheduled,
                "evaluate": evaluate,
            },
            concurrency=self._concurrency,
            wait=wait,
        )

    async def index(self, scope: Scope, place: Place, attempt: int) -> None:
        """One attempt at one document version; safe to run twice.

        Errors that may pass are raised for the queue to try again, unless this was the last time.
        """
        service = self._service
        async with scoped(service.pool, scope) as conn:
            started = await ledger.start(scope, conn, place)
            state = await documents.version_state(scope, conn, place.version_id)
        if started is None:
            return  # done already, cancelled, or deleted while it was queued
        outcome, kept = Outcome(status="superseded"), None
        try:
            if state is not None and not state.is_deleted and not state.is_superseded:
                index = await index_versions.find(scope, service.pool, place.index_version_id)
                kept = Attempt(service, scope, index, state)
                if attempt > MAX_ATTEMPTS:
                    raise WorkersDied
                outcome = await self._attempt(scope, kept)
        except (NotFound, IndexNotFound):
            outcome = Outcome(status="superseded")  # deleted under way, with its knowledge base
        except NoLongerWanted:
            outcome = Outcome(status="cancelled")
        except Exception as exc:  # whatever it is, the ledger must not say `running` for ever
            if isinstance(exc, TRANSIENT) and attempt < MAX_ATTEMPTS:
                logger.warning("version %s is tried again: %s", place.version_id, exc)
                await self._enter_stages(scope, place, started, kept)
                raise
            _complain(place, exc)
            outcome = Outcome(status="failed", error_code=error_code(exc), error=str(exc))
        await self._finish(scope, place, started, kept, outcome)

    async def _attempt(self, scope: Scope, kept: Attempt) -> Outcome:
        service, state = self._service, kept.state
        index = await kept.index_for_source()
        async with scoped(service.pool, scope) as conn:
            known = await ledger.quarantined(
                scope, conn, state.sha256, parser=index.settings.parser
            )
        if known is not None:
            raise Quarantined(f"{known.failures} times: {known.error}")
        model = index.settings.embedding_model
        outcome = await self._indexer.index(
            scope,
            index,
            kept.document,
            kept,
            store=service.store(index),
            embedder=await asyncio.to_thread(service.embedders.get, model),
            declared=await kept.read_declared(),
        )
        if outcome.status == "indexed":
            await kept.undo_if_deleted()
            # Not in the transaction that ends it: a row changed twice in one has its foreign keys
            # looked at again, and two that hold their job that way would wait for each other.
            await kept.keep_metadata(outcome.metadata)
        return outcome

    async def _finish(
        self,
        scope: Scope,
        place: Place,
        started: Started,
        kept: Attempt | None,
        outcome: Outcome,
    ) -> None:
        service = self._service
        again = False
        async with scoped(service.pool, scope) as conn:
            await metadata.lock(scope, conn, shared=True)
            if kept is not None:
                await ledger.enter_stages(scope, conn, place, kept.stages, attempt=started.attempt)
                if outcome.status == "indexed":
                    await ledger.release(scope, conn, kept.state.sha256)
                if blame := _blame(outcome):
                    failures = await ledger.count_failure(
                        scope,
                        conn,
                        kept.state.sha256,
                        parser=kept.index.settings.parser,
                        outcome=outcome,
                        times=blame,
                    )
                    again = outcome.error_code in TRIED_AGAIN and (
                        failures < ledger.QUARANTINED_AFTER
                    )
            missed = await kept.missed(conn) if kept and outcome.status == "indexed" else []
            if missed:
                await queue_all(service.queue, scope, conn, missed, started.job_id)
            elif not again:
                await ledger.finish(scope, conn, place, outcome)
                await close_job(service.queue, scope, conn, started.job_id)
        if again:
            raise TryAgain(outcome.error or "")

    async def _enter_stages(
        self, scope: Scope, place: Place, started: Started, kept: Attempt | None
    ) -> None:
        """What an attempt that is made again has taken, if the database is there to be told."""
        if kept is None:
            return
        try:
            async with scoped(self._service.pool, scope) as conn:
                await ledger.enter_stages(scope, conn, place, kept.stages, attempt=started.attempt)
        except TRANSIENT as exc:
            logger.warning("the stages of version %s are not entered: %s", place.version_id, exc)


def _blame(outcome: Outcome) -> int:
    """How many failures of these very bytes an outcome stands for."""
    if outcome.error_code == WorkersDied.code:
        return ledger.QUARANTINED_AFTER  # and more: no worker is risked for them again
    return 1 if outcome.stage == "parse" else 0


def _complain(place: Place, error: Exception) -> None:
    """An error with a message for users needs no traceback."""
    if isinstance(error, ServiceError):
        logger.warning("giving up on version %s: %s", place.version_id, error)
    else:
        logger.error("giving up on version %s", place.version_id, exc_info=error)
