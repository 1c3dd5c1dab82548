"""Pydantic AI, over all three APIs."""

# pyright: basic, reportMissingImports=false
# Pydantic AI is in .venv-clients-openai3.

from __future__ import annotations

import asyncio

from asking import (
    API_KEY,
    API_URL,
    KNOWLEDGE_BASE,
    MODEL,
    ORIGIN,
    QUESTION,
    RETRIEVAL,
    Answer,
    Citation,
    tell,
)
from pydantic_ai import Agent, TextPart
from pydantic_ai.capabilities import NativeTool
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.native_tools import FileSearchTool
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

OPENAI = OpenAIProvider(base_url=API_URL, api_key=API_KEY)
ANTHROPIC = AnthropicProvider(base_url=ORIGIN, api_key=API_KEY)
WITH_RETRIEVAL = {"extra_body": {"tools": [RETRIEVAL]}}
AGENTS = {
    "chat": Agent(OpenAIChatModel(MODEL, provider=OPENAI), model_settings=WITH_RETRIEVAL),
    "responses": Agent(
        OpenAIResponsesModel(MODEL, provider=OPENAI),
        capabilities=[NativeTool(FileSearchTool(file_store_ids=[KNOWLEDGE_BASE]))],
    ),
    "messages": Agent(AnthropicModel(MODEL, provider=ANTHROPIC), model_settings=WITH_RETRIEVAL),
}


async def main() -> None:
    answers: list[Answer] = []
    for api, agent in AGENTS.items():
        whole = await agent.run(QUESTION)
        answers.append(_answer(api, whole.output, whole.response))
        async with agent.run_stream(QUESTION) as stream:
            text = "".join([delta async for delta in stream.stream_text(delta=True)])
            answers.append(_answer(api, text, stream.response, streamed=True))
    tell(*answers)


def _answer(api: str, text: str, response: ModelResponse, *, streamed: bool = False) -> Answer:
    parts = [part for part in response.parts if isinstance(part, TextPart) and part.citations]
    return Answer(
        api=api,
        streamed=streamed,
        text=text,
        citations=[
            _citation(own, raw)
            for part in parts
            for own, raw in zip(part.citations, part.provider_details["citations"], strict=True)
        ],
    )


def _citation(own, raw: dict) -> Citation:
    """Where in a file it is, its own object does not hold; what came is kept beside it."""
    (source,) = own.sources
    if source.kind == "web":
        return Citation(source.title, source.url, own.anchor.end)
    return Citation(source.title, raw["locator"]["url"], raw["index"])


if __name__ == "__main__":
    asyncio.run(main())
