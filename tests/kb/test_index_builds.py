"""Index versions: built beside the live one while it answers, promoted, gone back from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from ingest.chunking.settings import chunk_settings
from ingest.errors import ChunkSizeOutOfRange
from ingest.parsing.document import ParsedDocument
from ingest.parsing.jail import ParserJail
from kb.catalog.errors import NotFound
from kb.index_builds import (
    IndexIsLive,
    IndexNotReady,
    KeptIndex,
    NothingToRollBackTo,
    build,
    discard,
    get,
    list_all,
    promote,
    roll_back,
)
from kb.service import Service
from retrieval.embedding.models import MODELS
from retrieval.index import ChunkSettings, IndexSettings
from retrieval.query import Query
from retrieval.scope import TeamScope
from tests.kb.library import Library
from tests.kb.teams import new_base, parts

SMALL = chunk_settings(MODELS[0], max_chunk_size=100)
FIXED = chunk_settings(MODELS[0], strategy="fixed", max_chunk_size=120)


class CountingParser:
    """The real one, that counts."""

    def __init__(self, jail: ParserJail) -> None:
        self.names: list[str] = []
        self._jail = jail

    async def parse(self, data: bytes, *, name: str) -> ParsedDocument:
        self.names.append(name)
        return await self._jail.parse(data, name=name)


@pytest.fixture(scope="module")
async def jail() -> AsyncIterator[ParserJail]:
    async with ParserJail() as jail:
        yield jail


@pytest.fixture
def parser(jail: ParserJail) -> CountingParser:
    return CountingParser(jail)


@pytest.fixture
async def library(
    service: Service, team: TeamScope, parser: CountingParser, tmp_path: Path
) -> AsyncIterator[Library]:
    """Four guides of three sections each."""
    library = Library(service, await new_base(service, team), parser, folders=[tmp_path])
    await library.work()
    for name in ("pump", "valve", "motor", "hinge"):
        await send(library, name)
    await library.work()
    yield library
    await library.work()


def guide(name: str, *, edition: str = "first") -> str:
    sections = (f"# {name} {n}\n\n" + f"The {name} of part {n}. " * 30 for n in range(3))
    return "\n\n".join(sections) + f"\n\nThe {edition} edition."


async def send(library: Library, name: str, *, edition: str = "first") -> None:
    await library.service.add_document(
        library.scope, item_name=f"{name}.md", data=parts(guide(name, edition=edition))
    )


async def begin(
    library: Library, chunking: ChunkSettings, *, promote_when_ready: bool = False
) -> KeptIndex:
    live = await library.service.index_version(library.scope)
    settings = replace(live.settings, chunking=chunking)
    return await build(
        library.service, library.scope, settings, promote_when_ready=promote_when_ready
    )


async def live_number(library: Library) -> int:
    return (await library.service.index_version(library.scope)).number


async def lengths(library: Library, version: UUID | None = None) -> list[int]:
    query = Query(text="pump", num_results=100, alpha=0)
    found = await library.service.retrieve(library.scope, query, index_version_id=version)
    return sorted(len(one.text) for one in found.passages)


async def test_a_shadow_is_built_beside_the_live_one_without_parsing_again(
    library: Library, parser: CountingParser
) -> None:
    parser.names.clear()
    before = await lengths(library)
    shadow = await begin(library, SMALL)
    assert (shadow.version.number, shadow.state.is_live, shadow.state.is_ready) == (2, False, False)
    with pytest.raises(IndexNotReady, match="4 documents are pending"):
        await promote(library.service, library.scope, shadow.version.id)
    await library.work()
    built = await get(library.service, library.scope, shadow.version.id)
    assert (built.state.indexed, built.state.pending, built.state.is_ready) == (4, 0, True)
    assert parser.names == []
    assert await live_number(library) == 1
    assert await lengths(library) == before
    assert len(await lengths(library, shadow.version.id)) > len(before)


async def test_promoting_flips_and_rolling_back_flips_back(library: Library) -> None:
    before = await lengths(library)
    with pytest.raises(NothingToRollBackTo):
        await roll_back(library.service, library.scope)
    shadow = await begin(library, SMALL)
    await library.work()
    after = await lengths(library, shadow.version.id)
    await promote(library.service, library.scope, shadow.version.id)
    assert await lengths(library) == after != before
    back = await roll_back(library.service, library.scope)
    assert (back.version.number, back.state.is_live) == (1, True)
    assert await lengths(library) == before
    with pytest.raises(NothingToRollBackTo):
        await roll_back(library.service, library.scope)


async def test_what_comes_after_is_in_every_kept_version(library: Library) -> None:
    shadow = await begin(library, SMALL)
    await library.work()
    await promote(library.service, library.scope, shadow.version.id)
    await send(library, "rotor")
    await send(library, "pump", edition="second")
    await library.work()
    await roll_back(library.service, library.scope)
    assert await library.find("rotor")
    assert "second edition" in " ".join(await library.find("edition second"))


async def test_a_shadow_takes_over_the_vectors_of_chunks_that_stay_the_same(
    library: Library,
) -> None:
    live = await library.service.index_version(library.scope)
    same = await begin(library, live.settings.chunking)
    await library.work()
    built = await get(library.service, library.scope, same.version.id)
    assert built.state.chunks > 0
    assert built.state.embedded_chunks == 0
    assert await lengths(library, same.version.id) == await lengths(library)


async def test_a_discarded_version_is_gone_and_the_live_one_cannot_be(library: Library) -> None:
    shadow = await begin(library, SMALL)
    await discard(library.service, library.scope, shadow.version.id)  # while it is being built
    job = await library.newest()
    assert job.finished_at
    await library.work()
    assert [one.version.number for one in await list_all(library.service, library.scope)] == [1]
    with pytest.raises(NotFound):
        await lengths(library, shadow.version.id)
    with pytest.raises(NotFound):
        await promote(library.service, library.scope, shadow.version.id)
    live = await library.service.index_version(library.scope)
    with pytest.raises(IndexIsLive):
        await discard(library.service, library.scope, live.id)
    assert await library.find("pump")


async def test_a_version_is_not_promoted_over_documents_that_it_lacks(library: Library) -> None:
    shadow = await begin(library, SMALL)
    await library.work()
    async with library.service.pool.connection() as conn:
        await conn.execute(
            "SELECT set_config('kb.team_id', %s, false)", [str(library.scope.team_id)]
        )
        await conn.execute(
            "UPDATE kb.ledger SET status = 'failed', error_code = 'x' WHERE index_version_id = %s"
            " AND version_id IN (SELECT version_id FROM kb.ledger"
            " WHERE index_version_id = %s LIMIT 1)",
            [shadow.version.id, shadow.version.id],
        )
        await conn.execute("SELECT set_config('kb.team_id', '', false)")
    with pytest.raises(IndexNotReady, match="1 that the live one has"):
        await promote(library.service, library.scope, shadow.version.id)
    await promote(library.service, library.scope, shadow.version.id, force=True)
    assert await live_number(library) == 2


async def test_a_version_that_is_to_be_promoted_when_ready_is(library: Library) -> None:
    await begin(library, FIXED, promote_when_ready=True)
    assert await live_number(library) == 1
    await library.work()
    assert await live_number(library) == 2
    assert (await library.newest()).status == "INDEX_JOB_STATUS_COMPLETED"


async def test_a_model_that_reads_less_than_a_chunk_holds_is_refused(
    library: Library, tmp_path: Path
) -> None:
    live = (await library.service.index_version(library.scope)).settings
    short = replace(live, embedding_model=replace(MODELS[0], max_tokens=128))
    with pytest.raises(ChunkSizeOutOfRange, match="from 100 to 128, not 256"):
        await build(library.service, library.scope, short)
    own = chunk_settings(MODELS[0], max_chunk_size=200)
    await library.add_folder(tmp_path, chunking=own)
    with pytest.raises(ChunkSizeOutOfRange, match="not 200"):
        await build(library.service, library.scope, replace(short, chunking=SMALL))
    assert [one.version.number for one in await list_all(library.service, library.scope)] == [1]


async def test_an_empty_knowledge_base_is_promoted_at_once(
    service: Service, team: TeamScope, parser: CountingParser
) -> None:
    library = Library(service, await new_base(service, team), parser)
    await begin(library, FIXED, promote_when_ready=True)
    assert await live_number(library) == 2


async def test_a_change_of_chunk_size_never_leaves_a_search_without_an_answer(
    library: Library,
) -> None:
    answers: list[int] = []
    done = asyncio.Event()

    async def ask_all_along() -> None:
        while not done.is_set():
            answers.append(len(await library.find("pump", alpha=0.5)))

    asking = asyncio.create_task(ask_all_along())
    for chunking in (SMALL, FIXED):
        shadow = await begin(library, chunking, promote_when_ready=True)
        await library.work()
        assert await live_number(library) == shadow.version.number
        for old in (await list_all(library.service, library.scope))[:-1]:
            await discard(library.service, library.scope, old.version.id)
    done.set()
    await asking
    assert len(answers) > 10
    assert min(answers) > 0


async def test_a_question_outlives_the_index_that_was_live_when_it_came(library: Library) -> None:
    was_live = await library.service.index_version(library.scope)
    await begin(library, SMALL, promote_when_ready=True)
    await library.work()
    await discard(library.service, library.scope, was_live.id)
    query = Query(text="pump", alpha=0.0, num_results=100)
    found = await library.service.retrieve(library.scope, query, live=was_live)
    assert [one.text for one in found.passages] == await library.find("pump")


async def test_a_data_source_is_cut_otherwise_once_all_of_it_is(
    library: Library, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "rotor.md").write_text(guide("rotor"))
    source = await library.add_folder(folder)
    await library.work()
    whole = await library.find("rotor")
    pumps = await library.find("pump")
    await library.sources.cut_otherwise(library.scope, source, SMALL)
    assert await library.find("rotor") == whole
    await library.work()
    assert len(await library.find("rotor")) > len(whole)
    assert await library.find("pump") == pumps
    ((_, chunking, _),) = [
        one for one in await library.sources.list_all(library.scope) if one[0].id == source
    ]
    assert chunking == SMALL


async def test_a_source_may_be_cut_in_its_own_way_from_the_start(
    library: Library, tmp_path: Path
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "rotor.md").write_text(guide("rotor"))
    await library.add_folder(folder, chunking=SMALL)
    await library.work()
    assert len(await library.find("rotor")) > len(await library.find("pump"))
    assert await live_number(library) == 1


async def test_another_parser_version_gives_texts_of_its_own(
    library: Library, parser: CountingParser
) -> None:
    live = await library.service.index_version(library.scope)
    parser.names.clear()
    settings = IndexSettings(
        parser="other",
        embedding_model=live.settings.embedding_model,
        chunking=live.settings.chunking,
    )
    shadow = await build(library.service, library.scope, settings)
    await library.work()
    assert len(parser.names) == 4
    assert await lengths(library, shadow.version.id) == await lengths(library)
