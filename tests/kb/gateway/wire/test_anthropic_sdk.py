"""Anthropic's own client, unchanged and strict, under the old and the new version of its API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import anthropic
import pytest
from anthropic import AsyncAnthropic, Omit
from anthropic.types import (
    MessageParam,
    ToolParam,
    ToolResultBlockParam,
    WebSearchTool20250305Param,
)
from anthropic.types.beta import BetaMCPToolsetParam, BetaMessageParam

from tests.kb.gateway.wire.recording import ASKED, TOOL
from tests.kb.gateway.wire.scripts import SCRIPTS, WAIT, ScriptedGateway

ANSWER = "A parcel waits for 14 days. Then it goes back. Nothing else happens."
MESSAGES: list[MessageParam] = [{"role": "user", "content": ASKED}]
BETA_MESSAGES: list[BetaMessageParam] = [{"role": "user", "content": ASKED}]
TOOLS = [cast(ToolParam, TOOL)]
WHOLE = [script for script in SCRIPTS if script != "broken"]
CONNECTOR = "mcp-client-2025-11-20"


@pytest.fixture(params=["bearer", "x-api-key"])
async def client(
    origin: str, secret: str, request: pytest.FixtureRequest
) -> AsyncIterator[AsyncAnthropic]:
    old: Any = {"x-api-key": secret, "authorization": Omit(), "anthropic-version": "2023-06-01"}
    async with AsyncAnthropic(
        base_url=origin,
        api_key=secret,
        max_retries=0,
        default_headers=old if request.param == "x-api-key" else None,
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.mark.parametrize("script", WHOLE)
async def test_every_message_is_valid(
    client: AsyncAnthropic, gateway: ScriptedGateway, script: str
) -> None:
    gateway.script = SCRIPTS[script]
    answer = await client.messages.create(
        model="tiny", max_tokens=100, messages=MESSAGES, tools=TOOLS
    )
    async with client.messages.stream(
        model="tiny", max_tokens=100, messages=MESSAGES, tools=TOOLS
    ) as stream:
        streamed = await stream.get_final_message()
    assert answer.stop_reason == streamed.stop_reason
    assert answer.usage.input_tokens == streamed.usage.input_tokens == 100
    assert answer.usage.output_tokens == streamed.usage.output_tokens == 30
    assert texts(answer.content) == texts(streamed.content)
    assert [block.type for block in answer.content] == [block.type for block in streamed.content]


@pytest.mark.parametrize("script", WHOLE)
async def test_every_message_is_valid_for_the_mcp_connector(
    client: AsyncAnthropic, gateway: ScriptedGateway, script: str
) -> None:
    gateway.script = SCRIPTS[script]
    toolset: BetaMCPToolsetParam = {"type": "mcp_toolset", "mcp_server_name": "wiki"}
    answer = await client.beta.messages.create(
        model="tiny",
        max_tokens=100,
        messages=BETA_MESSAGES,
        mcp_servers=[{"type": "url", "name": "wiki", "url": "https://wiki.test/mcp"}],
        tools=[toolset],
        betas=[CONNECTOR],
    )
    async with client.beta.messages.stream(
        model="tiny",
        max_tokens=100,
        messages=BETA_MESSAGES,
        mcp_servers=[{"type": "url", "name": "wiki", "url": "https://wiki.test/mcp"}],
        tools=[toolset],
        betas=[CONNECTOR],
    ) as stream:
        streamed = await stream.get_final_message()
    assert [block.type for block in answer.content] == [block.type for block in streamed.content]
    used = [block for block in streamed.content if block.type == "mcp_tool_use"]
    results = [block for block in streamed.content if block.type == "mcp_tool_result"]
    assert sorted(one.id for one in used) == sorted(one.tool_use_id for one in results)


def texts(blocks: Any) -> str:
    return "".join(block.text for block in blocks if block.type == "text")


async def test_citations_come_with_a_message_and_with_its_stream(
    client: AsyncAnthropic, gateway: ScriptedGateway
) -> None:
    gateway.script = SCRIPTS["search"]
    answer = await client.messages.create(
        model="tiny", max_tokens=100, messages=MESSAGES, tools=TOOLS
    )
    async with client.messages.stream(
        model="tiny", max_tokens=100, messages=MESSAGES, tools=TOOLS
    ) as stream:
        streamed = await stream.get_final_message()
    for message in (answer, streamed):
        assert texts(message.content) == ANSWER
        cited = [
            (block.text, [one.title for one in block.citations if one.type == SEARCH_RESULT])
            for block in message.content
            if block.type == "text" and block.citations
        ]
        assert cited == [
            ("A parcel waits for 14 days", ["handbook.md"]),
            ("Then it goes back", ["handbook.md", "returns.pdf"]),
        ]
        first = message.content[0]
        assert first.type == "text"
        assert first.citations
        citation = first.citations[0]
        assert citation.type == SEARCH_RESULT
        assert citation.cited_text == WAIT.passage.text
        assert citation.source == WAIT.passage.citation.uri
        assert citation.model_extra
        assert citation.model_extra["locator"]["char_end"] == 37


SEARCH_RESULT = "search_result_location"


async def test_a_function_is_called_and_its_result_read(
    client: AsyncAnthropic, gateway: ScriptedGateway
) -> None:
    gateway.script = SCRIPTS["function"]
    async with client.messages.stream(
        model="tiny", max_tokens=100, messages=MESSAGES, tools=TOOLS
    ) as stream:
        answer = await stream.get_final_message()
    use = answer.content[-1]
    assert use.type == "tool_use"
    assert use.input == {"city": "Oslo"}
    result: ToolResultBlockParam = {
        "type": "tool_result",
        "tool_use_id": use.id,
        "content": "Rain.",
    }
    said: list[MessageParam] = [*MESSAGES, answer.to_param(), {"role": "user", "content": [result]}]
    await client.messages.create(model="tiny", max_tokens=100, messages=said)
    _, assistant, tool = gateway.turn.messages
    assert (assistant.text, assistant.tool_calls[0].name) == ("One moment.", "get_weather")
    assert (tool.role, tool.tool_call_id, tool.text) == ("tool", "call_3", "Rain.")


async def test_a_cited_answer_sent_back_reads_as_it_was(
    client: AsyncAnthropic, gateway: ScriptedGateway
) -> None:
    gateway.script = SCRIPTS["search"]
    answer = await client.messages.create(model="tiny", max_tokens=100, messages=MESSAGES)
    said: list[MessageParam] = [
        *MESSAGES,
        answer.to_param(),
        {"role": "user", "content": "And then?"},
    ]
    await client.messages.create(model="tiny", max_tokens=100, messages=said)
    assert [one.text for one in gateway.turn.messages] == [ASKED, ANSWER, "And then?"]


async def test_a_stream_that_breaks_off_is_an_error(
    client: AsyncAnthropic, gateway: ScriptedGateway
) -> None:
    gateway.script = SCRIPTS["broken"]
    with pytest.raises(anthropic.APIStatusError, match="broke off"):
        async with client.messages.stream(
            model="tiny", max_tokens=100, messages=MESSAGES
        ) as stream:
            await stream.get_final_message()


async def test_tokens_are_counted(client: AsyncAnthropic) -> None:
    short = await client.messages.count_tokens(model="tiny", messages=MESSAGES)
    long = await client.messages.count_tokens(model="tiny", messages=MESSAGES * 10, tools=TOOLS)
    assert 5 < short.input_tokens < 20
    assert long.input_tokens > 10 * short.input_tokens


async def test_chat_models_are_listed_and_shown(
    client: AsyncAnthropic, gateway: ScriptedGateway
) -> None:
    del gateway
    assert [one.id async for one in client.models.list()] == ["tiny", "org/large"]
    assert (await client.models.retrieve("tiny")).max_input_tokens == 4096
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("gone")


async def test_errors_are_the_clients_own(client: AsyncAnthropic, origin: str) -> None:
    unknown: list[WebSearchTool20250305Param] = [
        {"type": "web_search_20250305", "name": "web_search"}
    ]
    with pytest.raises(anthropic.BadRequestError, match="knowledge_base_retrieval"):
        await client.messages.create(model="tiny", max_tokens=1, messages=MESSAGES, tools=unknown)
    with pytest.raises(anthropic.AuthenticationError, match="wrong or revoked") as refused:
        async with AsyncAnthropic(base_url=origin, api_key="wrong") as stranger:
            await stranger.models.list()
    assert refused.value.request_id
