"""A filter tree as a SQL condition: field names from a table, values only as parameters."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from retrieval.filters import Condition, Filter, Group, Operator

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


def compile_filter(filters: Filter | None) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition, true without a filter, and its named parameters."""
    parameters: dict[str, Any] = {}
    return (sql.SQL("true") if filters is None else _compile(filters, parameters)), parameters


def _compile(node: Filter, parameters: dict[str, Any]) -> sql.Composable:
    if isinstance(node, Condition):
        return _comparison(node, parameters)
    return _group(node, parameters)


def _group(group: Group, parameters: dict[str, Any]) -> sql.Composable:
    parts = [_compile(part, parameters) for part in group.parts]
    if group.kind == "all":
        return sql.SQL("({})").format(sql.SQL(" AND ").join(parts)) if parts else sql.SQL("true")
    any_of = sql.SQL("({})").format(sql.SQL(" OR ").join(parts)) if parts else sql.SQL("false")
    return any_of if group.kind == "any" else sql.SQL("NOT {}").format(any_of)


def _comparison(condition: Condition, parameters: dict[str, Any]) -> sql.Composable:
    name = f"filter_{len(parameters)}"
    value = condition.value
    parameters[name] = list(value) if isinstance(value, tuple) else value
    return COMPARISONS[condition.operator].format(
        column=COLUMNS[condition.field.name], value=sql.Placeholder(name)
    )
