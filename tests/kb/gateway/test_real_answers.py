"""A real model answers from a real knowledge base, through each API, whole and streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from kb.api.app import create_app
from kb.service import Service
from kb.settings import Settings
from kb.wiring import make_live_sources, open_gateway
from kb.worker import Worker
from tests.kb.api.client import client_of
from tests.kb.gateway.wire.recording import DOORS, frames
from tests.kb.teams import new_base, new_team, parts
from tests.llm.fixtures import llm

__all__ = ["llm"]

CAPITALS = Path(__file__).parents[3] / "examples" / "capitals"
WEATHER = {"name": "get_weather", "description": "The weather in a city."}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTIONS = {
    "chat": {"type": "function", "function": {**WEATHER, "parameters": CITY}},
    "responses": {"type": "function", **WEATHER, "parameters": CITY},
    "messages": {**WEATHER, "input_schema": CITY},
}
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
EVERY_API = pytest.mark.parametrize("api", DOORS)


class Desk:
    """A knowledge base of capitals behind the three APIs."""

    def __init__(self, http: httpx.AsyncClient, base: str) -> None:
        self._http = http
        # One passage a search is what the model has learnt to read.
        self._tool = {
            "type": "knowledge_base_retrieval",
            "knowledge_base_id": base,
            "num_results": 1,
        }

    async def ask(
        self, api: str, question: str, *, stream: bool, functions: tuple[Any, ...] = ()
    ) -> list[dict[str, Any]]:
        """The body, or what the stream's events hold."""
        said = {"input": question} if api == "responses" else {"messages": [_user(question)]}
        body = {**DOORS[api].request, **said, "tools": [self._tool, *functions], "stream": stream}
        answer = await self._http.post(DOORS[api].path, json=body)
        assert answer.status_code == 200, answer.text
        if not stream:
            return [answer.json()]
        return [one["data"] for one in frames(answer.text) if one["data"] != "[DONE]"]

    async def quoted(self, answer: list[dict[str, Any]]) -> list[str]:
        """What its citations lead to, in the order in which they are first told."""
        urls = dict.fromkeys(one["url"] for one in named(answer, "locator"))
        found = [await self._http.get(url) for url in urls]
        assert {one.status_code for one in found} == {200}
        return [one.text for one in found]


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def named(value: Any, name: str) -> Iterator[Any]:
    """Everything of that name, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType] JSON
            if key == name:
                yield inner
            yield from named(inner, name)
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType] JSON
            yield from named(inner, name)


def text_of(api: str, answer: list[dict[str, Any]], *, stream: bool) -> str:
    """What a person reads."""
    match api, stream:
        case "chat", False:
            return answer[0]["choices"][0]["message"]["content"] or ""
        case "chat", True:
            deltas = [choice["delta"] for one in answer for choice in one["choices"]]
            return "".join(one.get("content") or "" for one in deltas)
        case "responses", False:
            messages = [one for one in answer[0]["output"] if one["type"] == "message"]
            return "".join(part["text"] for one in messages for part in one["content"])
        case "responses", True:
            kind = "response.output_text.delta"
            return "".join(one["delta"] for one in answer if one["type"] == kind)
        case "messages", False:
            return "".join(one["text"] for one in answer[0]["content"] if one["type"] == "text")
        case _:
            deltas = [one["delta"] for one in answer if one["type"] == "content_block_delta"]
            return "".join(one["text"] for one in deltas if one["type"] == "text_delta")


@pytest.fixture(scope="module")
async def desk(
    settings: Settings, service: Service, worker: Worker, llm: str
) -> AsyncIterator[Desk]:
    team, key = await new_team(service)
    base = await new_base(service, team, "capitals")
    for file in sorted(CAPITALS.glob("*.md")):
        await service.add_document(base, item_name=file.name, data=parts(file.read_bytes()))
    await worker.run(wait=False)
    with_model = settings.model_copy(update={"llm_url": llm, "llm_model": "tiny"})
    async with AsyncExitStack() as opened:
        gateway = await opened.enter_async_context(open_gateway(with_model, service))
        app = create_app(service, make_live_sources(settings), gateway)
        http = await opened.enter_async_context(client_of(app, key))
        yield Desk(http, str(base.knowledge_base_id))


@STREAMED
@EVERY_API
class TestAnswers:
    async def test_rest_on_what_the_model_searched_for(
        self, desk: Desk, api: str, *, stream: bool
    ) -> None:
        answer = await desk.ask(api, "What is the capital of France?", stream=stream)
        assert text_of(api, answer, stream=stream) == "The capital of France is Paris."
        (quoted,) = await desk.quoted(answer)
        assert "The capital of France is Paris." in quoted

    async def test_of_two_searches_at_once_each_cite_their_own(
        self, desk: Desk, api: str, *, stream: bool
    ) -> None:
        answer = await desk.ask(api, "What are the capitals of Italy and Japan?", stream=stream)
        told = text_of(api, answer, stream=stream)
        assert told == "The capital of Italy is Rome. The capital of Japan is Tokyo."
        rome, tokyo = await desk.quoted(answer)
        assert "Rome" in rome
        assert "Tokyo" in tokyo

    async def test_of_two_searches_in_turn_as_well(
        self, desk: Desk, api: str, *, stream: bool
    ) -> None:
        answer = await desk.ask(api, "First find the capital of Spain, then Cuba.", stream=stream)
        told = text_of(api, answer, stream=stream)
        assert told == "The capital of Spain is Madrid. The capital of Cuba is Havana."
        assert len(await desk.quoted(answer)) == 2

    async def test_wait_for_the_callers_own_function(
        self, desk: Desk, api: str, *, stream: bool
    ) -> None:
        question = "What is the weather in Oslo?"
        answer = await desk.ask(api, question, stream=stream, functions=(FUNCTIONS[api],))
        assert "get_weather" in set(named(answer, "name"))
        assert text_of(api, answer, stream=stream) == ""
