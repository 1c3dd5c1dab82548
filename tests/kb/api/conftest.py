"""The app on the shared service, entered as a server enters it, and a client with a team's key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import FastAPI

from kb.api.app import create_app
from kb.gateway.gateway import Gateway
from kb.service import Service
from kb.settings import Settings
from kb.wiring import make_live_sources, open_worker
from kb.worker import Worker
from retrieval.scope import TeamScope
from tests.kb.api.client import HOST, Api, client_of
from tests.kb.teams import new_team


@pytest.fixture(scope="session")
def opened(settings: Settings, data_dir: Path) -> Settings:
    """The same, with a folder on the server that data sources may read."""
    return settings.model_copy(update={"source_folders": (data_dir / "shelves",)})


@pytest.fixture
def shelf(opened: Settings) -> Path:
    """An empty folder in there."""
    folder = opened.source_folders[0] / uuid4().hex
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
async def worker(opened: Settings, service: Service) -> AsyncIterator[Worker]:
    """Call `run(wait=False)` to have everything done that is queued."""
    async with open_worker(opened, service) as worker:
        yield worker


@pytest.fixture(scope="session")
async def app(service: Service, opened: Settings, gateway: Gateway) -> AsyncIterator[FastAPI]:
    """Runs its lifespan in one task, as a server does: the MCP door has a task group in there."""
    app = create_app(service, make_live_sources(opened), gateway, allowed_hosts=[HOST])
    ready, done = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.router.lifespan_context(app):
            ready.set()
            await done.wait()

    living = asyncio.create_task(live())
    await ready.wait()
    yield app
    done.set()
    await living


@pytest.fixture
async def api(
    app: FastAPI, service: Service, worker: Worker, team: TeamScope
) -> AsyncIterator[Api]:
    """The API as a team that no other test knows."""
    _, secret = await service.create_key(team, name="test")
    async with client_of(app, secret) as http:
        yield Api(http, team, secret, service, worker)


@pytest.fixture
async def other(app: FastAPI, service: Service, worker: Worker) -> AsyncIterator[Api]:
    """The same API as another team."""
    team, secret = await new_team(service)
    async with client_of(app, secret) as http:
        yield Api(http, team, secret, service, worker)
