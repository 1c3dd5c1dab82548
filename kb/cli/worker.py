"""`kb worker`: a worker in a process of its own; as many as are wanted share a database."""

from __future__ import annotations

import asyncio
import logging
import signal

from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from kb.cli.session import fail, log_to_terminal, out, read_settings, tell
from kb.embedders import Embedders
from kb.settings import Settings
from kb.wiring import Database, make_embedders, open_database
from kb.working import keep_alive, keep_working
from retrieval.errors import ServiceError


def worker(*, concurrency: int | None) -> None:
    """Work until SIGINT or SIGTERM."""
    log_to_terminal(logging.WARNING)
    settings = read_settings()
    if concurrency is not None:
        settings = settings.model_copy(update={"worker_concurrency": concurrency})
    try:
        with open_database(settings, tell) as database:
            embedders = make_embedders(settings, tell)
            embedders.get(embedders.models.default)  # a machine without it is better told now
            asyncio.run(_work(settings, database, embedders))
    except ServiceError as exc:
        fail(str(exc))
    except (OperationalError, PoolTimeout) as exc:
        fail(f"The database does not answer: {exc}")
    except KeyboardInterrupt:
        pass
    tell("Stopped.")


async def _work(settings: Settings, database: Database, embedders: Embedders) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, stop)
    out.print(f"Ready for {settings.worker_concurrency} documents at a time; Ctrl-C stops it.")
    watching = asyncio.create_task(keep_alive(database))
    await keep_working(settings, database.dsn, embedders, stop)
    watching.cancel()


def _stop(stop: asyncio.Event) -> None:
    tell("Stopping; what is under way is finished first.")
    stop.set()
