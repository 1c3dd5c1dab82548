"""The MCP door on a real socket, with something to find behind it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn

from kb.api.app import MCP_PATH, create_app
from kb.gateway.gateway import Gateway
from kb.service import Service
from kb.settings import Settings
from kb.wiring import make_live_sources
from kb.worker import Worker
from tests.kb.teams import new_base, new_team, parts

PARCELS = """# Front desk

## Parcels

A parcel may wait at the front desk for nine days, then it goes back.

## Keys

Lost keys are reported to the night guard before eight.
"""


@dataclass(frozen=True, slots=True)
class Door:
    """Where the server listens, a key, and the knowledge base that the key's team has."""

    origin: str
    secret: str
    base: UUID

    @property
    def url(self) -> str:
        """Of the MCP endpoint."""
        return self.origin + MCP_PATH

    @property
    def headers(self) -> dict[str, str]:
        """What a client adds to every request."""
        return {"authorization": f"Bearer {self.secret}"}

    async def rest(self, **request: Any) -> httpx.Response:
        """The same question over REST."""
        async with httpx.AsyncClient(headers=self.headers, timeout=60) as http:
            return await http.post(f"{self.origin}/v1/{self.base}/retrieve", json=request)


class QuietServer(uvicorn.Server):
    """Leaves the test process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@pytest.fixture(scope="session")
async def origin(service: Service, settings: Settings, gateway: Gateway) -> AsyncIterator[str]:
    """A running server's address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(
            service,
            make_live_sources(settings),
            gateway,
            allowed_hosts=[address],
            allowed_origins=["https://agents.example.org"],
        )
        server = QuietServer(uvicorn.Config(app, log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.02)
        yield f"http://{address}"
        server.should_exit = True
        await serving


@pytest.fixture(scope="session")
async def door(origin: str, service: Service, worker: Worker) -> Door:
    """Our own way in."""
    team, secret = await new_team(service)
    base = await new_base(service, team)
    await service.add_document(base, item_name="desk.md", data=parts(PARCELS))
    await worker.run(wait=False)
    return Door(origin, secret, base.knowledge_base_id)


@pytest.fixture(scope="session")
async def others_door(origin: str, service: Service, worker: Worker) -> Door:
    """Another team's way in."""
    team, secret = await new_team(service)
    base = await new_base(service, team, name="theirs")
    await service.add_document(base, item_name="theirs.txt", data=parts("A parcel of theirs."))
    await worker.run(wait=False)
    return Door(origin, secret, base.knowledge_base_id)
