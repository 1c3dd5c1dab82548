"""The Weaviate store: the contract, and what only this one can get wrong."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import uuid4

import pytest

from retrieval.analysis import analyze
from retrieval.store import (
    Blend,
    DocumentVersion,
    IndexNotFound,
    Store,
    StoreQuery,
    StoreUnavailable,
)
from retrieval.stores import weaviate as store_module
from retrieval.stores.weaviate import VectorUnusable, WeaviateStore
from retrieval.stores.weaviate_address import WeaviateAddress
from retrieval.stores.weaviate_connection import KeyRefused
from retrieval.stores.weaviate_ids import new_generation
from retrieval.stores.weaviate_objects import chunk_objects, query_terms
from retrieval.stores.weaviate_tenant import Tenant
from tests.retrieval.stores.conftest import opened_store
from tests.retrieval.stores.makers import (
    MODEL,
    Shelf,
    make_chunk,
    make_chunks,
    make_document,
    make_index,
    make_vectors,
    next_version,
)
from tests.retrieval.stores.store_contract import StoreContract


@pytest.fixture
def store(weaviate_store: WeaviateStore) -> WeaviateStore:
    return weaviate_store


@pytest.fixture
async def shelf(store: Store) -> Shelf:
    return await Shelf(store).create()


class TestWeaviateStore(StoreContract):
    unstorable = VectorUnusable
    assumed_chunk_size = None


def tenant_of(shelf: Shelf) -> Tenant:
    assert isinstance(shelf.store, WeaviateStore)
    return shelf.store._tenant(shelf.scope, shelf.index)  # pyright: ignore[reportPrivateUsage] what lies behind the store


async def leave_behind(
    shelf: Shelf, document: DocumentVersion, *texts: str, age: float = 0
) -> None:
    """What a writer leaves that is killed before its chunks count."""
    objects = chunk_objects(
        document,
        new_generation(document.document_id),
        time.time() - age,
        make_chunks(*texts),
        make_vectors(len(texts), seed=7),
    )
    await tenant_of(shelf).insert(objects)


async def chunks_kept(shelf: Shelf, word: str) -> int:
    """Whether they count or not."""
    return len(await tenant_of(shelf).best(query_terms(word, ["en"]), limit=1000))


# Writes that fail or race


async def test_a_write_that_fails_midway_leaves_none_of_its_chunks(shelf: Shelf) -> None:
    document = make_document()
    await shelf.put(document, make_chunks("kettle"))
    texts = ["motor"] * 400
    texts[399] = "motor \ud800"  # no text that can be sent
    with pytest.raises(UnicodeEncodeError):
        await shelf.put(next_version(document), make_chunks(*texts))
    assert await shelf.by_words("kettle motor") == ["kettle"]
    assert await chunks_kept(shelf, "motor") == 0


async def test_a_write_that_is_cancelled_leaves_the_former_chunks(shelf: Shelf) -> None:
    document = make_document()
    await shelf.put(document, make_chunks("kettle"))
    writing = asyncio.create_task(shelf.put(next_version(document), make_chunks(*["motor"] * 600)))
    while not await chunks_kept(shelf, "motor"):
        assert not writing.done()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await shelf.by_words("kettle motor") == ["kettle"]
    assert await chunks_kept(shelf, "motor") == 0


async def test_what_a_killed_writer_left_is_not_found_however_well_it_fits(shelf: Shelf) -> None:
    document = make_document()
    texts = [f"kettle and the {word}" for word in ("anchor", "bolt", "cable", "drill", "hinge")]
    vectors = make_vectors(5, seed=3)
    await shelf.put(document, make_chunks(*texts), vectors)
    await leave_behind(shelf, document, *["kettle kettle"] * 30)
    await leave_behind(shelf, make_document("new.pdf"), *["kettle kettle"] * 30)
    near = make_vectors(1, seed=7)[0]
    for limit in (1, 3, 5, 100):
        found = await shelf.search(text="kettle", vector=near, limit=limit)
        assert len(found.lexical) == len(found.semantic) == min(limit, 5)
    assert sorted(await shelf.by_words("kettle")) == texts
    assert await shelf.count() == 5
    assert len(await shelf.store.documents(shelf.scope, shelf.index)) == 1
    kept = await shelf.store.vectors(shelf.scope, shelf.index, document.document_id)
    assert len(kept) == 5


async def test_a_later_write_removes_what_a_killed_writer_left(shelf: Shelf) -> None:
    """But nothing that another process may still be writing."""
    document = make_document()
    await leave_behind(shelf, document, "kettle left long ago", age=3600)
    await leave_behind(shelf, document, "kettle left just now")
    await leave_behind(shelf, make_document(), "kettle of another document", age=3600)
    assert await chunks_kept(shelf, "kettle") == 3
    await shelf.put(document, make_chunks("kettle"))
    assert await chunks_kept(shelf, "kettle") == 3
    assert await chunks_kept(shelf, "ago") == 0
    await shelf.put(next_version(document), [])
    assert await chunks_kept(shelf, "kettle") == 2


async def test_a_writer_killed_before_it_cleared_up_has_written(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = make_document()
    await shelf.put(document, make_chunks("kettle one", "kettle two"))

    async def killed(*_: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(Tenant, "delete", killed)
    with pytest.raises(StoreUnavailable):
        await shelf.put(next_version(document), make_chunks("motor"))
    assert await chunks_kept(shelf, "kettle") == 2
    assert await shelf.by_words("kettle motor") == ["motor"]
    assert await shelf.count() == 1


async def test_a_write_that_takes_too_long_is_given_up(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others could take its chunks for abandoned."""
    await shelf.put(document := make_document(), make_chunks("kettle"))
    monkeypatch.setattr(store_module, "WRITE_SECONDS", 0.0)
    with pytest.raises(StoreUnavailable, match="took more than"):
        await shelf.put(next_version(document), make_chunks("motor"))
    assert await shelf.by_words("kettle motor") == ["kettle"]


