"""A chat completion in one piece."""

from __future__ import annotations

import time

from kb.gateway.events import Cited, Event, Finished, FunctionCall, TextDelta, Unsupported
from kb.gateway.wire.chat_answer import (
    FINISH_REASONS,
    tool_call,
    unsupported_span,
    url_citations,
    usage,
)
from kb.gateway.wire.ids import new_id
from kb.gateway.wire.telling import Json


class ChatBody:
    """Takes a turn's events; `body` is the answer after the last."""

    def __init__(self, model: str, origin: str) -> None:
        self.body: Json = {}
        self._model = model
        self._origin = origin
        self._created = int(time.time())
        self._text: list[str] = []
        self._annotations: list[Json] = []
        self._unsupported: list[Json] = []
        self._calls: list[Json] = []

    def take(self, event: Event) -> None:
        """The next one."""
        if isinstance(event, TextDelta):
            self._text.append(event.text)
        elif isinstance(event, Cited):
            self._annotations += url_citations(self._origin, event)
        elif isinstance(event, Unsupported):
            self._unsupported.append(unsupported_span(event))
        elif isinstance(event, FunctionCall):
            self._calls.append(tool_call(event.call))
        elif isinstance(event, Finished):
            self.body = self._completion(event)

    def _completion(self, finished: Finished) -> Json:
        text = "".join(self._text)
        message: Json = {
            "role": "assistant",
            "content": None if self._calls and not text else text,
            "refusal": None,
            "annotations": self._annotations,
        }
        if self._unsupported:
            message["unsupported"] = self._unsupported
        if self._calls:
            message["tool_calls"] = self._calls
        return {
            "id": new_id("chatcmpl-"),
            "object": "chat.completion",
            "created": self._created,
            "model": self._model,
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "logprobs": None,
                    "finish_reason": FINISH_REASONS[finished.reason],
                }
            ],
            "usage": usage(finished),
        }
