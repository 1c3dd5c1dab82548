"""DigitalOcean's own client, unchanged and strict: chat completions are what it declares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from gradient import AsyncGradient

from tests.kb.gateway.wire.recording import ASKED, TOOL
from tests.kb.gateway.wire.scripts import SCRIPTS, ScriptedGateway

MESSAGES: Any = [{"role": "user", "content": ASKED}]
TOOLS: Any = [TOOL]
WHOLE = [script for script in SCRIPTS if script != "broken"]


@pytest.fixture
async def client(origin: str, secret: str) -> AsyncIterator[AsyncGradient]:
    async with AsyncGradient(
        model_access_key=secret,
        base_url=f"{origin}/v1",
        max_retries=0,
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.mark.parametrize("script", WHOLE)
async def test_every_chat_completion_is_valid(
    client: AsyncGradient, gateway: ScriptedGateway, script: str
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
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == (answer.choices[0].message.content or "")
    assert answer.usage
    assert answer.usage.cache_read_input_tokens == 20
    assert chunks[-1].usage == answer.usage