async def test_writing_the_same_document_at_once_leaves_one_of_the_writes(shelf: Shelf) -> None:
    document = make_document()
    await asyncio.gather(
        *(shelf.put(document, make_chunks(*[f"kettle {n}"] * (n + 1))) for n in range(8))
    )
    texts = await shelf.by_words("kettle")
    assert len(set(texts)) == 1
    assert len(texts) == int(texts[0].split()[1]) + 1 == await shelf.count()
    assert await chunks_kept(shelf, "kettle") == len(texts)


async def test_two_processes_writing_the_same_document_never_mix(
    shelf: Shelf, weaviate: WeaviateAddress
) -> None:
    """Their locks are not shared; whichever counts last is whole."""
    document = make_document()
    async with opened_store(weaviate) as other_store:
        other = replace(shelf, store=other_store)
        for _ in range(10):
            await asyncio.gather(
                *(
                    one.put(document, make_chunks(*[f"kettle {n}"] * (n + 1)))
                    for n, one in enumerate([shelf, other] * 3)
                )
            )
            texts = await shelf.by_words("kettle")
            assert len(set(texts)) == 1
            assert len(texts) == int(texts[0].split()[1]) + 1 == await shelf.count()
            held = await other_store.documents(shelf.scope, shelf.index)
            assert [one.chunks for one in held] == [len(texts)]


async def test_a_new_document_appears_whole(shelf: Shelf) -> None:
    seen: set[int] = set()
    vector = make_vectors(1)[0]
    for number in range(4):
        texts = [f"kettle{number} {n}" for n in range(300)]
        writing = asyncio.create_task(shelf.put(make_document(f"{number}"), make_chunks(*texts)))
        while not writing.done():
            found = await shelf.search(text=f"kettle{number}", limit=1000)
            seen.add(len(found.lexical))
            found = await shelf.search(vector=vector, limit=10_000)
            seen.add(len(found.semantic) % 300)
        await writing
    assert seen <= {0, 300}


# Reading


async def test_of_equal_scores_those_are_read_that_come_first_in_their_documents(
    shelf: Shelf,
) -> None:
    vector = make_vectors(1)[0]
    for name in ("c.md", "a.md", "b.md"):
        await shelf.put(make_document(name), make_chunks(*["kettle"] * 4), [vector] * 4)
    query = StoreQuery(vector=vector, text="kettle")
    found = await shelf.store.search(shelf.scope, shelf.index, query, limit=100, filters=None)
    places: list[tuple[str, int]] = []
    for best in range(1, 13):
        reading = await shelf.store.read(
            shelf.scope, shelf.index, query, list(found.semantic), best=best, blend=Blend()
        )
        assert reading.found == 12
        places = [(one.document.item_name, one.chunk.position) for one in reading.chunks]
        assert places == [(name, n) for name in ("a.md", "b.md", "c.md") for n in range(4)][:best]


