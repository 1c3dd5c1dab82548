"""A worker and its database kept running, whatever ends them, until the program is told to stop."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from kb.embedders import Embedders
from kb.settings import Settings
from kb.wiring import Database, open_service, open_worker

WATCH_SECONDS = 2.0
RESTART_SECONDS = 5.0

logger = logging.getLogger(__name__)


async def keep_alive(database: Database) -> None:
    """An embedded PostgreSQL that was killed is started again under the running program."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            await asyncio.to_thread(database.revive)
        except Exception:  # the next round tries again; requests meanwhile get a 503
            logger.exception("PostgreSQL does not come back")


async def keep_working(
    settings: Settings, dsn: str, embedders: Embedders, stop: asyncio.Event
) -> None:
    """Run a worker until told to stop, and another one after whatever ends it before."""
    while not stop.is_set():
        try:
            await _work(settings, dsn, embedders, stop)
        except Exception:  # such as a database that restarts; documents stay queued
            logger.exception("the worker stopped; starting again")
            await asyncio.wait([asyncio.ensure_future(stop.wait())], timeout=RESTART_SECONDS)


async def _work(settings: Settings, dsn: str, embedders: Embedders, stop: asyncio.Event) -> None:
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
