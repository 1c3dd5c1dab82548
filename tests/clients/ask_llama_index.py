"""LlamaIndex's OpenAILike and OpenAILikeResponses."""

# pyright: basic, reportMissingImports=false
# LlamaIndex is in .venv-clients-openai2.

from __future__ import annotations

from asking import API_KEY, API_URL, MODEL, QUESTION, RETRIEVAL, Answer, Citation, tell
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike, OpenAILikeResponses

ASKED = [ChatMessage(role="user", content=QUESTION)]
HERE = {"model": MODEL, "api_base": API_URL, "api_key": API_KEY}


def main() -> None:
    chat = OpenAILike(**HERE, is_chat_model=True)
    responses = OpenAILikeResponses(**HERE, built_in_tools=[RETRIEVAL])
    tell(
        _chat(chat.chat(ASKED, tools=[RETRIEVAL])),
        _streamed_chat(chat.stream_chat(ASKED, tools=[RETRIEVAL])),
        _response(responses.chat(ASKED)),
        _response(list(responses.stream_chat(ASKED))[-1], streamed=True),
    )


def _chat(answer) -> Answer:
    """What it does not read itself is in OpenAI's own object."""
    cited = [one.url_citation for one in answer.raw.choices[0].message.annotations]
    return Answer(
        api="chat",
        streamed=False,
        text=answer.message.content,
        citations=[Citation(one.title, one.url, one.end_index) for one in cited],
    )


def _streamed_chat(chunks) -> Answer:
    told = list(chunks)
    deltas = [choice.delta for chunk in told for choice in chunk.raw.choices]
    cited = [one["url_citation"] for delta in deltas for one in getattr(delta, "annotations", ())]
    return Answer(
        api="chat",
        streamed=True,
        text=told[-1].message.content,
        citations=[Citation(one["title"], one["url"], one["end_index"]) for one in cited],
    )


def _response(answer, *, streamed: bool = False) -> Answer:
    return Answer(
        api="responses",
        streamed=streamed,
        text=answer.message.content,
        citations=[_of_file(one) for one in answer.additional_kwargs["annotations"]],
    )


def _of_file(annotation) -> Citation:
    """A dictionary where it was streamed."""
    one = annotation if isinstance(annotation, dict) else annotation.model_dump()
    return Citation(one["filename"], one["locator"]["url"], one["index"])


if __name__ == "__main__":
    main()
