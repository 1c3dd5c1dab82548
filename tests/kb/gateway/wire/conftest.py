"""The chat APIs over a scripted gateway, in this process and behind a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from kb.service import Service
from tests.kb.api.client import client_of
from tests.kb.gateway.served import served
from tests.kb.gateway.wire.scripts import ScriptedGateway
from tests.kb.gateway.wire.server import make_app
from tests.kb.teams import new_team


@pytest.fixture(scope="session")
async def secret(service: Service) -> str:
    """An API key."""
    return (await new_team(service))[1]


@pytest.fixture(scope="session")
def chat_app(service: Service) -> FastAPI:
    return make_app(service, ScriptedGateway())


@pytest.fixture(scope="session")
async def origin(chat_app: FastAPI) -> AsyncIterator[str]:
    """A running server's address."""
    async with served(chat_app) as address:
        yield address


@pytest.fixture
def gateway(chat_app: FastAPI) -> ScriptedGateway:
    """A fresh one, in the app and behind the server."""
    chat_app.state.gateway = ScriptedGateway()
    return chat_app.state.gateway


@pytest.fixture
async def http(
    chat_app: FastAPI, secret: str, gateway: ScriptedGateway
) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the app itself."""
    del gateway
    async with client_of(chat_app, secret) as client:
        yield client
