"""Tools whose calls are run here and not handed to the caller."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kb.gateway.events import Event
from kb.gateway.turn import FunctionTool, ToolCall

MAX_ARGUMENTS = 256 * 1024  # characters of one call

Tell = Callable[[], tuple[Event, str]]
"""What became of a call, for the caller and for the model. Called in the order of the calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A call that may be run."""

    started: Event
    run: Callable[[], Coroutine[Any, Any, Tell]]
    """Does it, maybe beside others. What goes wrong is told like any other outcome."""


class OwnTool(Protocol):
    """Something that the model may call."""

    @property
    def functions(self) -> Sequence[FunctionTool]:
        """What the model is offered."""
        ...

    def claim(self, call: ToolCall) -> Work | str:
        """What there is to do, or in words for the model why nothing is done."""
        ...
