"""A Weaviate that is killed: a clear error while it is away, and nothing lost when it is back."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from kb.errors import problem
from kb.weaviate.embedded import EmbeddedWeaviate
from kb.weaviate.home import Home
from retrieval.store import DocumentVersion, StoreUnavailable
from retrieval.stores.weaviate import WeaviateStore
from tests.retrieval.stores.conftest import opened_store
from tests.retrieval.stores.makers import (
    Shelf,
    make_chunks,
    make_document,
    make_vectors,
    next_version,
)
from tests.retrieval.stores.weaviate_program import weaviate_program

ROUNDS = int(os.environ.get("KB_FAULT_ROUNDS", "4"))
CHUNKS = 20


@dataclass(frozen=True)
class Server:
    """One that tests may kill."""

    embedded: EmbeddedWeaviate
    folder: Path

    @property
    def pid(self) -> int:
        pid = Home.at(self.folder).pid()
        assert pid is not None
        return pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def hang(self) -> None:
        """Returns once it does: until one of its threads has seen the signal, others go on."""
        self.signal(signal.SIGSTOP)
        while psutil.Process(self.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)

    async def restart(self) -> None:
        await asyncio.to_thread(self.embedded.start)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="kb-weaviate-"))
    embedded = EmbeddedWeaviate(folder, program=weaviate_program())
    with embedded:
        yield Server(embedded, folder)
    shutil.rmtree(folder)


@pytest.fixture
async def store(server: Server) -> AsyncIterator[WeaviateStore]:
    address = await asyncio.to_thread(server.embedded.start)
    async with opened_store(address) as store:
        yield store


async def test_requests_fail_clearly_while_it_is_away_and_work_again_afterwards(
    server: Server, store: WeaviateStore
) -> None:
    shelf = await Shelf(store).create()
    vector = make_vectors(1)[0]
    document = make_document()
    await shelf.put(document, make_chunks("kettle"))
    stopped = asyncio.Event()
    answers: Counter[str] = Counter()

    async def keep_asking() -> None:
        while not stopped.is_set():
            try:
                found = await shelf.search(text="kettle", vector=vector)
                assert len(found.lexical) == len(found.semantic) == 1
                assert await shelf.count() == 1
                answers["right"] += 1
            except StoreUnavailable:
                answers["away"] += 1

    asking = [asyncio.create_task(keep_asking()) for _ in range(8)]
    await asyncio.sleep(0.5)
    assert answers["away"] == 0
    server.signal(signal.SIGKILL)
    for call in (
        shelf.search(text="kettle"),
        shelf.read([1]),
        shelf.count(),
        shelf.put(next_version(document), make_chunks("motor")),
        shelf.put(next_version(document), []),
        shelf.create(),
        store.drop(shelf.scope, shelf.index),
        store.documents(shelf.scope, shelf.index),
    ):
        with pytest.raises(StoreUnavailable) as raised:
            await asyncio.wait_for(call, timeout=30)
        assert problem(raised.value).status == 503
    assert answers["away"] >= 8
    before = answers["right"]
    await server.restart()
    while answers["right"] < before + 20:
        await asyncio.sleep(0.05)
        assert not any(one.done() for one in asking)
    stopped.set()
    await asyncio.gather(*asking)
    assert await shelf.by_words("kettle motor") == ["kettle"]


async def test_a_server_that_hangs_is_away(server: Server, store: WeaviateStore) -> None:
    shelf = await Shelf(store).create()
    server.hang()
    try:
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(shelf.search(text="kettle"), timeout=30)
    finally:
        server.signal(signal.SIGCONT)
    assert await shelf.count() == 0


async def test_whenever_it_is_killed_each_document_is_whole_and_no_older_than_was_said(
    server: Server, store: WeaviateStore
) -> None:
    shelf = await Shelf(store).create()
    documents = [make_document(f"{n}") for n in range(4)]
    said = {document.document_id: 0 for document in documents}
    stopped = asyncio.Event()

    async def keep_writing(document: DocumentVersion) -> None:
        number = 0
        while not stopped.is_set():
            number += 1
            texts = [f"kettle{document.item_name} version{number}"] * CHUNKS
            try:
                await shelf.put(next_version(document), make_chunks(*texts))
                said[document.document_id] = number
            except StoreUnavailable:
                await asyncio.sleep(0.05)

    for round_ in range(ROUNDS):
        stopped.clear()
        writing = [asyncio.create_task(keep_writing(one)) for one in documents]
        await asyncio.sleep(0.7 + 0.37 * round_)
        server.signal(signal.SIGKILL)
        stopped.set()
        await asyncio.gather(*writing)
        await server.restart()
        for document in documents:
            texts = await shelf.by_words(f"kettle{document.item_name}")
            assert len(texts) in (0, CHUNKS)
            assert len(set(texts)) <= 1
            number = int(texts[0].rpartition("version")[2]) if texts else 0
            assert number >= said[document.document_id]
            said[document.document_id] = 0  # the next round counts anew
        held = await store.documents(shelf.scope, shelf.index)
        assert await shelf.count() == sum(one.chunks for one in held)
