"""LiteLLM, with this service as its OpenAI-compatible server."""

# pyright: basic, reportMissingImports=false
# LiteLLM is in .venv-clients-openai2.

from __future__ import annotations

import litellm
from asking import API_KEY, API_URL, MESSAGES, MODEL, QUESTION, RETRIEVAL, Answer, Citation, tell

HERE = {"model": f"openai/{MODEL}", "api_base": API_URL, "api_key": API_KEY, "tools": [RETRIEVAL]}


def main() -> None:
    litellm.suppress_debug_info = True  # it would go where the answer goes
    chunks = list(litellm.completion(**HERE, messages=MESSAGES, stream=True))
    events = list(litellm.responses(**HERE, input=QUESTION, stream=True))
    tell(
        _chat(litellm.completion(**HERE, messages=MESSAGES)),
        _chat(litellm.stream_chunk_builder(chunks), streamed=True),
        _response(litellm.responses(**HERE, input=QUESTION)),
        _response(events[-1].response, streamed=True),
    )


def _chat(completion, *, streamed: bool = False) -> Answer:
    message = completion.choices[0].message
    cited = [one["url_citation"] for one in message.annotations]
    return Answer(
        api="chat",
        streamed=streamed,
        text=message.content,
        citations=[Citation(one["title"], one["url"], one["end_index"]) for one in cited],
    )


def _response(response, *, streamed: bool = False) -> Answer:
    part = response.output[-1].content[0]
    cited = part.annotations
    return Answer(
        api="responses",
        streamed=streamed,
        text=part.text,
        citations=[Citation(one.filename, one.locator["url"], one.index) for one in cited],
    )


if __name__ == "__main__":
    main()
