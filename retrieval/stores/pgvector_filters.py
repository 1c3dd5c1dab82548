"""A filter tree as a SQL condition: built-in fields from a table, all else only as parameters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from retrieval.filters import Condition, Field, Filter, Group, Operator, Value
from retrieval.metadata import MOMENT, microseconds, value_as_json

COLUMNS = {
    "item_name": sql.Identifier("item_name"),
    "ingested_timestamp": sql.Identifier("ingested_at"),
    "page_number": sql.Identifier("page"),
    "chunk_category": sql.Identifier("category"),
    "source": sql.Identifier("source"),
    "section": sql.Identifier("section"),
}
# A comparison with a missing value is false, and its negation true.
COMPARISONS: dict[Operator, sql.SQL] = {
    "eq": sql.SQL("{column} IS NOT DISTINCT FROM {value}"),
    "ne": sql.SQL("{column} IS DISTINCT FROM {value}"),
    "gt": sql.SQL("coalesce({column} > {value}, false)"),
    "gte": sql.SQL("coalesce({column} >= {value}, false)"),
    "lt": sql.SQL("coalesce({column} < {value}, false)"),
    "lte": sql.SQL("coalesce({column} <= {value}, false)"),
    "in": sql.SQL("coalesce({column} = ANY({value}), false)"),
    "not_in": sql.SQL("NOT coalesce({column} = ANY({value}), false)"),
    "contains": sql.SQL("coalesce(strpos({column}, {value}) > 0, false)"),
    "starts_with": sql.SQL("coalesce(starts_with({column}, {value}), false)"),
}
# Declared fields are keys of one column. What is equal is contained, of lists each value, and an
# index finds it. Until a document is indexed again, what it has there may be of a former type.
METADATA_EQUALITY: dict[Operator, sql.SQL] = {
    "eq": sql.SQL("metadata @> {value}::jsonb"),
    "ne": sql.SQL("NOT metadata @> {value}::jsonb"),
    "in": sql.SQL("metadata @> ANY({value}::jsonb[])"),
    "not_in": sql.SQL("NOT metadata @> ANY({value}::jsonb[])"),
}
METADATA_ORDER = sql.SQL(
    "CASE jsonb_typeof(metadata #> {path}::text[]) WHEN 'number'"
    " THEN (metadata #> {path}::text[])::numeric {operator} {value} ELSE false END"
)
ORDERS: dict[Operator, sql.SQL] = {
    "gt": sql.SQL(">"),
    "gte": sql.SQL(">="),
    "lt": sql.SQL("<"),
    "lte": sql.SQL("<="),
}
METADATA_TEXT = sql.SQL(
    "EXISTS (SELECT FROM jsonb_array_elements("
    "CASE jsonb_typeof(metadata #> {path}::text[]) WHEN 'array' THEN metadata #> {path}::text[]"
    " ELSE jsonb_build_array(metadata #> {path}::text[]) END"
    ") AS one (value) WHERE jsonb_typeof(one.value) = 'string' AND {test})"
)
TESTS: dict[Operator, sql.SQL] = {
    "contains": sql.SQL("strpos(one.value #>> '{{}}', {value}) > 0"),
    "starts_with": sql.SQL("starts_with(one.value #>> '{{}}', {value})"),
}


def compile_filter(filters: Filter | None) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition, true without a filter, and its named parameters."""
    compiler = _Compiler()
    return (sql.SQL("true") if filters is None else compiler.compile(filters)), compiler.parameters


class _Compiler:
    """Collects the parameters of the condition it makes."""

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}

    def compile(self, node: Filter) -> sql.Composable:
        if isinstance(node, Group):
            return self._group(node)
        return self._metadata(node) if node.field.is_metadata else self._built_in(node)

    def _group(self, group: Group) -> sql.Composable:
        parts = [self.compile(part) for part in group.parts]
        if group.kind == "all":
            both = sql.SQL("({})").format(sql.SQL(" AND ").join(parts))
            return both if parts else sql.SQL("true")
        any_of = sql.SQL("({})").format(sql.SQL(" OR ").join(parts)) if parts else sql.SQL("false")
        return any_of if group.kind == "any" else sql.SQL("NOT {}").format(any_of)

    def _built_in(self, condition: Condition) -> sql.Composable:
        value = condition.value
        return COMPARISONS[condition.operator].format(
            column=COLUMNS[condition.field.name],
            value=self._parameter(list(value) if isinstance(value, tuple) else value),
        )

    def _metadata(self, condition: Condition) -> sql.Composable:
        field, operator, value = condition.field, condition.operator, condition.value
        if operator in METADATA_EQUALITY:
            same = (
                [_containing(field, one) for one in value]
                if isinstance(value, tuple)
                else _containing(field, value)
            )
            return METADATA_EQUALITY[operator].format(value=self._parameter(same))
        if operator in ORDERS:
            is_moment = isinstance(value, datetime)
            return METADATA_ORDER.format(
                path=self._parameter([field.name, MOMENT] if is_moment else [field.name]),
                operator=ORDERS[operator],
                value=self._parameter(microseconds(value) if is_moment else value),
            )
        return METADATA_TEXT.format(
            path=self._parameter([field.name]),
            test=TESTS[operator].format(value=self._parameter(value)),
        )

    def _parameter(self, value: object) -> sql.Placeholder:
        name = f"filter_{len(self.parameters)}"
        self.parameters[name] = value
        return sql.Placeholder(name)


def _containing(field: Field, value: Value) -> Jsonb:
    """The least metadata that has this value."""
    stored = value_as_json(value)
    return Jsonb({field.name: [stored] if field.type == "string_list" else stored})
