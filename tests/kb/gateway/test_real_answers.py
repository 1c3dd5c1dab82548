"""A real model answers from a real knowledge base, through each API, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
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
from tests.kb.gateway.answer import Answer, arguments_of, text_of
from tests.kb.gateway.wire.recording import DOORS, function_tool, locators
from tests.kb.teams import new_base, new_team, parts
from tests.llm.fixtures import llm

__all__ = ["llm"]

CAPITALS = Path(__file__).parents[3] / "examples" / "capitals"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
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
    ) -> Answer:
        said = {"input": question} if api == "responses" else {"messages": [_user(question)]}
        body = {**DOORS[api].request, **said, "tools": [self._tool, *functions], "stream": stream}
        answer = Answer.of(await self._http.post(DOORS[api].path, json=body))
        assert answer.status == 200, answer.text
        return answer

    async def quoted(self, answer: Answer) -> list[str]:
        """What its citations lead to, in the order in which they are first told."""
        urls = dict.fromkeys(one["url"] for one in locators([answer.body, answer.frames]))
        found = [await self._http.get(url) for url in urls]
        assert {one.status_code for one in found} == {200}
        return [one.text for one in found]


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


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
        assert text_of(api, answer) == "The capital of France is Paris."
        (quoted,) = await desk.quoted(answer)
        assert "The capital of France is Paris." in quoted

    async def test_of_two_searches_at_once_each_cite_their_own(
        self, desk: Desk, api: str, *, stream: bool
    ) -> None:
        answer = await desk.ask(api, "What are the capitals of Italy and Japan?", stream=stream)
        told = text_of(api, answer)
        assert told == "The capital of Italy is Rome. The capital of Japan is Tokyo."
        rome, tokyo = await desk.quoted(answer)
        assert "Rome" in rome
        assert "Tokyo" in tokyo

    async def test_of_two_searches_in_turn_as_well(
        self, desk: Desk, api: str, *, stream: bool
    ) -> None:
        answer = await desk.ask(api, "First find the capital of Spain, then Cuba.", stream=stream)
        told = text_of(api, answer)
        assert told == "The capital of Spain is Madrid. The capital of Cuba is Havana."
        assert len(await desk.quoted(answer)) == 2

    async def test_wait_for_the_callers_own_function(
        self, desk: Desk, api: str, *, stream: bool
    ) -> None:
        question = "What is the weather in Oslo?"
        weather = function_tool(api, "get_weather", CITY)
        answer = await desk.ask(api, question, stream=stream, functions=(weather,))
        assert json.loads(arguments_of(api, answer)) == {"city": "Oslo"}
        assert text_of(api, answer) == ""
