"""An app with the chat APIs alone, and a server for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from kb.api import (
    chat,
    chat_models,
    citations,
    embeddings,
    messages,
    problems,
    rerank,
    responses,
)
from kb.api.request_id import RequestIds
from kb.auth import Authenticator
from kb.gateway.wire.serving import ChatGateway
from kb.service import Service


def make_app(service: Service, gateway: ChatGateway) -> FastAPI:
    app = FastAPI()
    app.state.service = service
    app.state.authenticator = Authenticator(service.pool)
    app.state.gateway = gateway
    problems.install(app)
    app.add_middleware(RequestIds)
    for one in (chat, responses, messages, embeddings, rerank, chat_models, citations):
        app.include_router(one.router)
    return app


class _Server(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def served(app: FastAPI, *, certificate: Path | None = None) -> AsyncGenerator[str]:
    """A running server's address; over TLS with a certificate, which has its key beside it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = _Server(
            uvicorn.Config(app, log_config=None, lifespan="off", ssl_certfile=certificate)
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.02)
        scheme = "http" if certificate is None else "https"
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving
