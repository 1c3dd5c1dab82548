"""Metadata filters: two grammars in, one tree out. A bad filter is an error, never ignored.

Operator objects, as DigitalOcean's API takes them:
    {"and_all": [{"equals": {"key": "item_name", "value": "guide.pdf"}},
                 {"greater_than": {"key": "page_number", "value": 3}}]}
Clause lists, as its Python SDK types them:
    {"must": [{"field": "item_name", "operator": "eq", "value": "guide.pdf"}]}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from retrieval.errors import RetrievalError

Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "contains", "starts_with"]
FieldType = Literal["string", "number", "boolean", "timestamp", "string_list"]
Value = str | float | bool | datetime


@dataclass(frozen=True, slots=True)
class Field:
    """Something to filter by: built in, or declared in a knowledge base's metadata schema."""

    name: str
    type: FieldType
    is_metadata: bool = False


FIELDS = {
    field.name: field
    for field in (
        Field("item_name", "string"),
        Field("ingested_timestamp", "timestamp"),
        Field("page_number", "number"),
        Field("chunk_category", "string"),
        Field("source", "string"),
        Field("section", "string"),
    )
}
"""The built-in ones. `source` is the data source's id, `section` the section path, its titles
joined by `SECTION_SEPARATOR`."""
SECTION_SEPARATOR = " > "
OPERATORS: dict[FieldType, tuple[Operator, ...]] = {
    "string": ("eq", "ne", "in", "not_in", "contains", "starts_with"),
    "number": ("eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in"),
    "boolean": ("eq", "ne"),
    "timestamp": ("eq", "ne", "gt", "gte", "lt", "lte"),
    # `eq` and `in` ask whether one of the list's strings is it, `contains` whether one holds it.
    "string_list": ("eq", "ne", "in", "not_in", "contains", "starts_with"),
}
OPERATOR_NAMES: dict[str, Operator] = {
    "equals": "eq",
    "not_equals": "ne",
    "greater_than": "gt",
    "greater_than_or_equals": "gte",
    "less_than": "lt",
    "less_than_or_equals": "lte",
    "starts_with": "starts_with",
}
MAX_DEPTH = 10
MAX_CONDITIONS = 100
MAX_NUMBER = 2**53  # past it, JSON readers no longer agree on whole numbers
UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # no text that was ever indexed holds these


class InvalidFilter(RetrievalError):
    """The filter is not one this service understands, so nothing was searched."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a field with a value of its type (a list for in and not_in).

    What lacks the field matches `ne` and `not_in`, and nothing else.
    """

    field: Field
    operator: Operator
    value: Value | tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """All, any or none of its parts. Empty, `any` matches nothing, `all` and `none` everything."""

    kind: Literal["all", "any", "none"]
    parts: tuple[Filter, ...]


Filter = Condition | Group


def parse_filter(
    raw: Mapping[str, object] | None, metadata: Mapping[str, FieldType] | None = None
) -> Filter | None:
    """Read either grammar; nothing and an empty object mean no filter.

    `metadata` holds the fields that the knowledge base declares, by name.

    Raises:
        InvalidFilter: an unknown key, field or operator, or a value of the wrong type. The message
            names what is valid there.
    """
    if not raw:
        return None
    declared = {name: Field(name, kind, True) for name, kind in (metadata or {}).items()}
    parser = _Parser({**declared, **FIELDS})
    parsed = parser.clauses(raw) if raw.keys() & {"must", "must_not", "should"} else parser.all(raw)
    if _size(parsed) > MAX_CONDITIONS:
        raise InvalidFilter(f"It has more than {MAX_CONDITIONS} conditions.")
    return parsed


