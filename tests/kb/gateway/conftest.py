"""The real app, and a real server for it, into which tests put their own gateway; a certificate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from kb.api.app import create_app
from kb.gateway.gateway import Gateway
from kb.service import Service
from kb.settings import Settings
from kb.wiring import make_live_sources
from tests.certificates import write_certificate
from tests.kb.gateway.served import served


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls") / "secure.pem", "secure.test")


@pytest.fixture(scope="session")
def whole_app(service: Service, settings: Settings, gateway: Gateway) -> FastAPI:
    return create_app(service, make_live_sources(settings), gateway)


@pytest.fixture(scope="session")
async def whole_origin(whole_app: FastAPI) -> AsyncIterator[str]:
    """A running server's address."""
    async with served(whole_app) as address:
        yield address
