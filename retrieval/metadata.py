"""Metadata of documents: typed values by field, and their form as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from retrieval.store import MetadataValue

MOMENT = "at"  # a moment is an object of one key, so that it cannot be taken for a text
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def as_json(metadata: Mapping[str, MetadataValue]) -> dict[str, Any]:
    """Moments become microseconds since 1970, which compare as numbers do; tuples become lists."""
    return {name: value_as_json(value) for name, value in metadata.items()}


def from_json(stored: Mapping[str, Any]) -> dict[str, MetadataValue]:
    """What `as_json` was given."""
    return {name: value_from_json(value) for name, value in stored.items()}


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def value_as_json(value: MetadataValue) -> Any:
    """One value of `as_json`."""
    if isinstance(value, datetime):
        return {MOMENT: microseconds(value)}
    return list(value) if isinstance(value, tuple) else value


def value_from_json(value: Any) -> MetadataValue:
    """What `value_as_json` was given."""
    if isinstance(value, dict):
        return _EPOCH + cast("dict[str, int]", value)[MOMENT] * _MICROSECOND
    return tuple(cast("list[str]", value)) if isinstance(value, list) else value
