"""The real app in front of a model's server, and a knowledge base to ask about."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from kb.gateway.upstream import pool
from kb.gateway.upstream.client import Patience
from kb.service import Service
from kb.worker import Worker
from tests.kb.gateway.live import Library, Live, live, new_library

DESK = "# Front desk\n\nA parcel may wait at the front desk for nine days.\n"


@pytest.fixture(autouse=True)
def _brief_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying again takes no time."""
    monkeypatch.setattr(pool, "PAUSES", (0.01, 0.01))


@pytest.fixture(scope="session")
async def library(service: Service, worker: Worker) -> Library:
    return await new_library(service, worker, DESK)


@pytest.fixture
def patience() -> Patience | None:
    """How long the model's server is waited for; a test may say otherwise."""
    return None


@pytest.fixture
async def chat(
    whole_app: FastAPI,
    whole_origin: str,
    service: Service,
    library: Library,
    patience: Patience | None,
) -> AsyncIterator[Live]:
    async with live(whole_app, whole_origin, service, library, patience=patience) as opened:
        yield opened
