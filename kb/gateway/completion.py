"""One round with a model's server, as the tool loop sees it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from kb.gateway.events import Usage
from kb.gateway.turn import FunctionTool, Message, ToolCall, ToolChoice

RoundReason = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What goes to the server."""

    model: str
    messages: tuple[Message, ...]
    functions: tuple[FunctionTool, ...] = ()
    choice: ToolChoice = field(default_factory=ToolChoice)
    """What is `named` is one of the functions here."""

    parallel_tool_calls: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFinished:
    """The last part of a round."""

    reason: RoundReason
    calls: tuple[ToolCall, ...] = ()
    """What the model wants run, whatever the reason: some servers say `stop` with calls."""

    usage: Usage = field(default_factory=Usage)


Part = TextPart | RoundFinished


class Complete(Protocol):
    """Asks a model. Closing the generator ends the request at the server, too.

    Raises what `kb.gateway.upstream.errors` names.
    """

    def __call__(self, asked: Asked) -> AsyncGenerator[Part]: ...
