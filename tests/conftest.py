"""The real parts that tests share: a PostgreSQL, a Weaviate, an embedding model, a service."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from kb.embedders import Embedders
from kb.gateway.gateway import Gateway
from kb.postgres.embedded import EmbeddedPostgres
from kb.postgres.pool import make_pool
from kb.postgres.schema import prepare
from kb.service import Service
from kb.settings import Settings
from kb.weaviate.embedded import EmbeddedWeaviate
from kb.wiring import make_embedders, open_gateway, open_service, open_worker
from kb.worker import Worker
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import MODELS
from retrieval.postgres import Pool
from retrieval.scope import TeamScope
from retrieval.stores.weaviate_address import WeaviateAddress
from tests.kb.programs import PLAIN
from tests.retrieval.stores.weaviate_program import weaviate_program


def pytest_configure() -> None:
    """A worker process of the tests inherits the width of a terminal that it does not have, and a
    console keeps for good the width that it finds when it is made. A shell has what it starts in
    the background ignore Ctrl-C, which the programs that tests start would inherit."""
    os.environ["COLUMNS"] = PLAIN["COLUMNS"]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes that are no text are named for their argument: an archive holds the time when it was
    made, and the worker processes of one run must find the same tests."""
    if isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable()):
        return argname
    return None


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    """A folder that an unprivileged account can reach, as pytest's own cannot be for root."""
    folder = Path(tempfile.mkdtemp(prefix="kb-tests-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def settings(data_dir: Path) -> Settings:
    """What the service runs on; nothing of it comes from the environment."""
    return Settings(data_dir=data_dir, database_url=None, model_dir=None, api_key=None)


@pytest.fixture(scope="session")
def dsn(data_dir: Path) -> Iterator[str]:
    """A migrated database in an embedded PostgreSQL."""
    with EmbeddedPostgres(data_dir) as dsn:
        prepare(dsn)
        yield dsn


@pytest.fixture(scope="session")
def embedders(settings: Settings) -> Embedders:
    """Loads the real model once for all tests."""
    return make_embedders(settings)


@pytest.fixture(scope="session")
def embedder(embedders: Embedders) -> Embedder:
    return embedders.get(MODELS[0])


@pytest.fixture(scope="session")
async def pool(dsn: str) -> AsyncIterator[Pool]:
    pool = make_pool(dsn, max_size=8)
    await pool.open(wait=True)
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def weaviate() -> Iterator[WeaviateAddress]:
    """A server: the one at KB_WEAVIATE_URL, or else one of our own."""
    if url := os.environ.get("KB_WEAVIATE_URL"):
        yield WeaviateAddress(
            url=url,
            grpc_port=int(os.environ.get("KB_WEAVIATE_GRPC_PORT", "50051")),
            api_key=os.environ.get("KB_WEAVIATE_API_KEY"),
        )
        return
    program = weaviate_program()
    folder = Path(tempfile.mkdtemp(prefix="kb-weaviate-"))
    with EmbeddedWeaviate(folder, program=program) as address:
        yield address
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def service(settings: Settings, dsn: str, embedders: Embedders) -> AsyncIterator[Service]:
    async with open_service(settings, dsn, embedders) as service:
        yield service


@pytest.fixture(scope="session")
async def gateway(settings: Settings, service: Service) -> AsyncIterator[Gateway]:
    """The chat APIs without a language model."""
    async with open_gateway(settings, service) as gateway:
        yield gateway


@pytest.fixture(scope="session")
async def worker(settings: Settings, service: Service) -> AsyncIterator[Worker]:
    """Call `run(wait=False)` to have everything indexed that is queued."""
    async with open_worker(settings, service) as worker:
        yield worker


@pytest.fixture
async def team(service: Service) -> TeamScope:
    """A team that no other test knows."""
    scope = TeamScope(team_id=uuid4())
    await service.ensure_team(scope)
    return scope
