"""OpenAI's Agents, over both of its APIs; nothing is traced."""

# pyright: basic, reportMissingImports=false
# The package `agents` is in .venv-clients-openai3.

from __future__ import annotations

import asyncio

from agents import (
    Agent,
    FileSearchTool,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
)
from asking import (
    API_KEY,
    API_URL,
    KNOWLEDGE_BASE,
    MODEL,
    QUESTION,
    RETRIEVAL,
    Answer,
    Citation,
    tell,
)
from openai import AsyncOpenAI
from openai.types.responses import ResponseTextDeltaEvent

UNTRACED = RunConfig(tracing_disabled=True)


async def main() -> None:
    async with AsyncOpenAI(base_url=API_URL, api_key=API_KEY) as client:
        agents = {
            # Of tools that run elsewhere, it takes none over this API.
            "chat": Agent(
                name="Desk",
                model=OpenAIChatCompletionsModel(MODEL, client),
                model_settings=ModelSettings(extra_body={"tools": [RETRIEVAL]}),
            ),
            "responses": Agent(
                name="Desk",
                model=OpenAIResponsesModel(MODEL, client),
                tools=[FileSearchTool(vector_store_ids=[KNOWLEDGE_BASE])],
            ),
        }
        answers: list[Answer] = []
        for api, agent in agents.items():
            whole = await Runner.run(agent, QUESTION, run_config=UNTRACED)
            answers.append(_answer(api, whole.final_output, whole))
            stream = Runner.run_streamed(agent, QUESTION, run_config=UNTRACED)
            deltas = [
                event.data.delta
                async for event in stream.stream_events()
                if event.type == "raw_response_event"
                and isinstance(event.data, ResponseTextDeltaEvent)
            ]
            answers.append(_answer(api, "".join(deltas), stream, streamed=True))
    tell(*answers)


def _answer(api: str, text: str, result, *, streamed: bool = False) -> Answer:
    annotations = result.new_items[-1].raw_item.content[0].annotations
    return Answer(
        api=api,
        streamed=streamed,
        text=text,
        citations=[_citation(one) for one in annotations],
    )


def _citation(annotation) -> Citation:
    if annotation.type == "url_citation":
        return Citation(annotation.title, annotation.url, annotation.end_index)
    return Citation(annotation.filename, annotation.locator["url"], annotation.index)


if __name__ == "__main__":
    asyncio.run(main())
