"""DigitalOcean's gradient. Its types know no annotations, which come as they are in JSON."""

from __future__ import annotations

from typing import Any

from asking import API_KEY, API_URL, MESSAGES, MODEL, QUESTION, RETRIEVAL, Answer, Citation, tell
from gradient import Gradient


def main() -> None:
    with Gradient(access_token=API_KEY, model_access_key=API_KEY, base_url=API_URL) as client:
        complete, respond = client.chat.completions.create, client.responses.create
        chat: Any = {"model": MODEL, "messages": MESSAGES, "tools": [RETRIEVAL]}
        response: Any = {"model": MODEL, "input": QUESTION, "tools": [RETRIEVAL]}
        tell(
            _chat(complete(**chat)),
            _streamed_chat(complete(**chat, stream=True)),
            _response(respond(**response)),
            _streamed_response(respond(**response, stream=True)),
        )


def _chat(completion: Any) -> Answer:
    message = completion.choices[0].message
    return Answer(
        api="chat",
        streamed=False,
        text=message.content,
        citations=[_of_url(one) for one in message.annotations],
    )


def _streamed_chat(chunks: Any) -> Answer:
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    return Answer(
        api="chat",
        streamed=True,
        text="".join(delta.content or "" for delta in deltas),
        citations=[_of_url(one) for delta in deltas for one in getattr(delta, "annotations", ())],
    )


def _of_url(annotation: Any) -> Citation:
    cited = annotation["url_citation"]
    return Citation(cited["title"], cited["url"], cited["end_index"])


def _response(response: Any) -> Answer:
    annotations = response.output[-1].content[0]["annotations"]
    return Answer(
        api="responses",
        streamed=False,
        text=response.output_text,
        citations=[_of_file(one) for one in annotations],
    )


def _streamed_response(stream: Any) -> Answer:
    events = list(stream)
    added = [one for one in events if one.type == "response.output_text.annotation.added"]
    return Answer(
        api="responses",
        streamed=True,
        text="".join(one.delta for one in events if one.type == "response.output_text.delta"),
        citations=[_of_file(one.annotation) for one in added],
    )


def _of_file(annotation: Any) -> Citation:
    return Citation(annotation["filename"], annotation["locator"]["url"], annotation["index"])


if __name__ == "__main__":
    main()
