"""What every data source looks like from above: items that are new, unchanged or unreadable."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ingest.errors import IngestError

Memory = Mapping[str, Any]
"""What a source wants to know of an item at the next sync, such as its ETag; kept as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An item that is new or may have changed; its bytes decide which."""

    key: str
    """What the source knows it by: the same at every sync, and unique within the source."""
    item_name: str
    """What people know it by: a URL, a path, a file name; unique within one sync."""
    memory: Memory
    size: int | None
    """In bytes, where the source tells before the item is read."""
    read: Callable[[], AsyncIterator[bytes]]
    """Its bytes in parts; raises an `IngestError` where it cannot be read after all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """An item that is as it was remembered."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An item that is there and cannot be read now: what is known of it stays."""

    key: str
    error: IngestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An item that is no document, such as a page that robots.txt forbids, with the reason."""

    key: str
    error: IngestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Incomplete:
    """There is more than was looked at, so an item that was not seen may still be there."""

    error: IngestError


SourceItem = Found | Unchanged | Failed | Skipped | Incomplete


class Source(Protocol):
    """A place that documents come from."""

    def items(self, known: Mapping[str, Memory]) -> AsyncGenerator[SourceItem]:
        """Everything that is there now, each key once; `known` are the memories by key.

        What is not among the items when the generator ends is gone from the source. Raises an
        `IngestError` where the source itself cannot be read; then nothing is known to be gone.
        """
        ...
