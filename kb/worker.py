"""The worker: takes document versions through the write path, and keeps the ledger."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from ingest.indexing import Indexer, Outcome, Parser
from kb.catalog import documents, knowledge_bases, ledger
from kb.catalog.errors import NotFound
from kb.queue import MAX_ATTEMPTS, TRANSIENT
from kb.service import Service
from retrieval.errors import ServiceError
from retrieval.index import IndexVersion
from retrieval.postgres import scoped
from retrieval.scope import Scope
from retrieval.store import IndexNotFound

logger = logging.getLogger(__name__)


class WorkersDied(ServiceError):
    """Every worker that took this document died over it; split the file, or send it again."""

    code = "workers_died"


class Worker:
    """Indexes what is queued."""

    def __init__(self, service: Service, parser: Parser, *, concurrency: int) -> None:
        self._service = service
        self._indexer = Indexer(parser)
        self._concurrency = concurrency

    async def run(self, *, wait: bool = True) -> None:
        """Work until cancelled, or with `wait=False` until nothing is queued."""
        await self._service.queue.work(self.index, concurrency=self._concurrency, wait=wait)

    async def index(
        self, scope: Scope, index_version_id: UUID, version_id: UUID, attempt: int
    ) -> None:
        """One attempt at one document version; safe to run twice.

        Errors that may pass are raised for the queue to try again, unless this was the last time.
        """
        service = self._service
        async with scoped(service.pool, scope) as conn:
            job_id = await ledger.start(scope, conn, index_version_id, version_id)
        if job_id is None:
            return  # done already, or deleted while it was queued
        try:
            if attempt > MAX_ATTEMPTS:
                raise WorkersDied
            outcome = await self._attempt(scope, index_version_id, version_id)
        except (NotFound, IndexNotFound):
            outcome = Outcome(status="superseded")  # deleted under way, with its knowledge base
        except Exception as exc:  # whatever it is, the ledger must not say `running` for ever
            if isinstance(exc, TRANSIENT) and attempt < MAX_ATTEMPTS:
                raise
            logger.exception("giving up on version %s", version_id)
            outcome = Outcome(status="failed", error_code=_code(exc), error=str(exc))
        async with scoped(service.pool, scope) as conn:
            await ledger.finish(
                scope, conn, index_version_id, version_id, job_id=job_id, outcome=outcome
            )

    async def _attempt(self, scope: Scope, index_version_id: UUID, version_id: UUID) -> Outcome:
        service = self._service
        async with scoped(service.pool, scope) as conn:
            base = await knowledge_bases.get(scope, conn)
            index = await knowledge_bases.index_version(scope, conn, index_version_id)
            state = await documents.version_state(scope, conn, version_id)
        if state is None or state.is_deleted or state.is_superseded:
            return Outcome(status="superseded")
        store = service.stores[base.store]

        async def save_text(text: str) -> None:
            async with scoped(service.pool, scope) as conn:
                await documents.save_text(
                    scope, conn, version_id, parser=index.settings.parser, text=text
                )

        outcome = await self._indexer.index(
            scope,
            index,
            state.document,
            await service.blobs.get(scope, state.sha256),
            store=store,
            embedder=await asyncio.to_thread(service.embedders.get, index.settings.embedding_model),
            save_text=save_text,
        )
        if outcome.status == "indexed":
            await self._undo_if_deleted(scope, index, state, base.store)
        return outcome

    async def _undo_if_deleted(
        self, scope: Scope, index: IndexVersion, state: documents.VersionState, store: str
    ) -> None:
        """A deletion marks the document first and then removes its chunks; see both sides of it."""
        async with scoped(self._service.pool, scope) as conn:
            after = await documents.version_state(scope, conn, state.document.version_id)
        if after is None or after.is_deleted:
            await self._service.stores[store].replace(scope, index, state.document, [], [])
            raise NotFound(f"Document {state.document.document_id}.")


def _code(error: Exception) -> str:
    return getattr(error, "code", "unavailable" if isinstance(error, ServiceError) else "internal")
