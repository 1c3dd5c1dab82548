"""`kb up`: the API, the MCP door and a worker in one process."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import uvicorn

from kb.api.app import create_app
from kb.auth import operator_scope
from kb.embedders import Embedders
from kb.settings import Settings
from kb.wiring import Database, make_embedders, make_live_sources, open_gateway, open_service
from kb.working import keep_alive, keep_working

logger = logging.getLogger(__name__)

# The usual clients keep an idle connection for 5 s, as uvicorn does: who then asks just when it is
# being closed gets an error. Proxies keep one for a minute.
KEEP_ALIVE_SECONDS = 75


def bind(settings: Settings) -> socket.socket:
    """The listening socket; raises `OSError` where the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's delay off only where it is.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    return listener


async def serve(
    settings: Settings,
    database: Database,
    listener: socket.socket,
    *,
    on_ready: Callable[[str | None], None],
) -> None:
    """Serve until SIGINT or SIGTERM.

    `on_ready` is called once requests are answered, with the first key on a first start.
    """
    embedders = make_embedders(settings)
    async with (
        open_service(settings, database.dsn, embedders) as service,
        open_gateway(settings, service) as gateway,
    ):
        first_key = await service.first_key(operator_scope())
        app = create_app(
            service,
            make_live_sources(settings),
            gateway,
            allowed_hosts=(*_own_hosts(settings, listener), *settings.allowed_hosts),
            allowed_origins=settings.allowed_origins,
            own_url=own_url(settings, listener),
        )
        server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=10,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )
        with (
            _beside(_announce(server, lambda: on_ready(first_key))),
            _beside(keep_alive(database)),
            # So that the first query need not load it.
            _beside(asyncio.to_thread(embedders.get, embedders.models.default)),
            _worker_thread(settings, database.dsn, embedders),
        ):
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, server.handle_exit, number, None)
            await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """Leaves signals to us: uvicorn's way ends the process while the worker and PostgreSQL run."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def own_url(settings: Settings, listener: socket.socket) -> str:
    """Where this machine reaches the server."""
    port = listener.getsockname()[1]
    if settings.host in {"0.0.0.0", "::"}:  # noqa: S104 asked whether it is, not listened on
        return f"http://127.0.0.1:{port}"
    name = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{name}:{port}"


def _own_hosts(settings: Settings, listener: socket.socket) -> list[str]:
    port = listener.getsockname()[1]
    names = {settings.host, "127.0.0.1", "localhost", "[::1]"}
    return sorted({host for name in names for host in (name, f"{name}:{port}")})


@contextmanager
def _beside(work: Awaitable[object]) -> Generator[None]:
    """Runs until this is left."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(_report)
    try:
        yield
    finally:
        task.cancel()


def _report(task: asyncio.Future[object]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("%s", error, exc_info=error)


async def _announce(server: uvicorn.Server, on_ready: Callable[[], None]) -> None:
    while not server.started:  # noqa: ASYNC110 uvicorn has a flag and no event
        await asyncio.sleep(0.02)
    on_ready()


@contextmanager
def _worker_thread(settings: Settings, dsn: str, embedders: Embedders) -> Generator[None]:
    """A worker on a loop of its own, so that indexing never holds up requests."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(keep_working(settings, dsn, embedders, stop))

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
