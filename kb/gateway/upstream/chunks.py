"""The chunks of a streamed chat completion, put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from kb.gateway.completion import RoundFinished, RoundReason
from kb.gateway.events import Usage
from kb.gateway.turn import ToolCall
from kb.gateway.upstream.errors import BrokenStream
from kb.gateway.upstream.thoughts import Thoughts

MAX_ARGUMENTS = 4 * 1024 * 1024  # characters of all calls of a round: they are held, text is not

_REASONS: dict[str, RoundReason] = {"length": "length", "content_filter": "content_filter"}
_FAILED = frozenset({"error", "abort"})


class _Read(BaseModel):
    """What is read of a chunk. What it holds is in no error message."""

    model_config = ConfigDict(hide_input_in_errors=True)


class _Function(_Read):
    name: str | None = None
    arguments: str | None = None


class _Fragment(_Read):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(_Read):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Fragment] | None = None


class _Choice(_Read):
    index: int | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Details(_Read):
    cached_tokens: int | None = None


class _Usage(_Read):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


class _Chunk(_Read):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: dict[str, Any] | str | None = None


class StreamedError(Exception):
    """The chunk is an error, as servers send once they have answered 200."""


@dataclass(slots=True)
class _Call:
    """A call whose arguments are still coming."""

    id: str
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])

    def whole(self) -> ToolCall:
        return ToolCall(id=self.id, name=self.name, arguments="".join(self.arguments))


class Round:
    """An answer under way. Reasoning is left out, in `reasoning_content` as in `<think>`."""

    def __init__(self) -> None:
        self._thoughts = Thoughts()
        self._calls: list[_Call] = []
        self._open: dict[int, _Call] = {}
        self._size = 0
        self._reason: str | None = None
        self._usage: _Usage | None = None

    def read(self, data: str) -> str:
        """What an event adds to the text. Raises StreamedError and BrokenStream."""
        try:
            chunk = _Chunk.model_validate_json(data)
        except ValidationError as exc:
            raise BrokenStream("A part of it is no chat completion chunk.") from exc
        if chunk.error is not None:
            raise StreamedError
        self._usage = chunk.usage or self._usage
        choices = chunk.choices or []
        return "".join(self._choice(one) for one in choices if not one.index)

    @property
    def complete(self) -> bool:
        """Whether the model has said why it stopped."""
        return self._reason is not None

    def rest(self) -> str:
        """Text that was held back, at the end."""
        return self._thoughts.rest()

    def finished(self) -> RoundFinished:
        """How it ended. Raises BrokenStream where it did not end well."""
        if self._reason in _FAILED:
            raise BrokenStream(f"Its reason to stop is {self._reason!r}.")
        if any(not call.name for call in self._calls):
            raise BrokenStream("It calls a function without a name.")
        return RoundFinished(
            reason=_REASONS.get(self._reason or "", "stop"),
            calls=tuple(one.whole() for one in self._calls),
            usage=self._counted(),
        )

    def _choice(self, choice: _Choice) -> str:
        self._reason = choice.finish_reason or self._reason
        if choice.delta is None:
            return ""
        for fragment in choice.delta.tool_calls or ():
            self._add(fragment.index or 0, fragment.id, fragment.function or _Function())
        return self._thoughts.text(choice.delta.content or choice.delta.refusal or "")

    def _add(self, index: int, call_id: str | None, function: _Function) -> None:
        call = self._open.get(index)
        # Some servers give each call the index 0, and tell them apart by their ids.
        if call is None or (call_id and function.name and call_id != call.id):
            call = self._open[index] = _Call(call_id or f"call_{uuid4().hex}")
            self._calls.append(call)
        call.name = call.name or function.name or ""
        if function.arguments:
            self._size += len(function.arguments)
            if self._size > MAX_ARGUMENTS:
                raise BrokenStream(f"It calls functions with more than {MAX_ARGUMENTS} characters.")
            call.arguments.append(function.arguments)

    def _counted(self) -> Usage:
        """Zero where the server does not count."""
        if self._usage is None:
            return Usage()
        details = self._usage.prompt_tokens_details
        return Usage(
            input_tokens=self._usage.prompt_tokens or 0,
            output_tokens=self._usage.completion_tokens or 0,
            cached_tokens=(details and details.cached_tokens) or 0,
        )
