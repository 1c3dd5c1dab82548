"""A knowledge base whose embedding model is on a server, through the server's coming and going."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from ingest.chunking.settings import chunk_settings
from kb.errors import problem
from kb.service import Service
from kb.settings import Settings
from kb.wiring import make_embedders, open_service, open_worker
from retrieval.embedding.embedder import Embedder, EmbeddingUnavailable
from retrieval.embedding.entries import EndpointEntry
from retrieval.embedding.registry import ModelNotConfigured
from retrieval.query import Query
from retrieval.scope import Scope, TeamScope
from tests.kb.teams import parts
from tests.retrieval.embedding.embedding_server import EmbeddingServer, Fault, serving

FOX = "The quick brown fox jumps over the lazy dog."
DOWN = Fault(status=503, body=b"loading")


@pytest.fixture
def server(embedder: Embedder) -> Iterator[EmbeddingServer]:
    with serving(embedder) as server:
        yield server


@pytest.fixture
def configured(settings: Settings, server: EmbeddingServer) -> Settings:
    served = EndpointEntry(
        id="served",
        endpoint="sentence-transformers/all-MiniLM-L6-v2",
        tokenizer=next(settings.data_dir.rglob("tokenizer.json")),
        matryoshka_dimensions=(128,),
    )
    return settings.model_copy(
        update={"embedding_models": (served,), "embeddings_url": server.url, "cached_queries": 0}
    )


@pytest.fixture
async def remote(configured: Settings, dsn: str) -> AsyncIterator[Service]:
    async with open_service(configured, dsn, make_embedders(configured)) as service:
        yield service


async def make_base(service: Service, *, dimensions: int | None = None) -> Scope:
    team = TeamScope(team_id=uuid4())
    await service.ensure_team(team)
    model = service.embedders.models.by_id("served").shortened(dimensions)
    made = await service.create_knowledge_base(
        team, name="foxes", embedding_model=model, chunking=chunk_settings(model)
    )
    return team.knowledge_base(made.knowledge_base.id)


async def fill(service: Service, configured: Settings, base: Scope) -> None:
    await service.add_document(base, item_name="fox.txt", data=parts(FOX))
    async with open_worker(configured, service) as worker:
        await worker.run(wait=False)


@pytest.mark.parametrize("dimensions", [None, 128])
async def test_documents_are_found_by_the_servers_vectors(
    remote: Service, configured: Settings, server: EmbeddingServer, dimensions: int | None
) -> None:
    base = await make_base(remote, dimensions=dimensions)
    await fill(remote, configured, base)
    found = await remote.retrieve(base, Query(text="what does the fox do?", num_results=1, alpha=1))
    assert [passage.text for passage in found.passages] == [FOX]
    assert server.asked[-1]["input"] == ["what does the fox do?"]
    index = await remote.index(base)
    assert index.version.settings.embedding_model.dimensions == (dimensions or 384)


async def test_a_query_says_that_the_server_is_gone_and_works_when_it_is_back(
    remote: Service, configured: Settings, server: EmbeddingServer
) -> None:
    base = await make_base(remote)
    await fill(remote, configured, base)
    query = Query(text="fox", num_results=1, alpha=1)
    server.faults.extend([DOWN] * 3)
    with pytest.raises(EmbeddingUnavailable) as caught:
        await remote.retrieve(base, query)
    assert problem(caught.value).status == 503
    assert (await remote.retrieve(base, query)).passages


async def test_indexing_waits_for_the_server(
    remote: Service, configured: Settings, server: EmbeddingServer
) -> None:
    base = await make_base(remote)
    server.faults.append(DOWN)
    await fill(remote, configured, base)
    assert (await remote.overview(base)).tally.indexed == 1


async def test_a_base_whose_model_is_no_longer_configured_can_be_seen_and_deleted(
    remote: Service, configured: Settings, service: Service
) -> None:
    base = await make_base(remote)
    await fill(remote, configured, base)
    with pytest.raises(ModelNotConfigured, match="It is served") as caught:
        await service.retrieve(base, Query(text="fox", num_results=1))
    assert problem(caught.value).status == 503
    assert (await service.overview(base)).tally.documents == 1
    await service.delete_knowledge_base(base)
