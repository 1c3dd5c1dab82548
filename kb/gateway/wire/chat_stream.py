"""A chat completion in chunks."""

from __future__ import annotations

import time
from collections.abc import Iterator

from kb.errors import Problem
from kb.gateway.events import Cited, Event, Finished, FunctionCall, TextDelta, Unsupported
from kb.gateway.wire.chat_answer import (
    FINISH_REASONS,
    error,
    tool_call,
    unsupported_span,
    url_citations,
    usage,
)
from kb.gateway.wire.ids import new_id
from kb.gateway.wire.telling import Frame, Json


class ChatStream:
    """A `Telling`. Whatever a list in a delta holds has its `index`: OpenAI's client puts the lists
    together by it, and fails without."""

    heartbeat = None

    def __init__(self, model: str, origin: str, *, include_usage: bool) -> None:
        self._origin = origin
        self._include_usage = include_usage
        self._annotations = self._unsupported = self._calls = 0
        self._chunk: Json = {
            "id": new_id("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        if include_usage:
            self._chunk["usage"] = None

    def begin(self) -> Iterator[Frame]:
        """Whose message it is."""
        yield self._delta({"role": "assistant", "content": ""})

    def tell(self, event: Event) -> Iterator[Frame]:
        """Searches are not told of: there is no chunk for them."""
        if isinstance(event, TextDelta):
            yield self._delta({"content": event.text})
        elif isinstance(event, Cited):
            found = [
                {"index": index, **one}
                for index, one in enumerate(url_citations(self._origin, event), self._annotations)
            ]
            self._annotations += len(found)
            yield self._delta({"annotations": found})
        elif isinstance(event, Unsupported):
            span = {"index": self._unsupported, **unsupported_span(event)}
            self._unsupported += 1
            yield self._delta({"unsupported": [span]})
        elif isinstance(event, FunctionCall):
            call = {"index": self._calls, **tool_call(event.call)}
            self._calls += 1
            yield self._delta({"tool_calls": [call]})
        elif isinstance(event, Finished):
            yield self._delta({}, FINISH_REASONS[event.reason])
            if self._include_usage:
                yield Frame({**self._chunk, "choices": [], "usage": usage(event)})
            yield Frame("[DONE]")

    def fail(self, problem: Problem) -> Iterator[Frame]:
        """Without `[DONE]`: it is not."""
        yield Frame(error(problem))

    def _delta(self, delta: Json, finish_reason: str | None = None) -> Frame:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return Frame({**self._chunk, "choices": [choice]})
