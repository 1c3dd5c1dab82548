"""A model that calls tools as it should not, as clients of each API hear of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kb.gateway.loop import NO_SUCH_TOOL
from kb.gateway.own_tools import MAX_ARGUMENTS
from kb.gateway.turn import MAX_ROUNDS
from kb.gateway.upstream.chunks import MAX_ARGUMENTS as MAX_OF_A_ROUND
from tests.kb.gateway.answer import arguments_of, ending_of, output_of, text_of
from tests.kb.gateway.faults.told import broke_off, refused
from tests.kb.gateway.live import Live
from tests.kb.gateway.wire.recording import DOORS, function_tool
from tests.llm.scripted import Reply, calls, chunk, says

SEARCH = "knowledge_base_retrieval"
SORRY = Reply(*says("I could not look."))
PARCELS = chunk({"content": "One moment."})
CONNECTOR = {"anthropic-beta": "mcp-client-2025-11-20"}
CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {api: function_tool(api, "weather", CITY) for api in DOORS}
"""A function of the client's own."""

apis = pytest.mark.parametrize("api", DOORS)
ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


ENDED = {"chat": "stop", "responses": "completed", "messages": "end_turn"}
"""As after any whole answer."""
CALLED = {"chat": "tool_calls", "responses": "completed", "messages": "tool_use"}
"""As where the client is to run something."""


def told_again(chat: Live) -> tuple[list[str], list[str]]:
    """What the model finds in the next round: its calls' arguments, and what they are answered."""
    messages = chat.server.requests[-1].body["messages"]
    assistant = next(one for one in messages if one["role"] == "assistant")
    arguments = [one["function"]["arguments"] for one in assistant["tool_calls"]]
    return arguments, [one["content"] for one in messages if one["role"] == "tool"]


# Calls that are run here.

UNREADABLE = {
    "invalid JSON": ('{"query": "parc', "They are no JSON."),
    "no object": ('["parcel"]', "There is no text in query."),
    "1 MB": (json.dumps({"query": "x" * 1_000_000}), "They are too long."),
}


@ways
@apis
@pytest.mark.parametrize("case", UNREADABLE)
async def test_a_search_with_arguments_that_are_none_fails_and_the_turn_goes_on(
    chat: Live, case: str, api: str, *, stream: bool
) -> None:
    arguments, why = UNREADABLE[case]
    chat.server.replies.extend([Reply(*calls((SEARCH, arguments))), SORRY])
    answer = await chat.ask(api, stream=stream)
    assert answer.status == 200
    assert text_of(api, answer) == "I could not look."
    assert ending_of(api, answer) == ENDED[api]
    again, (result,) = told_again(chat)
    assert again == ["{}"]
    assert why in result
    if api == "responses":
        failed, message = output_of(answer)
        assert (failed["type"], failed["status"], failed["queries"]) == (
            "file_search_call",
            "failed",
            [],
        )
        assert why in failed["error"]
        assert message["status"] == "completed"
    await chat.is_at_rest()


@ways
async def test_who_asked_for_tool_blocks_is_told_of_the_search_that_failed(
    chat: Live, *, stream: bool
) -> None:
    chat.server.replies.extend([Reply(*calls((SEARCH, '{"query'))), SORRY])
    chat.http.headers.update(CONNECTOR)
    answer = await chat.ask("messages", stream=stream)
    blocks = answer.body.get("content") or [
        frame["data"]["content_block"]
        for frame in answer.frames
        if frame["event"] == "content_block_start"
    ]
    use, result, _ = blocks
    assert (use["type"], use["input"]) == ("mcp_tool_use", {})
    assert (result["type"], result["is_error"]) == ("mcp_tool_result", True)
    assert "They are no JSON." in result["content"][0]["text"]
    await chat.is_at_rest()


@ways
@apis
async def test_an_unknown_tool_is_told_to_the_model_alone(
    chat: Live, api: str, *, stream: bool
) -> None:
    chat.server.replies.extend([Reply(*calls(("browse_the_web", '{"url": "x"}'))), SORRY])
    answer = await chat.ask(api, stream=stream)
    assert text_of(api, answer) == "I could not look."
    assert ending_of(api, answer) == ENDED[api]
    assert "browse_the_web" not in answer.text
    assert told_again(chat)[1] == [NO_SUCH_TOOL]
    if api == "responses":
        assert [item["type"] for item in output_of(answer)] == ["message"]
    await chat.is_at_rest()


@ways
@apis
@pytest.mark.parametrize("tool", [SEARCH, "browse_the_web"])
async def test_an_endless_loop_of_calls_is_an_error_after_the_last_round(
    chat: Live, tool: str, api: str, *, stream: bool
) -> None:
    endless = [Reply(*calls((tool, '{"query": "parcel"}'))) for _ in range(2 * MAX_ROUNDS)]
    chat.server.replies.extend(endless)
    answer = await chat.ask(api, stream=stream, max_tokens=10_000)
    if stream and tool == SEARCH:
        message = broke_off(api, answer, 502, "model_failed")
    else:
        message = refused(api, answer, 502, "model_failed")
    assert "gave no answer" in message
    assert len(chat.server.requests) == MAX_ROUNDS
    assert ["tools" in one.body for one in chat.server.requests] == [True] * (MAX_ROUNDS - 1) + [
        False
    ]
    await chat.is_at_rest()


# Calls that the client runs.


@ways
@apis
@pytest.mark.parametrize("first", [(), (PARCELS,)], ids=["at once", "after some text"])
async def test_arguments_of_the_clients_function_that_are_no_json_are_its_own_to_read(
    chat: Live, first: tuple[bytes, ...], api: str, *, stream: bool
) -> None:
    """But in Messages they are an object, and what is none cannot be told."""
    chat.server.replies.append(Reply(*first, *calls(("weather", '{"city": "Os'))))
    answer = await chat.ask(api, stream=stream, tools=[WEATHER[api]])
    if api == "messages":
        told = broke_off if stream and first else refused
        assert "no JSON object" in told(api, answer, 502, "model_failed")
        assert "Os" not in answer.text
    else:
        assert arguments_of(api, answer) == '{"city": "Os'
        assert ending_of(api, answer) == CALLED[api]
    await chat.is_at_rest()


@ways
@apis
async def test_a_megabyte_of_arguments_reaches_the_client_whole(
    chat: Live, api: str, *, stream: bool
) -> None:
    arguments = json.dumps({"city": "x" * 1_000_000})
    chat.server.replies.append(Reply(*calls(("weather", arguments))))
    answer = await chat.ask(api, stream=stream, tools=[WEATHER[api]])
    assert arguments_of(api, answer) == arguments
    assert ending_of(api, answer) == CALLED[api]
    await chat.is_at_rest()


@ways
@apis
@pytest.mark.parametrize("tool", [SEARCH, "weather"])
async def test_more_arguments_than_are_held_are_an_error(
    chat: Live, tool: str, api: str, *, stream: bool
) -> None:
    assert MAX_ARGUMENTS < MAX_OF_A_ROUND
    piece = {"index": 0, "function": {"arguments": "x" * 1_000_000}}
    opening = {"index": 0, "id": "call_0", "type": "function", "function": {"name": tool}}
    steps = [chunk({"tool_calls": [one]}) for one in (opening, *[piece] * 5)]
    chat.server.replies.append(Reply(PARCELS, *steps))
    tools = [chat.library.tool, WEATHER[api]]
    answer = await chat.ask(api, stream=stream, tools=tools)
    told = broke_off if stream else refused
    assert "characters" in told(api, answer, 502, "model_failed")
    assert len(chat.server.requests) == 1
    await chat.is_at_rest()
