"""A response, item by item: the events in the order in which OpenAI sends them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kb.errors import Problem
from kb.gateway.events import (
    Cited,
    Event,
    Finished,
    FunctionCall,
    McpFinished,
    McpStarted,
    McpTools,
    SearchFinished,
    SearchStarted,
    StopReason,
    TextDelta,
    Unsupported,
)
from kb.gateway.turn import Turn
from kb.gateway.wire.ids import new_id
from kb.gateway.wire.responses_body import opened, usage
from kb.gateway.wire.responses_request import SEARCH_RESULTS, ResponsesRequest
from kb.gateway.wire.responses_results import citation, result
from kb.gateway.wire.telling import Frame, Json

INCOMPLETE: dict[StopReason, str] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}

FAILURES = {400: "invalid_prompt", 429: "rate_limit_exceeded"}
"""Of the codes that a failed response may have; `error` says which it is exactly."""


@dataclass(slots=True)
class _Item:
    """One of `output`, as far as it has come."""

    index: int
    body: Json

    @property
    def place(self) -> Json:
        """How events name it."""
        return {"item_id": self.body["id"], "output_index": self.index}


@dataclass(slots=True)
class _Message(_Item):
    """Text that no tool call has interrupted yet."""

    start: int
    """Where in the whole answer it begins; offsets in it count from there."""

    text: list[str] = field(default_factory=list[str])
    annotations: list[Json] = field(default_factory=list[Json])
    unsupported: list[Json] = field(default_factory=list[Json])

    @property
    def part(self) -> Json:
        """Its one part of content."""
        part: Json = {
            "type": "output_text",
            "annotations": list(self.annotations),
            "logprobs": [],
            "text": "".join(self.text),
        }
        return {**part, "unsupported": list(self.unsupported)} if self.unsupported else part

    @property
    def content_place(self) -> Json:
        """How events name that part."""
        return {**self.place, "content_index": 0}


class ResponsesStream:
    """A `Telling`; `response` is as the last event left it."""

    heartbeat = None

    def __init__(self, request: ResponsesRequest, turn: Turn, origin: str) -> None:
        self.response = opened(request, turn)
        self._origin = origin
        self._with_results = SEARCH_RESULTS in (request.include or ())
        self._sequence = 0
        self._length = 0
        self._items: list[_Item] = []
        self._message: _Message | None = None
        self._messages: list[_Message] = []
        self._running: dict[str, _Item] = {}

    def begin(self) -> Iterator[Frame]:
        """The response, with nothing in it."""
        yield self._frame("response.created", response=self._snapshot())
        yield self._frame("response.in_progress", response=self._snapshot())

    def tell(self, event: Event) -> Iterator[Frame]:
        """Anything but text ends the message that is being written."""
        if isinstance(event, TextDelta):
            yield from self._write(event.text)
        elif isinstance(event, Cited):
            yield from self._cite(event)
        elif isinstance(event, Unsupported):
            self._mark(event)
        else:
            cut = isinstance(event, Finished) and event.reason in INCOMPLETE
            yield from self._end_message("incomplete" if cut else "completed")
            if isinstance(event, SearchStarted):
                yield from self._start_search(event)
            elif isinstance(event, SearchFinished):
                yield from self._finish_search(event)
            elif isinstance(event, McpTools):
                yield from self._list_tools(event)
            elif isinstance(event, McpStarted):
                yield from self._start_mcp(event)
            elif isinstance(event, McpFinished):
                yield from self._finish_mcp(event)
            elif isinstance(event, FunctionCall):
                yield from self._call(event)
            else:
                yield self._finish(event)

    def fail(self, problem: Problem) -> Iterator[Frame]:
        """`error` says why, and `response.failed` what there was by then."""
        yield self._frame("error", code=problem.id, message=problem.message, param=None)
        for item in self._items:
            if item.body.get("status") in ("in_progress", "searching"):
                item.body["status"] = "incomplete"
        if self._message is not None:
            self._message.body["content"] = [self._message.part]
        code = FAILURES.get(problem.status, "server_error")
        self.response |= {
            "status": "failed",
            "error": {"code": code, "message": problem.message},
            "output": [item.body for item in self._items],
        }
        yield self._frame("response.failed", response=self._snapshot())

    def body(self) -> Json:
        """All of it; DigitalOcean's clients read its text from one field."""
        parts = [
            part["text"]
            for item in self.response["output"]
            if item["type"] == "message"
            for part in item["content"]
        ]
        return {**self.response, "output_text": "".join(parts)}

    def _frame(self, kind: str, **fields: Any) -> Frame:
        frame = Frame({"type": kind, "sequence_number": self._sequence, **fields}, kind)
        self._sequence += 1
        return frame

    def _snapshot(self) -> Json:
        return dict(self.response)

    def _add(self, item: _Item) -> Frame:
        self._items.append(item)
        return self._frame(
            "response.output_item.added", output_index=item.index, item=dict(item.body)
        )

    def _done(self, item: _Item, **fields: Any) -> Frame:
        item.body |= fields
        return self._frame("response.output_item.done", output_index=item.index, item=item.body)

    def _next(self, prefix: str, kind: str, **fields: Any) -> _Item:
        return _Item(len(self._items), {"id": new_id(prefix), "type": kind, **fields})

    def _write(self, text: str) -> Iterator[Frame]:
        """Of a message after another one, what keeps the two apart is not told."""
        message = self._message
        if message is None:
            told = text if self._length == 0 else text.lstrip("\n")
            self._length += len(text) - len(told)
            text = told
            if not text:
                return
            message = self._message = _Message(
                len(self._items),
                {
                    "id": new_id("msg_"),
                    "type": "message",
                    "status": "in_progress",
                    "content": [],
                    "role": "assistant",
                },
                self._length,
            )
            self._messages.append(message)
            yield self._add(message)
            yield self._frame(
                "response.content_part.added", **message.content_place, part=message.part
            )
        message.text.append(text)
        self._length += len(text)
        yield self._frame(
            "response.output_text.delta", **message.content_place, delta=text, logprobs=[]
        )

    def _cite(self, event: Cited) -> Iterator[Frame]:
        message = self._message
        if message is None:  # before any text there is nothing that could be supported
            return
        for one in event.passages:
            made = citation(self._origin, one, max(event.end - message.start, 0))
            message.annotations.append(made)
            yield self._frame(
                "response.output_text.annotation.added",
                **message.content_place,
                annotation_index=len(message.annotations) - 1,
                annotation=made,
            )

    def _mark(self, event: Unsupported) -> None:
        """In the message that holds the sentence; if that has ended, the last event tells of it."""
        for message in self._messages:
            start, end = event.start - message.start, event.end - message.start
            if 0 <= start < len(message.part["text"]):
                message.unsupported.append({"start_index": start, "end_index": end})
                if message.body["content"]:
                    message.body["content"] = [message.part]

    def _end_message(self, status: str) -> Iterator[Frame]:
        message, self._message = self._message, None
        if message is None:
            return
        part = message.part
        yield self._frame(
            "response.output_text.done", **message.content_place, text=part["text"], logprobs=[]
        )
        yield self._frame("response.content_part.done", **message.content_place, part=part)
        yield self._done(message, status=status, content=[part])

    def _start_search(self, event: SearchStarted) -> Iterator[Frame]:
        item = self._next("fs_", "file_search_call", status="in_progress", queries=[], results=None)
        self._running[event.call.id] = item
        yield self._add(item)
        item.body["status"] = "searching"
        yield self._frame("response.file_search_call.in_progress", **item.place)
        yield self._frame("response.file_search_call.searching", **item.place)

    def _finish_search(self, event: SearchFinished) -> Iterator[Frame]:
        item = self._running.pop(event.call.id)
        queries = list(event.queries)
        if event.error is not None:
            yield self._done(item, status="failed", queries=queries, error=event.error)
            return
        yield self._frame("response.file_search_call.completed", **item.place)
        found = [result(self._origin, one) for one in event.passages]
        results = found if self._with_results else None
        yield self._done(item, status="completed", queries=queries, results=results)

    def _list_tools(self, event: McpTools) -> Iterator[Frame]:
        item = self._next("mcpl_", "mcp_list_tools", server_label=event.label, tools=[])
        yield self._add(item)
        yield self._frame("response.mcp_list_tools.in_progress", **item.place)
        outcome = "completed" if event.error is None else "failed"
        yield self._frame(f"response.mcp_list_tools.{outcome}", **item.place)
        tools = [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": tool.input_schema,
                "annotations": None,
            }
            for tool in event.tools
        ]
        yield self._done(item, tools=tools, error=event.error)

    def _start_mcp(self, event: McpStarted) -> Iterator[Frame]:
        call = event.call
        item = self._next(
            "mcp_",
            "mcp_call",
            status="in_progress",
            approval_request_id=None,
            arguments="",
            error=None,
            name=call.name,
            output=None,
            server_label=event.label,
        )
        self._running[call.id] = item
        yield self._add(item)
        yield self._frame("response.mcp_call.in_progress", **item.place)
        yield from self._arguments("response.mcp_call_arguments", item, call.arguments)

    def _finish_mcp(self, event: McpFinished) -> Iterator[Frame]:
        item = self._running.pop(event.call.id)
        if event.error is None:
            yield self._frame("response.mcp_call.completed", **item.place)
            yield self._done(item, status="completed", output=event.output)
            return
        error = {
            "type": "mcp_tool_execution_error",
            "content": [{"type": "text", "text": event.error}],
        }
        yield self._frame("response.mcp_call.failed", **item.place)
        yield self._done(item, status="failed", error=error)

    def _call(self, event: FunctionCall) -> Iterator[Frame]:
        call = event.call
        item = self._next(
            "fc_",
            "function_call",
            status="in_progress",
            arguments="",
            call_id=call.id,
            name=call.name,
        )
        yield self._add(item)
        yield from self._arguments("response.function_call_arguments", item, call.arguments)
        yield self._done(item, status="completed")

    def _arguments(self, kind: str, item: _Item, arguments: str) -> Iterator[Frame]:
        item.body["arguments"] = arguments
        if arguments:
            yield self._frame(f"{kind}.delta", **item.place, delta=arguments)
        yield self._frame(f"{kind}.done", **item.place, arguments=arguments)

    def _finish(self, finished: Finished) -> Frame:
        reason = INCOMPLETE.get(finished.reason)
        self.response |= {
            "output": [item.body for item in self._items],
            "usage": usage(finished),
            "completed_at": int(time.time()),
        }
        if reason is None:
            self.response["status"] = "completed"
            return self._frame("response.completed", response=self._snapshot())
        self.response |= {"status": "incomplete", "incomplete_details": {"reason": reason}}
        return self._frame("response.incomplete", response=self._snapshot())
