"""Upstreams to ask, and questions for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from kb.gateway.completion import Asked, Complete, RoundFinished, TextPart
from kb.gateway.turn import FunctionTool, Message
from kb.gateway.upstream.client import Patience
from kb.gateway.upstream.models import ChatModelEntry, ChatModels
from kb.gateway.upstream.upstream import Upstream, open_upstream

MODEL = "tiny"
QUESTION = "What is the capital of France?"
SEARCH = FunctionTool(
    name="knowledge_base_retrieval",
    description="Searches the knowledge base.",
    parameters={
        "type": "object",
        "properties": {"query": {"type": "string"}},
        "required": ["query"],
    },
)
WEATHER = FunctionTool(
    name="get_weather",
    description="Tells the weather.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
)


def entry(*urls: str, **more: Any) -> ChatModelEntry:
    return ChatModelEntry.model_validate({"id": MODEL, "urls": urls, **more})


@asynccontextmanager
async def upstream(
    *urls: str,
    concurrency: int = 8,
    wait: float = 20,
    patience: Patience | None = None,
    **more: Any,
) -> AsyncGenerator[Upstream]:
    """One model behind those servers."""
    models = ChatModels([entry(*urls, **more)])
    async with open_upstream(
        models, concurrency=concurrency, wait=wait, patience=patience
    ) as opened:
        yield opened


def question(text: str = QUESTION, **more: Any) -> Asked:
    return ask(Message(role="user", text=text), **more)


def ask(*messages: Message, **more: Any) -> Asked:
    return replace(Asked(model=MODEL, messages=messages), **more)


async def answer(complete: Complete, asked: Asked) -> tuple[str, RoundFinished]:
    """The whole text, and how the round ended."""
    text, finished = await parts(complete, asked)
    return "".join(text), finished


async def parts(complete: Complete, asked: Asked) -> tuple[Sequence[str], RoundFinished]:
    """The pieces of the text as they came, and how the round ended."""
    *texts, last = [part async for part in complete(asked)]
    assert isinstance(last, RoundFinished)
    return [part.text for part in texts if isinstance(part, TextPart)], last
