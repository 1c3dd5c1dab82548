"""A message, block by block: the events in the order in which Anthropic sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, cast

from kb.errors import Problem
from kb.gateway.events import (
    Cited,
    Event,
    Finished,
    FunctionCall,
    McpFinished,
    McpStarted,
    NumberedPassage,
    SearchFinished,
    SearchStarted,
    StopReason,
    TextDelta,
    Unsupported,
    Usage,
)
from kb.gateway.turn import ToolCall
from kb.gateway.wire.cited_spans import CitedSpans, Span
from kb.gateway.wire.errors import UnreadableArguments
from kb.gateway.wire.ids import new_id
from kb.gateway.wire.locator import locator
from kb.gateway.wire.telling import Frame, Json

STOP_REASONS: dict[StopReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
KNOWLEDGE_BASE = "knowledge_base"  # the server's name where searches are told of


class MessagesStream:
    """A `Telling`; `message` is as the last event left it.

    With `tool_blocks`, for those who asked for the MCP connector, calls that are run here are told
    of as its `mcp_tool_use` and `mcp_tool_result`. Others' clients know no block for them.
    """

    heartbeat = Frame({"type": "ping"}, "ping")

    def __init__(
        self, model: str, origin: str, *, earlier_results: int = 0, tool_blocks: bool = False
    ) -> None:
        """`earlier_results` is how many search results the request itself held."""
        self.message: Json = {
            "id": new_id("msg_"),
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(Usage()),
        }
        self._blocks: list[Json] = []
        self._origin = origin
        self._earlier_results = earlier_results
        self._tool_blocks = tool_blocks
        self._spans = CitedSpans()
        self._prose: Json | None = None
        self._unsupported: list[Json] = []
        self._uses: dict[str, str] = {}

    def begin(self) -> Iterator[Frame]:
        """The message, with nothing in it."""
        yield Frame({"type": "message_start", "message": dict(self.message)}, "message_start")

    def tell(self, event: Event) -> Iterator[Frame]:
        """Raises `UnreadableArguments`."""
        if isinstance(event, TextDelta):
            yield from self._text(self._spans.write(event.text))
        elif isinstance(event, Cited):
            yield from self._text(self._spans.cite(event))
        elif isinstance(event, Unsupported):
            self._unsupported.append({"start_index": event.start, "end_index": event.end})
        elif isinstance(event, SearchStarted):
            yield from self._text(self._spans.rest())
            yield from self._use(event.call, KNOWLEDGE_BASE)
        elif isinstance(event, SearchFinished):
            self._spans.expecting |= bool(event.passages)
            found = [one.passage.text for one in event.passages]
            yield from self._result(event.call, found, event.error)
        elif isinstance(event, McpStarted):
            yield from self._use(event.call, event.label)
        elif isinstance(event, McpFinished):
            yield from self._result(event.call, [event.output], event.error)
        elif isinstance(event, FunctionCall):
            yield from self._end_text()
            call = event.call
            block: Json = {"type": "tool_use", "id": call.id, "name": call.name}
            yield from self._called(block, _object(call.arguments))
        elif isinstance(event, Finished):
            yield from self._end_text()
            yield from self._finish(event)

    def fail(self, problem: Problem) -> Iterator[Frame]:
        """What came is not taken back, and what was held back is told."""
        yield from self._text(self._spans.rest())
        yield Frame(error(problem), "error")

    def body(self) -> Json:
        """All of it."""
        return self.message

    def _start(self, block: Json) -> Frame:
        self._blocks.append(block)
        return self._frame("content_block_start", content_block=deepcopy(block))

    def _frame(self, kind: str, **fields: Any) -> Frame:
        return Frame({"type": kind, "index": len(self._blocks) - 1, **fields}, kind)

    def _delta(self, kind: str, **fields: Any) -> Frame:
        return self._frame("content_block_delta", delta={"type": kind, **fields})

    def _text(self, spans: Iterator[Span]) -> Iterator[Frame]:
        for span in spans:
            if span.passages:
                yield from self._cited(span)
                continue
            if self._prose is None:
                self._prose = {"type": "text", "text": ""}
                yield self._start(self._prose)
            self._prose["text"] += span.text
            yield self._delta("text_delta", text=span.text)

    def _cited(self, span: Span) -> Iterator[Frame]:
        yield from self._end_prose()
        block: Json = {"type": "text", "text": "", "citations": []}
        yield self._start(block)
        block["text"] = span.text
        for one in span.passages:
            citation = self._citation(one)
            block["citations"].append(citation)
            yield self._delta("citations_delta", citation=citation)
        yield self._delta("text_delta", text=span.text)
        yield self._frame("content_block_stop")

    def _citation(self, one: NumberedPassage) -> Json:
        citation = one.passage.citation
        return {
            "type": "search_result_location",
            "source": citation.uri,
            "title": citation.document.item_name,
            "cited_text": one.passage.text,
            "search_result_index": self._earlier_results + one.number - 1,
            "start_block_index": 0,
            "end_block_index": 1,
            "locator": locator(self._origin, citation),
        }

    def _end_text(self) -> Iterator[Frame]:
        yield from self._text(self._spans.rest())
        yield from self._end_prose()

    def _end_prose(self) -> Iterator[Frame]:
        prose, self._prose = self._prose, None
        if prose is not None:
            yield self._frame("content_block_stop")

    def _called(self, block: Json, arguments: Json) -> Iterator[Frame]:
        block["input"] = {}
        yield self._start(block)
        block["input"] = arguments
        yield self._delta("input_json_delta", partial_json=json.dumps(arguments))
        yield self._frame("content_block_stop")

    def _use(self, call: ToolCall, server: str) -> Iterator[Frame]:
        if self._tool_blocks:
            yield from self._end_text()
            self._uses[call.id] = new_id("mcptoolu_")
            block: Json = {
                "type": "mcp_tool_use",
                "id": self._uses[call.id],
                "name": call.name,
                "server_name": server,
            }
            yield from self._called(block, _readable(call.arguments))

    def _result(self, call: ToolCall, texts: Sequence[str], error: str | None) -> Iterator[Frame]:
        if self._tool_blocks:
            yield from self._end_text()
            told = texts if error is None else [error]
            yield self._start(
                {
                    "type": "mcp_tool_result",
                    "tool_use_id": self._uses.pop(call.id),
                    "is_error": error is not None,
                    "content": [{"type": "text", "text": text} for text in told],
                }
            )
            yield self._frame("content_block_stop")

    def _finish(self, finished: Finished) -> Iterator[Frame]:
        stop = {"stop_reason": STOP_REASONS[finished.reason], "stop_sequence": None}
        usage = {**_usage(finished.usage), "dropped_citations": finished.dropped_citations}
        marks = {"unsupported": self._unsupported} if self._unsupported else {}
        self.message |= {"content": self._blocks, **stop, "usage": usage, **marks}
        delta = {"type": "message_delta", "delta": stop, "usage": usage, **marks}
        yield Frame(delta, "message_delta")
        yield Frame({"type": "message_stop"}, "message_stop")


def error(problem: Problem) -> Json:
    """Anthropic's envelope."""
    kind = "api_error" if problem.status >= 500 else "invalid_request_error"
    return {
        "type": "error",
        "error": {
            "type": ERROR_TYPES.get(problem.status, kind),
            "message": problem.message,
            "code": problem.id,
        },
    }


def _usage(usage: Usage) -> Json:
    """Anthropic counts what was cached apart."""
    return {
        "input_tokens": max(usage.input_tokens - usage.cached_tokens, 0),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
    }


def _object(arguments: str) -> Json:
    """Raises `UnreadableArguments`."""
    try:
        value: object = json.loads(arguments or "{}")
    except ValueError:
        raise UnreadableArguments from None  # the cause would quote them
    if not isinstance(value, dict):
        raise UnreadableArguments
    return cast(Json, value)


def _readable(arguments: str) -> Json:
    """Nothing where they are none: our own tools have told the model so."""
    try:
        return _object(arguments)
    except UnreadableArguments:
        return {}
