"""What happens during a turn, in order; each wire format tells it its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kb.gateway.turn import ToolCall
from retrieval.passage import Passage

StopReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedPassage:
    """A passage under the number by which the model cites it."""

    number: int
    """From 1, through all searches of the turn; a passage found again keeps its number."""

    passage: Passage
    flags: tuple[str, ...] = ()
    """What in it looks like an instruction to the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """More of the answer, without citation markers."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """Passages that the text so far ends on a citation of."""

    passages: tuple[NumberedPassage, ...]
    start: int
    end: int
    """Characters of the answer that they support: the sentence, or what of it follows the last
    citation. `end` is how long the answer is so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """With strict grounding: a sentence that no passage supports."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchStarted:
    """The model searches knowledge bases."""

    call: ToolCall
    queries: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFinished:
    """What a search found; with `error`, why it found nothing."""

    call: ToolCall
    queries: tuple[str, ...]
    passages: tuple[NumberedPassage, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTools:
    """What a remote server offers, or why it does not."""

    label: str
    tools: Sequence[McpToolEntry] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class McpToolEntry:
    """One tool of a remote server."""

    name: str
    description: str
    input_schema: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class McpStarted:
    """The model calls a remote server's tool."""

    call: ToolCall
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class McpFinished:
    """What came of it."""

    call: ToolCall
    label: str
    output: str = ""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCall:
    """A call that the caller must run, whole; the turn ends after the last one."""

    call: ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens, summed over rounds."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Of `input_tokens`, those that the model's server had kept."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The last event of a turn that nothing broke off."""

    reason: StopReason
    usage: Usage
    rounds: int
    dropped_citations: int = 0
    """Markers that named no passage."""


Event = (
    TextDelta
    | Cited
    | Unsupported
    | SearchStarted
    | SearchFinished
    | McpTools
    | McpStarted
    | McpFinished
    | FunctionCall
    | Finished
)
