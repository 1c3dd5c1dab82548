"""The whole service, with a document in it and a model that says what a test writes down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from kb.api.app import create_app
from kb.service import Service
from kb.settings import Settings
from kb.wiring import make_live_sources, open_gateway
from kb.worker import Worker
from tests.certificates import write_certificate
from tests.clients.desk import MODEL, TEXT, Desk
from tests.kb.gateway.served import served
from tests.kb.teams import new_base, new_team, parts
from tests.llm.scripted import scripted


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls") / "desk.pem", IPv4Address("127.0.0.1"))


@pytest.fixture(scope="session")
async def desk(
    settings: Settings, service: Service, worker: Worker, certificate: Path
) -> AsyncIterator[Desk]:
    team, key = await new_team(service)
    base = await new_base(service, team)
    await service.add_document(base, item_name="desk.md", data=parts(TEXT))
    await worker.run(wait=False)
    async with AsyncExitStack() as opened:
        enter = opened.enter_async_context
        upstream = await enter(scripted())
        with_model = settings.model_copy(update={"llm_url": upstream.url, "llm_model": MODEL})
        gateway = await enter(open_gateway(with_model, service))
        app = create_app(service, make_live_sources(settings), gateway)
        yield Desk(
            origin=await enter(served(app)),
            secure_origin=await enter(served(app, certificate=certificate)),
            key=key,
            knowledge_base_id=base.knowledge_base_id,
            upstream=upstream,
        )
