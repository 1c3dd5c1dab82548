"""Settings to live parts. Nothing else constructs them, and nothing else reads the environment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

from ingest.parsing.jail import ParserJail
from ingest.parsing.limits import ParserLimits
from kb.blobs import FolderBlobs
from kb.embedders import Embedders
from kb.postgres.embedded import EmbeddedPostgres
from kb.postgres.pool import make_pool
from kb.postgres.schema import prepare
from kb.queue import Queue
from kb.service import Service
from kb.settings import Settings
from kb.worker import Worker
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import EmbeddingModel
from retrieval.stores.pgvector import PgVectorStore

Say = Callable[[str], None]


def say_nothing(message: str) -> None:
    """For callers that show no progress."""
    del message


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database."""

    dsn: str
    revive: Callable[[], object]
    """Starts it again should it have died; does nothing for a database that is not ours."""


@contextmanager
def open_database(settings: Settings, say: Say = say_nothing) -> Generator[Database]:
    """The database, migrated, and running for as long as this is entered."""
    if settings.database_url is not None:
        dsn = settings.database_url.get_secret_value()
        prepare(dsn)
        yield Database(dsn, lambda: None)
        return
    postgres = EmbeddedPostgres(settings.data_dir, on_wait=say)
    with postgres as dsn:
        prepare(dsn)
        yield Database(dsn, postgres.start)


def make_embedders(settings: Settings, say: Say = say_nothing) -> Embedders:
    """Loads models as they are asked for, from the first of the four places that has them."""

    def load(model: EmbeddingModel) -> Embedder:
        from retrieval.embedding.fastembed_embedder import FastEmbedEmbedder
        from retrieval.embedding.weights import find_model_folder

        folder = find_model_folder(
            model,
            model_dir=settings.model_dir,
            cache_dir=settings.data_dir / "models",
            precision=settings.embedding_precision,
            on_step=say,
        )
        return FastEmbedEmbedder(model, folder, threads=settings.embedding_threads)

    return Embedders(load)


@asynccontextmanager
async def open_service(
    settings: Settings, dsn: str, embedders: Embedders
) -> AsyncGenerator[Service]:
    """The service on one event loop's connections."""
    pool = make_pool(dsn, max_size=settings.database_connections)
    await pool.open(wait=True, timeout=30)
    try:
        queue = Queue(pool)
        await queue.open()
        yield Service(
            pool=pool,
            stores={"pgvector": PgVectorStore(pool)},
            embedders=embedders,
            blobs=FolderBlobs(settings.data_dir / "blobs", max_bytes=settings.max_upload_bytes),
            queue=queue,
        )
    finally:
        await pool.close()


@asynccontextmanager
async def open_worker(settings: Settings, service: Service) -> AsyncGenerator[Worker]:
    """A worker on the service's event loop, with a jail of its own."""
    limits = ParserLimits(
        input_bytes=settings.max_upload_bytes,
        memory_bytes=settings.parser_memory_bytes,
        wall_seconds=settings.parser_seconds,
    )
    async with ParserJail(limits) as jail:
        yield Worker(service, jail, concurrency=settings.worker_concurrency)


async def work(settings: Settings, dsn: str, embedders: Embedders, stop: asyncio.Event) -> None:
    """Run a worker until told to stop; raises what ends it before."""
    async with (
        open_service(settings, dsn, embedders) as service,
        open_worker(settings, service) as worker,
    ):
        running = asyncio.create_task(worker.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if stop.is_set():
            running.cancel()
        with suppress(asyncio.CancelledError):
            await running
