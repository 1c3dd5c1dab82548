"""A filter tree as a Weaviate filter on the facts of chunks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from weaviate.classes.query import Filter as Where
from weaviate.classes.query import FilterReturn

from retrieval.filters import Condition, Filter, Value
from retrieval.stores.weaviate_facts import beyond, equal, pattern


def compile_filter(filters: Filter | None) -> FilterReturn | bool:
    """The filter, or what it comes to where that is the same for every chunk."""
    return True if filters is None else _compile(filters)


def _compile(node: Filter) -> FilterReturn | bool:
    if isinstance(node, Condition):
        return _comparison(node)
    parts = [_compile(part) for part in node.parts]
    if node.kind == "all":
        return _all_of(parts)
    return _any_of(parts) if node.kind == "any" else _not(_any_of(parts))


def _all_of(parts: Sequence[FilterReturn | bool]) -> FilterReturn | bool:
    filters = [part for part in parts if not isinstance(part, bool)]
    if len(filters) + parts.count(True) < len(parts):
        return False
    return Where.all_of(filters) if filters else True


def _any_of(parts: Sequence[FilterReturn | bool]) -> FilterReturn | bool:
    filters = [part for part in parts if not isinstance(part, bool)]
    if len(filters) + parts.count(False) < len(parts):
        return True
    return Where.any_of(filters) if filters else False


def _not(part: FilterReturn | bool) -> FilterReturn | bool:
    return not part if isinstance(part, bool) else Where.not_(part)


def _comparison(condition: Condition) -> FilterReturn | bool:
    field, value = condition.field, condition.value
    match condition.operator:
        case "eq":
            return _one_of([equal(field, cast("Value", value))])
        case "ne":
            return _not(_one_of([equal(field, cast("Value", value))]))
        case "in":
            return _one_of([equal(field, one) for one in cast("tuple[Value, ...]", value)])
        case "not_in":
            return _not(_one_of([equal(field, one) for one in cast("tuple[Value, ...]", value)]))
        case ("contains" | "starts_with") as operator:
            looks_like = pattern(field, operator, cast("str", value))
            return Where.by_property("facts").like(looks_like)
        case operator:
            return _one_of(beyond(field, operator, cast("float | datetime", value)))


def _one_of(facts: Sequence[str]) -> FilterReturn | bool:
    """True of what has one of these facts."""
    return Where.by_property("facts").contains_any(facts) if facts else False
