"""A knowledge base moved from one real store to the other and back, while documents come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

import pytest
from pydantic import SecretStr

from ingest.chunking.settings import chunk_settings
from ingest.parsing.jail import ParserJail
from kb import index_builds, store_migration
from kb.embedders import Embedders
from kb.index_builds import IndexNotReady, KeptIndex
from kb.service import Service
from kb.settings import Settings
from kb.store_migration import CountsDiffer, Flip
from kb.wiring import open_service
from retrieval.embedding.models import MODELS
from retrieval.index import StoreName
from retrieval.query import Query
from retrieval.scope import TeamScope
from retrieval.store import StoreNotConfigured
from retrieval.stores.weaviate_address import WeaviateAddress
from tests.kb.library import Library
from tests.kb.teams import new_base, parts

NAMES = ("pump", "valve", "motor")


@pytest.fixture(scope="module")
async def both(
    settings: Settings, dsn: str, embedders: Embedders, weaviate: WeaviateAddress
) -> AsyncIterator[Service]:
    """A service that has both stores."""
    configured = settings.model_copy(
        update={
            "weaviate_url": weaviate.url,
            "weaviate_grpc_port": weaviate.grpc_port,
            "weaviate_api_key": weaviate.api_key and SecretStr(weaviate.api_key),
        }
    )
    async with open_service(configured, dsn, embedders) as service:
        yield service


@pytest.fixture(scope="module")
async def jail() -> AsyncIterator[ParserJail]:
    async with ParserJail() as jail:
        yield jail


@pytest.fixture
async def library(both: Service, team: TeamScope, jail: ParserJail) -> AsyncIterator[Library]:
    """Three guides, kept in pgvector."""
    await both.ensure_team(team)
    library = Library(both, await new_base(both, team), jail)
    await library.work()
    for name in NAMES:
        await send(library, name)
    await library.work()
    yield library
    await library.work()
    await both.delete_knowledge_base(library.scope)


async def send(library: Library, name: str, *, edition: str = "first", sections: int = 3) -> None:
    text = "\n\n".join(
        f"# {name} {n}\n\n" + f"The {name} of part {n}. " * 30 for n in range(sections)
    )
    await library.service.add_document(
        library.scope, item_name=f"{name}.md", data=parts(f"{text}\n\nThe {edition} edition.")
    )


async def begin(library: Library, store: StoreName = "weaviate") -> KeptIndex:
    begun = await store_migration.begin(library.service, library.scope, store)
    assert begun is not None
    return begun


async def flip(library: Library, copy: KeptIndex) -> Flip | None:
    return await store_migration.flip(library.service, library.scope, copy.version.id)


async def migrate(library: Library, store: StoreName = "weaviate") -> Flip:
    copy = await begin(library, store)
    await library.work()
    flipped = await flip(library, copy)
    assert flipped is not None
    return flipped


async def store_and_number(library: Library) -> tuple[StoreName, int]:
    live = await library.service.index_version(library.scope)
    return live.settings.store, live.number


async def answer(library: Library, text: str, *, alpha: float = 0.5) -> list[tuple[str, str]]:
    query = Query(text=text, alpha=alpha, num_results=5)
    found = await library.service.retrieve(library.scope, query)
    return [(one.citation.document.item_name, one.text) for one in found.passages]


async def test_it_answers_the_same_from_the_other_store_with_vectors_it_did_not_compute(
    library: Library,
) -> None:
    by_meaning = await answer(library, "the motor of part 1", alpha=1)
    by_words = await answer(library, "valve part 2", alpha=0)
    copy = await begin(library)
    assert await store_and_number(library) == ("pgvector", 1)
    await library.work()
    assert await store_and_number(library) == ("pgvector", 1)  # it is counted first
    flipped = await flip(library, copy)
    assert flipped is not None
    assert await store_and_number(library) == ("weaviate", 2)
    assert flipped.previous.version.number == 1
    assert flipped.chunks == flipped.live.state.chunks == flipped.previous.state.chunks > 0
    assert flipped.live.state.embedded_chunks == 0
    assert await answer(library, "the motor of part 1", alpha=1) == by_meaning
    assert (await answer(library, "valve part 2", alpha=0))[0] == by_words[0]


async def test_it_goes_back_without_copying_again(library: Library) -> None:
    await migrate(library)
    await send(library, "hinge")
    await library.work()
    back = await migrate(library, "pgvector")
    assert back.live.version.number == 1
    assert await store_and_number(library) == ("pgvector", 1)
    assert (await answer(library, "hinge"))[0][0] == "hinge.md"
    assert (await migrate(library)).live.version.number == 2
    assert len(await index_builds.list_all(library.service, library.scope)) == 2
    rolled = await index_builds.roll_back(library.service, library.scope)
    assert rolled.version.number == 1


async def test_there_is_nothing_to_do_where_it_is(library: Library) -> None:
    assert await store_migration.begin(library.service, library.scope, "pgvector") is None
    assert len(await index_builds.list_all(library.service, library.scope)) == 1


async def test_documents_that_come_and_change_and_go_meanwhile_are_right_in_the_copy(
    library: Library,
) -> None:
    copy = await begin(library)
    working = asyncio.create_task(library.work())
    await send(library, "hinge")
    await send(library, "pump", edition="second", sections=5)
    doomed = (await library.documents())["valve.md"]
    await library.service.delete_document(library.scope, doomed.id)
    await working
    await send(library, "motor", edition="third", sections=1)
    assert await flip(library, copy) is None  # its third edition is in neither yet
    assert await store_and_number(library) == ("pgvector", 1)
    await library.work()
    assert await flip(library, copy) is not None
    assert await store_and_number(library) == ("weaviate", 2)
    held = {name for name, _ in await answer(library, "pump valve motor hinge", alpha=0)}
    assert held == {"hinge.md", "pump.md", "motor.md"}
    (first, *_) = await answer(library, "second edition", alpha=0)
    assert (first[0], "second edition" in first[1]) == ("pump.md", True)


async def test_a_second_run_goes_on_with_the_copy_and_tries_again_what_failed(
    library: Library,
) -> None:
    copy = await begin(library)
    assert (await begin(library)).version.id == copy.version.id  # nothing of it is done yet
    await library.work()
    async with library.service.pool.connection() as conn:
        scope = [str(library.scope.team_id)]
        await conn.execute("SELECT set_config('kb.team_id', %s, false)", scope)
        await conn.execute(
            "UPDATE kb.ledger SET status = 'failed', error_code = 'x' WHERE index_version_id = %s"
            " AND version_id IN (SELECT version_id FROM kb.ledger"
            " WHERE index_version_id = %s LIMIT 1)",
            [copy.version.id, copy.version.id],
        )
        await conn.execute("SELECT set_config('kb.team_id', '', false)")
    with pytest.raises(IndexNotReady, match="1 that the live one has"):
        await flip(library, copy)
    again = await begin(library)
    assert again.version.id == copy.version.id
    await library.work()
    assert await flip(library, again) is not None
    assert len(await index_builds.list_all(library.service, library.scope)) == 2


async def test_a_copy_that_was_cut_otherwise_is_no_copy(library: Library) -> None:
    live = await library.service.index_version(library.scope)
    other = replace(
        live.settings, store="weaviate", chunking=chunk_settings(MODELS[0], max_chunk_size=100)
    )
    await index_builds.build(library.service, library.scope, other)
    assert (await migrate(library)).live.version.number == 3


async def test_a_copy_with_fewer_chunks_does_not_answer(library: Library) -> None:
    copy = await begin(library)
    await library.work()
    store = library.service.store(copy.version)
    held = await store.documents(library.scope, copy.version)
    await store.replace(library.scope, copy.version, held[0].document, [], [])
    with pytest.raises(CountsDiffer, match="pgvector holds 9, weaviate 6"):
        await flip(library, copy)
    assert await store_and_number(library) == ("pgvector", 1)


async def test_a_store_that_is_not_there_is_named_before_anything_is_begun(
    service: Service, team: TeamScope, jail: ParserJail
) -> None:
    library = Library(service, await new_base(service, team), jail)
    with pytest.raises(StoreNotConfigured, match="KB_WEAVIATE_URL"):
        await begin(library)
    with pytest.raises(StoreNotConfigured, match="nowhere"):
        await begin(library, cast("StoreName", "nowhere"))
    assert len(await index_builds.list_all(service, library.scope)) == 1
