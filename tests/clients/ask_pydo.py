"""DigitalOcean's pydo: its inference client, which speaks to servers with TLS alone."""

from __future__ import annotations

from typing import Any

from asking import API_KEY, MESSAGES, MODEL, ORIGIN, QUESTION, RETRIEVAL, Answer, Citation, tell
from pydo.inference import Client


def main() -> None:
    client: Any = Client(API_KEY, inference_endpoint=ORIGIN)
    asked = {"model": MODEL, "tools": [RETRIEVAL]}
    chat = {**asked, "messages": MESSAGES}
    messages = {**chat, "max_tokens": 100}
    responses = {**asked, "input": QUESTION}
    tell(
        _chat(client.chat.completions.create(**chat).choices[0].message),
        _streamed_chat(client.chat.completions.create(**chat, stream=True)),
        _response(client.responses.create(**responses)),
        _streamed_response(client.responses.create(**responses, stream=True)),
        _message(client.messages.create(**messages)),
        _streamed_message(client.messages.create(**messages, stream=True)),
    )


def _chat(message: Any) -> Answer:
    citations = [_of_url(one) for one in message.annotations]
    return Answer(api="chat", streamed=False, text=message.content, citations=citations)


def _streamed_chat(stream: Any) -> Answer:
    with stream:
        deltas = [choice.delta for chunk in stream for choice in chunk.choices]
    return Answer(
        api="chat",
        streamed=True,
        text="".join(delta.get("content", "") for delta in deltas),
        citations=[_of_url(one) for delta in deltas for one in delta.get("annotations", ())],
    )


def _of_url(annotation: Any) -> Citation:
    cited = annotation.url_citation
    return Citation(cited.title, cited.url, cited.end_index)


def _response(response: Any) -> Answer:
    citations = [_of_file(one) for one in response.output[-1].content[0].annotations]
    return Answer(api="responses", streamed=False, text=response.output_text, citations=citations)


def _streamed_response(stream: Any) -> Answer:
    with stream:
        events = list(stream)
    added = [one for one in events if one.type == "response.output_text.annotation.added"]
    return Answer(
        api="responses",
        streamed=True,
        text="".join(one.delta for one in events if one.type == "response.output_text.delta"),
        citations=[_of_file(one.annotation) for one in added],
    )


def _of_file(annotation: Any) -> Citation:
    return Citation(annotation.filename, annotation.locator.url, annotation.index)


def _message(message: Any) -> Answer:
    text, citations = "", list[Citation]()
    for block in message.content:
        text += block.text
        citations += [_of_block(one, len(text)) for one in block.get("citations", ())]
    return Answer(api="messages", streamed=False, text=text, citations=citations)


def _streamed_message(stream: Any) -> Answer:
    """A block's citations come before its text."""
    text, citations, cited = "", list[Citation](), list[Any]()
    with stream:
        for event in stream:
            if event.type == "content_block_delta" and event.delta.type == "citations_delta":
                cited.append(event.delta.citation)
            elif event.type == "content_block_delta":
                text += event.delta.text
            elif event.type == "content_block_stop":
                citations += [_of_block(one, len(text)) for one in cited]
                cited.clear()
    return Answer(api="messages", streamed=True, text=text, citations=citations)


def _of_block(citation: Any, end: int) -> Citation:
    return Citation(citation.title, citation.source, end)


if __name__ == "__main__":
    main()
