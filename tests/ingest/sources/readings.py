"""What a source has, and what a sync would remember of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ingest.sources.source import (
    Failed,
    Found,
    Incomplete,
    Memory,
    Skipped,
    Source,
    SourceItem,
    Unchanged,
)


async def items(source: Source, known: Mapping[str, Memory] | None = None) -> list[SourceItem]:
    found = [item async for item in source.items(known or {})]
    keys = [item.key for item in found if not isinstance(item, Incomplete)]
    assert len(set(keys)) == len(keys)
    return found


async def body(item: SourceItem) -> bytes:
    assert isinstance(item, Found)
    return b"".join([part async for part in item.read()])


def found(some: Sequence[SourceItem]) -> list[str]:
    return [item.key for item in some if isinstance(item, Found)]


def unchanged(some: Sequence[SourceItem]) -> list[str]:
    return [item.key for item in some if isinstance(item, Unchanged)]


def errors(some: Sequence[SourceItem], kind: type[Failed] | type[Skipped]) -> dict[str, type]:
    return {item.key: type(item.error) for item in some if isinstance(item, kind)}


def incomplete(some: Sequence[SourceItem]) -> list[type]:
    return [type(item.error) for item in some if isinstance(item, Incomplete)]


def memories(some: Sequence[SourceItem]) -> dict[str, Memory]:
    """As they come back from where they were kept."""
    return json.loads(json.dumps({one.key: one.memory for one in some if isinstance(one, Found)}))
