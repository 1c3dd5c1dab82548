"""A turn told in one API's format, event by event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kb.errors import Problem
from kb.gateway.events import Event

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event."""

    data: Mapping[str, Any] | str
    """What is sent as JSON, or as it is."""

    event: str | None = None
    """Its name, in the formats that name theirs."""


class Telling(Protocol):
    """One turn, as a stream of one API's events."""

    @property
    def heartbeat(self) -> Frame | None:
        """Sent while nothing else is; an SSE comment unless given."""
        ...

    def begin(self) -> Iterator[Frame]:
        """What comes before all else."""
        ...

    def tell(self, event: Event) -> Iterator[Frame]:
        """What the event is in this format; with `Finished` the stream is whole.

        Raises `UnreadableArguments`.
        """
        ...

    def fail(self, problem: Problem) -> Iterator[Frame]:
        """What says that the turn broke off, and why; nothing follows."""
        ...
