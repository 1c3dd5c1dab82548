"""OpenAI's own client, unchanged and strict: every answer and every event is what it declares."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import openai
import pytest
from openai import AsyncOpenAI

from retrieval.embedding.embedder import Embedder
from tests.kb.gateway.wire.recording import ASKED, TOOL
from tests.kb.gateway.wire.scripts import BASE, SCRIPTS, WAIT, ScriptedGateway

ANSWER = "A parcel waits for 14 days. Then it goes back. Nothing else happens."
MESSAGES: Any = [{"role": "user", "content": ASKED}]
TOOLS: Any = [TOOL]
FILE_SEARCH: Any = [{"type": "file_search", "vector_store_ids": [str(BASE)]}]
EMBEDDING = "all-mini-lm-l6-v2"
WHOLE = [script for script in SCRIPTS if script != "broken"]


@pytest.fixture
async def client(origin: str, secret: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{origin}/v1", api_key=secret, max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


@pytest.mark.parametrize("script", WHOLE)
async def test_every_chat_completion_is_valid(
    client: AsyncOpenAI, gateway: ScriptedGateway, script: str
) -> None:
    gateway.script = SCRIPTS[script]
    answer = await client.chat.completions.create(model="tiny", messages=MESSAGES, tools=TOOLS)
    stream = await client.chat.completions.create(
        model="tiny",
        messages=MESSAGES,
        tools=TOOLS,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    deltas = [choice for chunk in chunks for choice in chunk.choices]
    text = "".join(choice.delta.content or "" for choice in deltas)
    assert text == (answer.choices[0].message.content or "")
    assert deltas[-1].finish_reason == answer.choices[0].finish_reason
    assert chunks[-1].usage == answer.usage


async def test_citations_come_with_a_chat_completion_and_with_its_stream(
    client: AsyncOpenAI, gateway: ScriptedGateway, origin: str
) -> None:
    gateway.script = SCRIPTS["search"]
    answer = await client.chat.completions.create(model="tiny", messages=MESSAGES, tools=TOOLS)
    async with client.chat.completions.stream(
        model="tiny", messages=MESSAGES, tools=TOOLS
    ) as stream:
        streamed = await stream.get_final_completion()
    for message in (answer.choices[0].message, streamed.choices[0].message):
        assert message.content == ANSWER
        assert message.annotations
        cited = [one.url_citation for one in message.annotations]
        assert [ANSWER[one.start_index : one.end_index] for one in cited] == [
            "A parcel waits for 14 days",
            "Then it goes back",
            "Then it goes back",
        ]
        assert [one.title for one in cited] == ["handbook.md", "handbook.md", "returns.pdf"]
        assert cited[0].url.startswith(f"{origin}/v1/{BASE}/documents/")
        locator = message.annotations[0].model_extra
        assert locator
        assert locator["locator"]["uri"] == WAIT.passage.citation.uri


async def test_a_function_of_the_callers_is_called(
    client: AsyncOpenAI, gateway: ScriptedGateway
) -> None:
    gateway.script = SCRIPTS["mixed"]
    async with client.chat.completions.stream(model="tiny", messages=MESSAGES) as stream:
        streamed = await stream.get_final_completion()
    calls = streamed.choices[0].message.tool_calls
    assert calls
    assert [one.function.name for one in calls] == ["get_weather", "now"]
    assert calls[0].function.arguments == '{"city": "Oslo"}'
    assert streamed.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("script", WHOLE)
async def test_every_response_is_valid(
    client: AsyncOpenAI, gateway: ScriptedGateway, script: str
) -> None:
    gateway.script = SCRIPTS[script]
    answer = await client.responses.create(model="tiny", input=ASKED, tools=FILE_SEARCH)
    events = [
        event
        async for event in await client.responses.create(
            model="tiny", input=ASKED, tools=FILE_SEARCH, stream=True
        )
    ]
    last: Any = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    assert last.response.output_text == answer.output_text
    assert [item.type for item in last.response.output] == [item.type for item in answer.output]
    assert [event.sequence_number for event in events] == list(range(len(events)))


async def test_citations_come_with_a_response_and_with_its_stream(
    client: AsyncOpenAI, gateway: ScriptedGateway
) -> None:
    gateway.script = SCRIPTS["search"]
    answer = await client.responses.create(
        model="tiny", input=ASKED, tools=FILE_SEARCH, include=["file_search_call.results"]
    )
    async with client.responses.stream(
        model="tiny", input=ASKED, tools=FILE_SEARCH, include=["file_search_call.results"]
    ) as stream:
        streamed = await stream.get_final_response()
    for response in (answer, streamed):
        assert response.output_text == ANSWER
        assert response.model_extra
        assert response.model_extra["store"] is False
        search, message = response.output
        assert search.type == "file_search_call"
        assert search.queries == ["parcel"]
        assert search.results
        assert search.results[0].text == WAIT.passage.text
        assert message.type == "message"
        part = message.content[0]
        assert part.type == "output_text"
        cited = [one for one in part.annotations if one.type == "file_citation"]
        assert [ANSWER[: one.index] for one in cited] == [
            "A parcel waits for 14 days",
            "A parcel waits for 14 days. Then it goes back",
            "A parcel waits for 14 days. Then it goes back",
        ]
        assert [one.filename for one in cited] == ["handbook.md", "handbook.md", "returns.pdf"]
        assert cited[0].file_id == search.results[0].file_id


async def test_output_sent_back_is_read(client: AsyncOpenAI, gateway: ScriptedGateway) -> None:
    gateway.script = SCRIPTS["mixed"]
    first = await client.responses.create(model="tiny", input=ASKED, tools=FILE_SEARCH)
    call = first.output[1]
    assert call.type == "function_call"
    said: Any = [
        {"role": "user", "content": ASKED},
        *(item.model_dump() for item in first.output),
        {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."},
    ]
    await client.responses.create(model="tiny", input=said, tools=FILE_SEARCH)
    _, assistant, tool = gateway.turn.messages
    assert [one.name for one in assistant.tool_calls] == [
        "knowledge_base_retrieval",
        "get_weather",
        "now",
    ]
    assert (tool.role, tool.tool_call_id, tool.text) == ("tool", "call_3", "Rain.")


async def test_a_stream_that_breaks_off_is_an_error(
    client: AsyncOpenAI, gateway: ScriptedGateway
) -> None:
    gateway.script = SCRIPTS["broken"]
    stream = await client.chat.completions.create(model="tiny", messages=MESSAGES, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        _ = [chunk async for chunk in stream]
    events = [
        event
        async for event in await client.responses.create(model="tiny", input=ASKED, stream=True)
    ]
    error, failed = events[-2:]
    assert error.type == "error"
    assert "broke off" in error.message
    assert failed.type == "response.failed"
    assert failed.response.error
    assert failed.response.output_text == "A parcel"


async def test_embeddings_are_the_models_own(origin: str, secret: str, embedder: Embedder) -> None:
    texts = ["A parcel waits.", "Then it goes back."]
    expected = embedder.embed_passages(texts)
    # Not strict: the client asks for base64 by itself, and then declares that there is none.
    async with AsyncOpenAI(base_url=f"{origin}/v1", api_key=secret) as client:
        embed = client.embeddings.create
        found = await embed(model=EMBEDDING, input=texts)
        plain = await embed(model=EMBEDDING, input=texts, encoding_format="float")
        raw = await embed(model=EMBEDDING, input=texts[0], encoding_format="base64")
    for answer in (found, plain):
        assert np.allclose([one.embedding for one in answer.data], expected, atol=1e-6)
        assert answer.usage.total_tokens == sum(map(embedder.count_tokens, texts))
    decoded = np.frombuffer(base64.b64decode(str(raw.data[0].embedding)), "<f4")
    assert np.allclose(decoded, expected[0], atol=1e-6)


async def test_models_are_listed_and_shown(client: AsyncOpenAI, gateway: ScriptedGateway) -> None:
    del gateway
    names = [model.id async for model in client.models.list()]
    assert names == ["tiny", "org/large", "all-mini-lm-l6-v2"]
    assert (await client.models.retrieve("org/large")).id == "org/large"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gone")


async def test_errors_are_the_clients_own(client: AsyncOpenAI, origin: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(
            model="tiny",
            messages=MESSAGES,
            tools=[{"type": "web_search"}],  # pyright: ignore[reportArgumentType] on purpose
        )
    assert refused.value.param == "tools.0"
    with pytest.raises(openai.AuthenticationError, match="wrong or revoked"):
        async with AsyncOpenAI(base_url=f"{origin}/v1", api_key="wrong") as stranger:
            await stranger.models.list()