@dataclass(frozen=True, slots=True)
class _Parser:
    """Reads filters by these fields."""

    fields: Mapping[str, Field]

    def all(self, raw: Mapping[str, object]) -> Filter:
        parts = self._operators(raw, depth=0)
        return parts[0] if len(parts) == 1 else Group("all", tuple(parts))

    def _operators(self, raw: Mapping[str, object], depth: int) -> list[Filter]:
        """Each operator of the object is a condition of its own under the enclosing logic."""
        if depth > MAX_DEPTH:
            raise InvalidFilter(f"It is nested more than {MAX_DEPTH} deep.")
        if not raw:
            raise InvalidFilter("An empty object is no condition.")
        if {"and_all", "or_all"} <= raw.keys():
            raise InvalidFilter(
                "and_all and or_all cannot stand side by side; nest one in the other."
            )
        return [self._operator(name, body, depth) for name, body in raw.items()]

    def _operator(self, name: str, body: object, depth: int) -> Filter:
        if name in ("and_all", "or_all"):
            parts = [
                part
                for item in _list(name, body)
                for part in self._operators(_object(name, item), depth + 1)
            ]
            if not parts:
                raise InvalidFilter(f"{name} needs at least one condition.")
            return Group("all" if name == "and_all" else "any", tuple(parts))
        if name not in OPERATOR_NAMES:
            valid = ", ".join([*OPERATOR_NAMES, "and_all", "or_all"])
            raise InvalidFilter(f"Unknown operator {name!r}; valid are {valid}.")
        comparison = _object(name, body)
        if set(comparison) != {"key", "value"}:
            raise InvalidFilter(f"{name} takes exactly a key and a value.")
        return self._condition(comparison["key"], OPERATOR_NAMES[name], comparison["value"])

    def clauses(self, raw: Mapping[str, object]) -> Filter:
        kinds: dict[str, Literal["all", "any", "none"]] = {
            "must": "all",
            "must_not": "none",
            "should": "any",
        }
        if unknown := raw.keys() - kinds.keys():
            raise InvalidFilter(f"Unknown key {min(unknown)!r} beside must, must_not and should.")
        groups: list[Filter] = [
            Group(kinds[name], tuple(self._clause(name, item) for item in _list(name, body)))
            for name, body in raw.items()
            # The SDK sends empty and null lists for clauses that were not given.
            if body is not None and _list(name, body)
        ]
        return groups[0] if len(groups) == 1 else Group("all", tuple(groups))

    def _clause(self, name: str, item: object) -> Condition:
        clause = _object(name, item)
        if set(clause) != {"field", "operator", "value"}:
            raise InvalidFilter(f"Each clause of {name} takes exactly a field, operator and value.")
        return self._condition(clause["field"], clause["operator"], clause["value"])

    def _condition(self, field: object, operator: object, value: object) -> Condition:
        if not isinstance(field, str) or field not in self.fields:
            raise InvalidFilter(f"Unknown field {field!r}; valid are {', '.join(self.fields)}.")
        known = self.fields[field]
        valid = OPERATORS[known.type]
        if operator not in valid:
            raise InvalidFilter(
                f"{operator!r} does not apply to {field}, a {known.type};"
                f" valid are {', '.join(valid)}."
            )
        if operator in ("in", "not_in"):
            values = tuple(_value(known, item) for item in _list(str(operator), value))
            return Condition(known, operator, values)
        return Condition(known, cast("Operator", operator), _value(known, value))


def _value(field: Field, value: object) -> Value:
    match field.type, value:
        case (("string" | "string_list"), str()):
            if UNSTORABLE.search(value):
                raise InvalidFilter(f"{value!r} holds a character that no {field.name} does.")
            return value
        case "boolean", bool():
            return value
        case "number", (int() | float()) if not isinstance(value, bool):
            if abs(value) <= MAX_NUMBER:  # false for NaN too
                return float(value)
            raise InvalidFilter(
                f"{field.name} is a number of at most {MAX_NUMBER}; {value!r} is not."
            )
        case "timestamp", str():
            return _moment(field, value)
        case _:
            raise InvalidFilter(f"{field.name} is a {field.type}; {value!r} is not.")


def _moment(field: Field, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as exc:
        raise InvalidFilter(f"{value!r} is no ISO 8601 date or time for {field.name}.") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _object(name: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidFilter(f"{name} takes objects, not {value!r}.")
    return cast("Mapping[str, object]", value)


def _list(name: str, value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple):
        raise InvalidFilter(f"{name} takes a list, not {value!r}.")
    return cast("Sequence[object]", value)


def _size(parsed: Filter) -> int:
    return 1 if isinstance(parsed, Condition) else sum(_size(part) for part in parsed.parts)
