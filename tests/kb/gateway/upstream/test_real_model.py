"""A real model on llama.cpp's server: what it says and calls, as its parts reach us."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from kb.gateway.completion import RoundFinished
from kb.gateway.turn import Message, ToolCall, ToolChoice
from kb.gateway.upstream.errors import ContextOverflow, RequestRefused
from kb.gateway.upstream.upstream import Upstream
from tests.kb.gateway.upstream.asking import (
    SEARCH,
    WEATHER,
    answer,
    ask,
    parts,
    question,
    upstream,
)

FRANCE = "[1] capitals.txt\nThe capital of France is Paris."
SPAIN = "[2] countries.md, page 3\nThe capital of Spain is Madrid."
BOTH = "[1] capitals.txt\nThe capital of Spain is Madrid. The capital of France is Paris."
TOGETHER = "What are the capitals of France and Spain?"
IN_TURN = "First find the capital of France, then Spain."


@pytest.fixture
async def model(llm: str) -> AsyncIterator[Upstream]:
    async with upstream(llm) as opened:
        yield opened


def wanted(finished: RoundFinished) -> list[tuple[str, object]]:
    """Names and arguments of what is called."""
    return [(one.name, json.loads(one.arguments)) for one in finished.calls]


def search(country: str) -> tuple[str, object]:
    return "knowledge_base_retrieval", {"query": f"capital of {country}"}


def after(text: str, finished: RoundFinished, *results: str) -> tuple[Message, ...]:
    """The question, what was called, and what came of it."""
    answers = [
        Message(role="tool", text=result, tool_call_id=call.id)
        for call, result in zip(finished.calls, results, strict=True)
    ]
    return Message(role="user", text=text), _calling(*finished.calls), *answers


def _calling(*calls: ToolCall) -> Message:
    return Message(role="assistant", tool_calls=calls)


class TestText:
    async def test_is_told_piece_by_piece(self, model: Upstream) -> None:
        pieces, finished = await parts(model, question())
        assert "".join(pieces) == "I do not know."
        assert len(pieces) > 2
        assert (finished.reason, finished.calls) == ("stop", ())

    async def test_is_counted_and_its_beginning_remembered(self, model: Upstream) -> None:
        long = question("a river and a sea and " * 40)
        first = (await answer(model, long))[1].usage
        again = (await answer(model, long))[1].usage
        assert first.input_tokens == again.input_tokens > 100
        assert first.output_tokens > 2
        assert again.cached_tokens > first.cached_tokens

    async def test_ends_where_it_must(self, model: Upstream) -> None:
        text, finished = await answer(model, question(max_tokens=2))
        assert "I do not know.".startswith(text)
        assert finished.reason == "length"
        assert finished.usage.output_tokens == 2


class TestTools:
    async def test_are_called(self, model: Upstream) -> None:
        text, finished = await answer(model, question(functions=(SEARCH,)))
        assert (text, wanted(finished)) == ("", [search("France")])

    async def test_are_called_as_the_question_needs(self, model: Upstream) -> None:
        asked = question("What is the weather in Oslo?", functions=(SEARCH, WEATHER))
        assert wanted((await answer(model, asked))[1]) == [("get_weather", {"city": "Oslo"})]

    @pytest.mark.parametrize(
        "choice",
        [
            ToolChoice(mode="required"),
            ToolChoice(mode="named", name="knowledge_base_retrieval"),
        ],
    )
    async def test_are_called_when_they_must_be(self, model: Upstream, choice: ToolChoice) -> None:
        _, finished = await answer(model, question(functions=(SEARCH,), choice=choice))
        assert wanted(finished) == [search("France")]

    async def test_are_not_called_when_they_must_not_be(self, model: Upstream) -> None:
        asked = question(functions=(SEARCH,), choice=ToolChoice(mode="none"))
        assert (await answer(model, asked))[1].calls == ()

    async def test_results_are_cited(self, model: Upstream) -> None:
        _, finished = await answer(model, question(functions=(SEARCH,)))
        told = after("What is the capital of France?", finished, FRANCE)
        text, finished = await answer(model, ask(*told, functions=(SEARCH,)))
        assert text == "The capital of France is Paris [1]."
        assert finished.calls == ()

    async def test_may_be_called_two_at_a_time(self, model: Upstream) -> None:
        _, finished = await answer(model, question(TOGETHER, functions=(SEARCH,)))
        assert wanted(finished) == [search("France"), search("Spain")]
        told = after(TOGETHER, finished, FRANCE, SPAIN)
        text, _ = await answer(model, ask(*told, functions=(SEARCH,)))
        assert text == "The capital of France is Paris [1]. The capital of Spain is Madrid [2]."

    async def test_one_passage_may_be_cited_twice(self, model: Upstream) -> None:
        _, finished = await answer(model, question(TOGETHER, functions=(SEARCH,)))
        told = after(TOGETHER, finished, BOTH, BOTH)
        text, _ = await answer(model, ask(*told, functions=(SEARCH,)))
        assert text == "The capital of France is Paris [1]. The capital of Spain is Madrid [1]."

    async def test_may_be_called_again(self, model: Upstream) -> None:
        _, first = await answer(model, question(IN_TURN, functions=(SEARCH,)))
        assert wanted(first) == [search("France")]
        told = after(IN_TURN, first, FRANCE)
        _, second = await answer(model, ask(*told, functions=(SEARCH,)))
        assert wanted(second) == [search("Spain")]
        found = Message(
            role="tool",
            text=SPAIN,
            tool_call_id=second.calls[0].id,
        )
        asked = ask(*told, _calling(*second.calls), found, functions=(SEARCH,))
        text, _ = await answer(model, asked)
        assert text == "The capital of France is Paris [1]. The capital of Spain is Madrid [2]."

    async def test_of_two_kinds_may_be_called_at_once(self, model: Upstream) -> None:
        text = "What is the capital of France, and what is the weather in Oslo?"
        _, finished = await answer(model, question(text, functions=(SEARCH, WEATHER)))
        assert wanted(finished) == [search("France"), ("get_weather", {"city": "Oslo"})]
        told = after(text, finished, FRANCE, '{"weather": "sunny"}')
        said, _ = await answer(model, ask(*told, functions=(SEARCH, WEATHER)))
        assert said == "The capital of France is Paris [1]. It is sunny in Oslo."

    async def test_may_have_been_called_with_what_is_no_json(self, model: Upstream) -> None:
        broken = ToolCall(id="call_1", name="knowledge_base_retrieval", arguments='{"query": ')
        told = (
            Message(role="user", text="What is the capital of France?"),
            _calling(broken),
            Message(role="tool", text=FRANCE, tool_call_id="call_1"),
        )
        assert (await answer(model, ask(*told)))[1].reason == "stop"


class TestRefusals:
    async def test_of_too_long_a_question_are_an_error_of_their_own(self, model: Upstream) -> None:
        with pytest.raises(ContextOverflow):
            await answer(model, question("a river and a sea " * 4000))

    async def test_of_parameters_say_why(self, model: Upstream) -> None:
        asked = question(parameters={"response_format": {"type": "poem"}})
        with pytest.raises(RequestRefused, match="response_format"):
            await answer(model, asked)


async def test_the_server_is_healthy(model: Upstream) -> None:
    (health,) = await model.health()
    assert (health.servers, health.answering) == (1, 1)
