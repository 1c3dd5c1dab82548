"""Metadata of documents: typed values by field, and their form as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from retrieval.store import MetadataValue

MOMENT = "at"  # a moment is an object of one key, so that it cannot be taken for a text


def as_json(metadata: Mapping[str, MetadataValue]) -> dict[str, Any]:
    """Moments become microseconds since 1970, which compare as numbers do; tuples become lists."""
    return {name: _as_json(value) for name, value in metadata.items()}


def from_json(stored: Mapping[str, Any]) -> dict[str, MetadataValue]:
    """What `as_json` was given."""
    return {name: _from_json(value) for name, value in stored.items()}


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return round(moment.timestamp() * 1_000_000)


def _as_json(value: MetadataValue) -> Any:
    if isinstance(value, datetime):
        return {MOMENT: microseconds(value)}
    return list(value) if isinstance(value, tuple) else value


def _from_json(value: Any) -> MetadataValue:
    if isinstance(value, dict):
        moment = cast("dict[str, int]", value)[MOMENT]
        return datetime.fromtimestamp(moment / 1_000_000, UTC)
    return tuple(cast("list[str]", value)) if isinstance(value, list) else value
