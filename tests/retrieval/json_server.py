"""A real HTTP server that is posted JSON; what it answers is up to each test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

Answer = Callable[[Request, dict[str, Any]], Awaitable[Response]]


@dataclass
class JsonServer:
    """Remembers what it was sent."""

    answer: Answer
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    paths: list[str] = field(default_factory=list[str])
    url: str = ""

    async def handle(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.paths.append(request.url.path)
        return await self.answer(request, body)

    def says(self, *responses: Response) -> None:
        """These in turn, then the last for ever."""
        left = list(responses)

        async def answer(request: Request, body: dict[str, Any]) -> Response:
            return left.pop(0) if len(left) > 1 else left[0]

        self.answer = answer


@asynccontextmanager
async def serving(answer: Answer) -> AsyncGenerator[JsonServer]:
    """One that answers so, unless a test says otherwise."""
    server = JsonServer(answer)
    app = Starlette(routes=[Route("/{path:path}", server.handle, methods=["POST"])])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        running = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        task = asyncio.create_task(running.serve(sockets=[listener]))
        yield server
        running.should_exit = running.force_exit = True
        await task


def free_address() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
