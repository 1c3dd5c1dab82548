"""An ASGI app on a socket of its own, in the tests' own process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal

import uvicorn

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class _Server(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def served(
    app: Asgi, *, certificate: Path | None = None, lifespan: Literal["auto", "off"] = "off"
) -> AsyncGenerator[str]:
    """A running server's origin; over TLS with a certificate, which has its key beside it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app,
            log_config=None,
            lifespan=lifespan,
            ws="none",
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.02)
        scheme = "http" if certificate is None else "https"
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving
