"""Store and catalog: when they agree, what is said when they do not, and how it is mended."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kb.reconcile import compare, mend
from kb.service import Service
from kb.worker import Worker
from retrieval.embedding.models import MODELS
from retrieval.query import Query
from retrieval.scope import Scope
from tests.kb.teams import new_team
from tests.retrieval.stores.makers import make_chunks, make_document, make_vectors


@pytest.fixture
async def base(service: Service, worker: Worker) -> Scope:
    """Two documents, indexed."""
    team, _ = await new_team(service)
    made = await service.create_knowledge_base(team, name="things", embedding_model=MODELS[0])
    scope = team.knowledge_base(made.knowledge_base.id)
    for name in ("kettle", "bicycle"):
        await add(service, scope, name)
    await worker.run(wait=False)
    return scope


async def add(service: Service, scope: Scope, name: str) -> None:
    async def data() -> AsyncIterator[bytes]:
        yield f"# The {name}\n\nThe {name} stands in the hall.\n".encode()

    await service.add_document(scope, item_name=f"{name}.md", data=data())


async def test_what_was_indexed_agrees(service: Service, base: Scope) -> None:
    found = await compare(service, base)
    assert found.agrees
    assert (found.agreeing, found.pending) == (2, 0)


async def test_what_is_still_queued_is_not_compared(service: Service, base: Scope) -> None:
    await add(service, base, "violin")
    found = await compare(service, base)
    assert found.agrees
    assert (found.agreeing, found.pending) == (2, 1)


async def test_chunks_of_no_document_are_named_and_removed(service: Service, base: Scope) -> None:
    live = await service.index(base)
    stray = make_document()
    chunks = make_chunks("a stray teapot")
    vectors = make_vectors(1)
    await live.store.replace(base, live.version, stray, chunks, vectors)
    found = await compare(service, base)
    assert [one.document for one in found.unowned] == [stray]
    assert found.lacking == []
    await mend(service, base, found)
    assert (await compare(service, base)).agrees
    assert await texts(service, base, "teapot") == []


async def test_a_document_that_lacks_its_chunks_is_named_and_indexed_again(
    service: Service, worker: Worker, base: Scope
) -> None:
    live = await service.index(base)
    (kettle,) = [
        one.document
        for one in await live.store.documents(base, live.version)
        if one.document.item_name == "kettle.md"
    ]
    await live.store.replace(base, live.version, kettle, [], [])
    found = await compare(service, base)
    assert [one.item_name for one in found.lacking] == ["kettle.md"]
    assert found.agreeing == 1
    await mend(service, base, found)
    assert (await compare(service, base)).pending == 1
    await worker.run(wait=False)
    assert (await compare(service, base)).agrees
    assert len(await texts(service, base, "kettle")) == 1


async def test_nothing_of_another_knowledge_base_is_seen(
    service: Service, worker: Worker, base: Scope
) -> None:
    other, _ = await new_team(service)
    made = await service.create_knowledge_base(other, name="other", embedding_model=MODELS[0])
    scope = other.knowledge_base(made.knowledge_base.id)
    await add(service, scope, "ferry")
    await worker.run(wait=False)
    assert (await compare(service, base)).agreeing == 2
    assert (await compare(service, scope)).agreeing == 1


async def texts(service: Service, scope: Scope, words: str) -> list[str]:
    found = await service.retrieve(scope, Query(text=words, alpha=0))
    return [passage.text for passage in found.passages]
