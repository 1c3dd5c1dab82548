"""Searching Weaviate from several event loops, as a service and its worker do."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from retrieval.stores.grpc_loops import share_grpc
from retrieval.stores.weaviate import WeaviateStore
from retrieval.stores.weaviate_address import WeaviateAddress
from tests.retrieval.stores.conftest import opened_store
from tests.retrieval.stores.makers import Shelf, make_chunks, make_document


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "asyncio"]


async def test_several_loops_search_and_log_no_errors(
    weaviate: WeaviateAddress, weaviate_store: WeaviateStore, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = await Shelf(weaviate_store).create()
    await shelf.put(make_document(), make_chunks("kettle"))

    async def search() -> None:
        async with opened_store(weaviate) as store:
            mine = replace(shelf, store=store)
            for _ in range(50):
                assert await mine.by_words("kettle") == ["kettle"]

    def search_in_a_loop() -> None:
        asyncio.run(search())

    await asyncio.gather(search(), *(asyncio.to_thread(search_in_a_loop) for _ in range(2)))
    assert logged(caplog) == []


def test_other_errors_of_callbacks_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail(error: Exception) -> None:
        raise error

    async def both() -> None:
        loop = asyncio.get_running_loop()
        share_grpc(loop)
        loop.call_soon(fail, BlockingIOError("of something else"))
        loop.call_soon(fail, ValueError("of ours"))
        await asyncio.sleep(0)

    asyncio.run(both())
    assert len(logged(caplog)) == 2


def test_a_loop_keeps_its_own_handler() -> None:
    async def shared() -> bool:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(own)
        share_grpc(loop)
        return loop.get_exception_handler() is own

    def own(_: asyncio.AbstractEventLoop, __: dict[str, object]) -> None: ...

    assert asyncio.run(shared())
