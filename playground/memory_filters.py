"""A filter tree as a question to a chunk in memory, with the meaning that the stores give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any

from retrieval.built_in_fields import built_in_fields
from retrieval.chunk import Chunk
from retrieval.filters import Condition, Filter, Group, Operator
from retrieval.store import DocumentVersion, MetadataValue

_ORDERS: Mapping[Operator, Callable[[Any, Any], bool]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}

Held = MetadataValue | None


def passes(node: Filter, chunk: Chunk, document: DocumentVersion) -> bool:
    """Whether a chunk of the document is among what the filter asks for."""
    if isinstance(node, Group):
        parts = (passes(part, chunk, document) for part in node.parts)
        match node.kind:
            case "all":
                return all(parts)
            case "any":
                return any(parts)
            case "none":
                return not any(parts)
    return _holds(node, _value(node.field.name, chunk, document, node.field.is_metadata))


def _value(name: str, chunk: Chunk, document: DocumentVersion, is_metadata: bool) -> Held:
    if is_metadata:
        return document.metadata.get(name)
    return built_in_fields(document, chunk)[name]


def _holds(condition: Condition, held: Held) -> bool:
    """What lacks the field passes `ne` and `not_in`, and nothing else."""
    operator, wanted = condition.operator, condition.value
    values = held if isinstance(held, tuple) else () if held is None else (held,)
    among = wanted if isinstance(wanted, tuple) else (wanted,)
    match operator:
        case "eq" | "in":
            return any(one in among for one in values)
        case "ne" | "not_in":
            return not any(one in among for one in values)
        case "contains":
            return any(isinstance(one, str) and str(wanted) in one for one in values)
        case "starts_with":
            return any(isinstance(one, str) and one.startswith(str(wanted)) for one in values)
        case _:
            return any(_ORDERS[operator](one, wanted) for one in values)
