"""What an API answered, whole or streamed, and how it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from tests.kb.gateway.wire.recording import frames, said


@dataclass(frozen=True)
class Answer:
    """What came back: a body, or the events of a stream."""

    status: int
    headers: httpx.Headers
    text: str
    body: dict[str, Any]
    frames: list[dict[str, Any]]

    @classmethod
    def of(cls, response: httpx.Response) -> Answer:
        """A response that was read."""
        streamed = response.headers["content-type"].startswith("text/event-stream")
        return cls(
            status=response.status_code,
            headers=response.headers,
            text=response.text,
            body={} if streamed else response.json(),
            frames=list(frames(response.text)) if streamed else [],
        )


def text_of(api: str, answer: Answer) -> str:
    """What a person reads of it."""
    if answer.frames:
        return said(answer.text)
    if api == "chat":
        return answer.body["choices"][0]["message"]["content"] or ""
    if api == "responses":
        return answer.body["output_text"]
    return "".join(block["text"] for block in answer.body["content"] if block["type"] == "text")


def output_of(answer: Answer) -> list[dict[str, Any]]:
    """The items of a response."""
    body = answer.frames[-1]["data"]["response"] if answer.frames else answer.body
    return body["output"]


def ending_of(api: str, answer: Answer) -> str:
    """Why the turn ended."""
    if api == "responses":
        body = answer.frames[-1]["data"]["response"] if answer.frames else answer.body
        return body["status"]
    if api == "messages":
        return (answer.frames[-2]["data"]["delta"] if answer.frames else answer.body)["stop_reason"]
    ends = answer.frames[-3]["data"] if answer.frames else answer.body  # usage and [DONE] follow
    return ends["choices"][0]["finish_reason"]


def arguments_of(api: str, answer: Answer) -> str:
    """Those of the one call that the client is to run."""
    if api == "responses":
        call = output_of(answer)[-1]
        streamed = [
            frame["data"]["delta"]
            for frame in answer.frames
            if frame["event"] == "response.function_call_arguments.delta"
        ]
        assert not answer.frames or "".join(streamed) == call["arguments"]
        assert call["type"] == "function_call"
        return call["arguments"]
    if api == "messages":
        if not answer.frames:
            return json.dumps(answer.body["content"][-1]["input"])
        deltas = [one["data"]["delta"] for one in answer.frames if "delta" in one["data"]]
        return "".join(one.get("partial_json", "") for one in deltas)
    if not answer.frames:
        (call,) = answer.body["choices"][0]["message"]["tool_calls"]
        return call["function"]["arguments"]
    choices = [
        choice
        for frame in answer.frames
        if frame["data"] != "[DONE]"
        for choice in frame["data"]["choices"]
    ]
    made = [call for choice in choices for call in choice["delta"].get("tool_calls", ())]
    return "".join(call["function"]["arguments"] for call in made)
