"""The real parts that tests share: one PostgreSQL, one embedding model, a service on both."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from kb.embedders import Embedders
from kb.postgres.embedded import EmbeddedPostgres
from kb.postgres.pool import make_pool
from kb.postgres.schema import prepare
from kb.service import Service
from kb.settings import Settings
from kb.wiring import make_embedders, open_service, open_worker
from kb.worker import Worker
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import MODELS
from retrieval.postgres import Pool
from retrieval.scope import TeamScope


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
async def service(settings: Settings, dsn: str, embedders: Embedders) -> AsyncIterator[Service]:
    async with open_service(settings, dsn, embedders) as service:
        yield service


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