async def test_spans_are_those_of_the_version_that_is_there(shelf: Shelf) -> None:
    old = make_document()
    await shelf.put(old, make_chunks("one", "two"))
    new = next_version(old)
    chunks = [
        replace(make_chunk(f"chunk {n}", position=n, start=10 * n), section_path=("A", f"{n}"))
        for n in range(5)
    ]
    await shelf.put(new, chunks)
    spans = await shelf.store.spans(
        shelf.scope,
        shelf.index,
        [(new.version_id, 1, 3), (old.version_id, 0, 9), (new.version_id, -2, 99), (uuid4(), 0, 1)],
    )
    assert [[span.position for span in one] for one in spans] == [
        [1, 2, 3],
        [],
        [0, 1, 2, 3, 4],
        [],
    ]
    assert [span.section_path for span in spans[0]] == [("A", "1"), ("A", "2"), ("A", "3")]
    assert (spans[0][0].char_start, spans[0][0].char_end) == (10, 17)


async def test_more_than_a_thousand_chunks_and_documents_are_all_read(shelf: Shelf) -> None:
    count = 1100
    document = make_document("long.md")
    texts = [f"kettle {n}" for n in range(count)]
    await shelf.put(document, make_chunks(*texts))
    kept = await shelf.store.vectors(shelf.scope, shelf.index, document.document_id)
    assert len(kept) == count
    found = await shelf.search(text="kettle", limit=1000)
    assert len(found.lexical) == 1000
    assert len(await shelf.read(list(found.lexical))) == 1000
    await asyncio.gather(*(shelf.put(make_document(f"{n}"), make_chunks("x")) for n in range(50)))
    assert len(await shelf.store.documents(shelf.scope, shelf.index)) == 51
    assert await shelf.count() == count + 50
    await shelf.put(next_version(document), [])
    assert await shelf.count() == 50


def test_a_query_names_a_term_as_often_as_the_language_that_has_it_most() -> None:
    assert query_terms("motor motor VX-2214", ["en"]).split() == [
        "motor",
        "motor",
        *analyze("VX-2214"),
    ]
    assert query_terms("of the", ["en"]) == ""


# The server


async def test_indexes_of_a_new_size_of_vectors_may_be_made_at_once(
    weaviate: WeaviateAddress,
) -> None:
    settings = make_index().settings
    tiny = replace(settings, embedding_model=replace(MODEL, dimensions=3))
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(opened_store(weaviate)) for _ in range(4)]
        shelves = [Shelf(one, index=replace(make_index(), settings=tiny)) for one in stores]
        await asyncio.gather(*(shelf.create() for shelf in shelves))
        for shelf in shelves:
            vectors = [vector[:3] for vector in make_vectors(1)]
            await shelf.put(make_document(), make_chunks("kettle"), vectors)
            assert await shelf.by_words("kettle") == ["kettle"]
            await shelf.store.drop(shelf.scope, shelf.index)


async def test_a_key_that_the_server_does_not_know_is_named_as_the_reason(
    weaviate: WeaviateAddress,
) -> None:
    if weaviate.api_key is None:
        pytest.skip("the server at KB_WEAVIATE_URL asks for no key")
    for key in ("wrong", None):
        async with opened_store(replace(weaviate, api_key=key)) as store:
            with pytest.raises(KeyRefused, match="KB_WEAVIATE_API_KEY"):
                await Shelf(store).create()
            with pytest.raises(KeyRefused):
                await Shelf(store).search(text="kettle")


async def test_a_server_that_is_not_there_is_unavailable(weaviate: WeaviateAddress) -> None:
    async with opened_store(replace(weaviate, url="http://127.0.0.1:9")) as store:
        shelf = Shelf(store)
        for call in (shelf.create(), shelf.count(), shelf.search(text="kettle")):
            with pytest.raises(StoreUnavailable):
                await call


async def test_a_store_that_was_closed_opens_again(weaviate: WeaviateAddress) -> None:
    async with opened_store(weaviate) as store:
        shelf = await Shelf(store).create()
        await store.close()
        assert await shelf.count() == 0
        await store.close()
        with pytest.raises(IndexNotFound):
            await Shelf(store).count()
