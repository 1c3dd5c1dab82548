"""A client that leaves: what was under way for it ends, at the model's server within a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import repeat

import httpx
import pytest
from fastapi import FastAPI

from kb.service import Service
from retrieval.query import Query
from retrieval.retrieval import Retrieval
from retrieval.scope import Scope
from tests.kb.gateway.live import Library, Live, live
from tests.kb.gateway.wire.recording import DOORS
from tests.llm.scripted import Reply, Step, calls, chunk, says

SECOND = 1.0  # from the client's leaving to the end of the request at the model's server
SEARCH = Reply(*calls(("knowledge_base_retrieval", '{"query": "parcel"}')))
WORD = chunk({"content": "word "})

apis = pytest.mark.parametrize("api", DOORS)
ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def slowly() -> Iterable[Step]:
    """Words for ever."""
    return (step for _ in repeat(None) for step in (WORD, 0.01))


def flood() -> Iterable[Step]:
    """More of them than anybody reads."""
    return repeat(chunk({"content": "word " * 50}))


@dataclass(frozen=True)
class Moment:
    """When the client leaves."""

    replies: Callable[[], Sequence[Reply]]
    """Of the model's server; the last one never ends."""


MOMENTS = {
    "before the first word": Moment(lambda: [Reply(repeated=repeat(0.01))]),
    "after the status": Moment(lambda: [Reply(b": wait\n\n", repeated=repeat(0.01))]),
    "in the middle of an answer": Moment(lambda: [Reply(WORD, repeated=slowly())]),
    "after a search": Moment(lambda: [SEARCH, Reply(repeated=repeat(0.01))]),
    "in an answer after a search": Moment(lambda: [SEARCH, Reply(WORD, repeated=slowly())]),
}


async def arrives(chat: Live, requests: int) -> None:
    """Until the model's server has had so many requests, and the last one is under way."""
    async with asyncio.timeout(30):
        while len(chat.server.requests) < requests or not chat.server.under_way:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)  # some of the answer is on its way


@ways
@apis
@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_request_at_the_models_server_ends_within_a_second(
    chat: Live, moment: str, api: str, *, stream: bool
) -> None:
    replies = MOMENTS[moment].replies()
    chat.server.replies.extend(replies)
    asking = asyncio.create_task(chat.ask(api, stream=stream))
    await arrives(chat, len(replies))
    last = chat.server.requests[-1]
    assert not last.gone.is_set()
    asking.cancel()
    async with asyncio.timeout(SECOND):
        await last.gone.wait()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert len(chat.server.requests) == len(replies)
    await chat.is_at_rest()


@apis
async def test_one_that_reads_nothing_and_leaves_ends_it_as_well(chat: Live, api: str) -> None:
    chat.server.replies.append(Reply(repeated=flood()))
    asked = chat.request(api, stream=True)
    async with chat.http.stream("POST", DOORS[api].path, json=asked) as answer:
        assert answer.status_code == 200
        await asyncio.sleep(0.3)  # until nothing more fits between here and there
        last = chat.server.requests[-1]
        assert not last.gone.is_set()
    async with asyncio.timeout(SECOND):
        await last.gone.wait()
    await chat.is_at_rest()


@ways
@apis
async def test_one_that_waits_for_its_turn_never_reaches_the_models_server(
    chat: Live, api: str, *, stream: bool
) -> None:
    chat.server.replies.append(Reply(repeated=repeat(0.01)))
    first = asyncio.create_task(chat.ask("chat"))
    await arrives(chat, 1)
    second = asyncio.create_task(chat.ask(api, stream=stream))
    await asyncio.sleep(0.1)
    second.cancel()
    with suppress(asyncio.CancelledError):
        await second
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    await asyncio.wait_for(chat.server.requests[0].gone.wait(), SECOND)
    assert len(chat.server.requests) == 1
    await chat.is_at_rest()


@dataclass
class HangingSearch:
    """A search that never ends by itself."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scopes: Sequence[Scope], query: Query) -> Retrieval:
        del scopes, query
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError


@pytest.fixture
def search() -> HangingSearch:
    return HangingSearch()


@pytest.fixture
async def searching(
    whole_app: FastAPI,
    whole_origin: str,
    service: Service,
    library: Library,
    search: HangingSearch,
) -> AsyncIterator[Live]:
    async with live(whole_app, whole_origin, service, library, retrieve=search) as opened:
        yield opened


@ways
@apis
async def test_in_a_search_the_search_ends_and_the_model_is_not_asked_again(
    searching: Live, search: HangingSearch, api: str, *, stream: bool
) -> None:
    searching.server.replies.append(SEARCH)
    asking = asyncio.create_task(searching.ask(api, stream=stream))
    await asyncio.wait_for(search.begun.wait(), 30)
    asking.cancel()
    await asyncio.wait_for(search.ended.wait(), SECOND)
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert len(searching.server.requests) == 1
    await searching.is_at_rest()


async def test_leaving_leaves_others_alone(chat: Live) -> None:
    more = asyncio.Event()
    chat.server.replies.append(Reply(WORD, more, *says("there.")))
    staying = asyncio.create_task(chat.ask("chat", stream=True))
    await arrives(chat, 1)
    async with httpx.AsyncClient(base_url=chat.http.base_url, headers=chat.http.headers) as other:
        leaving = asyncio.create_task(
            other.post(DOORS["chat"].path, json=chat.request("chat", stream=True))
        )
        await asyncio.sleep(0.1)
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
    more.set()
    assert "there." in (await staying).text
    assert not chat.server.requests[0].gone.is_set()
    await chat.is_at_rest()
