"""Rows to filter in any store, random filters, and an oracle: which rows each lets pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any, cast

from hypothesis import strategies as st

from retrieval.chunk import ChunkCategory
from retrieval.filters import (
    FIELDS,
    OPERATOR_NAMES,
    OPERATORS,
    SECTION_SEPARATOR,
    FieldType,
    Filter,
    parse_filter,
)
from retrieval.store import DocumentVersion, MetadataValue, Store, Vector
from tests.retrieval.stores.makers import NOON, Shelf, make_chunk, make_document, make_vectors

Raw = dict[str, Any]

DECLARED: dict[str, FieldType] = {
    "department": "string",
    "year": "number",
    "draft": "boolean",
    "reviewed": "timestamp",
    "tags": "string_list",
}
TYPES: dict[str, FieldType] = {**{name: one.type for name, one in FIELDS.items()}, **DECLARED}

DAY = timedelta(days=1)
MOMENTS = [NOON - 30 * DAY, NOON, NOON + 30 * DAY]
DOCUMENTS: dict[str, dict[str, MetadataValue]] = {
    "guide.pdf": {
        "department": "hr",
        "year": 2024,
        "draft": True,
        "reviewed": NOON,
        "tags": ("red", "blue"),
    },
    "Guide.pdf": {
        "department": "HR",
        "year": 2024.5,
        "draft": False,
        "reviewed": NOON - 30 * DAY,
        "tags": ("blue",),
    },
    "100%_off.md": {"department": "100%_off.md", "year": -3, "tags": ()},
    "it's.txt": {
        "department": "it's",
        "reviewed": NOON + DAY,
        "tags": ("it's", "100%", "dark red"),
    },
    "übersicht.docx": {"department": "", "year": 0, "draft": False, "tags": ("",)},
    "a/b/c.html": {},
}
PAGES: list[int | None] = [None, 1, 2, 3, 10]
CATEGORIES: list[ChunkCategory] = ["CompositeElement", "TableChunk"]
SECTIONS: list[tuple[str, ...]] = [(), ("Pumps",), ("Pumps", "Safety"), ("100%",)]
SOURCES = ["", "0192e4a7-5c1f-7d8e-9f00-3a2b1c4d5e6f"]


@dataclass(frozen=True)
class Row:
    """A chunk by what it can be filtered by."""

    document: str
    page: int | None
    category: ChunkCategory
    section: tuple[str, ...]
    ingested_at: datetime
    source: str

    @property
    def values(self) -> dict[str, Any]:
        return {
            "item_name": self.document,
            "ingested_timestamp": self.ingested_at,
            "page_number": self.page,
            "chunk_category": self.category,
            "source": self.source,
            "section": SECTION_SEPARATOR.join(self.section),
            **DOCUMENTS[self.document],
        }


def make_rows() -> list[Row]:
    """Every page and category for each document, each of which has the rest of its own."""
    rows: list[Row] = []
    for number, name in enumerate(DOCUMENTS):
        for page, category in product(PAGES, CATEGORIES):
            section = SECTIONS[len(rows) % len(SECTIONS)]
            rows.append(
                Row(name, page, category, section, MOMENTS[number % 3], SOURCES[number % 2])
            )
    return rows


ROWS = make_rows()


@dataclass
class Rows:
    """All the rows in a real store, told apart by their text, which is their number."""

    shelf: Shelf
    vector: Vector

    @classmethod
    async def put(cls, store: Store) -> Rows:
        """Into an index of their own."""
        shelf = await Shelf(store).create()
        for name in DOCUMENTS:
            chunks = [
                replace(
                    make_chunk(
                        f"row {place}", position=place, page=row.page, category=row.category
                    ),
                    section_path=row.section,
                )
                for place, row in enumerate(ROWS)
                if row.document == name
            ]
            await shelf.put(_document(name), chunks)
        return cls(shelf, make_vectors(1, seed=8)[0])

    async def drop(self) -> None:
        await self.shelf.store.drop(self.shelf.scope, self.shelf.index)

    async def matching(self, filters: Filter | None) -> set[int]:
        """The rows that either leg finds, which must be the same."""
        found = await self.shelf.search(
            vector=self.vector, text="row", limit=2 * len(ROWS), filters=filters
        )
        assert found.semantic.keys() == found.lexical.keys()
        stored = await self.shelf.read(list(found.semantic))
        return {int(one.chunk.text.removeprefix("row ")) for one in stored}

    async def passing(self, raw: Raw | None) -> set[int]:
        """The rows that this filter lets pass, as a caller writes it."""
        return await self.matching(parse_filter(raw, DECLARED))


def _document(name: str) -> DocumentVersion:
    row = next(row for row in ROWS if row.document == name)
    return replace(
        make_document(name, ingested_at=row.ingested_at),
        source=row.source,
        metadata=DOCUMENTS[name],
    )


# The oracle: the same grammars, read straight from the JSON and applied to one row in Python.


def oracle(raw: Mapping[str, Any]) -> set[int]:
    """The rows that a filter lets pass."""
    if raw.keys() & {"must", "must_not", "should"}:
        return {n for n, row in enumerate(ROWS) if _passes_clauses(row, raw)}
    return {n for n, row in enumerate(ROWS) if all(_passes_operators(row, raw))}


def _passes_operators(row: Row, raw: Mapping[str, Any]) -> list[bool]:
    """What each operator of the object says of the row."""
    answers: list[bool] = []
    for name, body in raw.items():
        if name in ("and_all", "or_all"):
            parts = [answer for item in body for answer in _passes_operators(row, item)]
            answers.append(all(parts) if name == "and_all" else any(parts))
        else:
            answers.append(_holds(row, body["key"], OPERATOR_NAMES[name], body["value"]))
    return answers


def _passes_clauses(row: Row, raw: Mapping[str, Any]) -> bool:
    def each(name: str) -> list[bool]:
        clauses: list[Raw] = raw.get(name) or []
        return [_holds(row, one["field"], one["operator"], one["value"]) for one in clauses]

    should = each("should")
    return all(each("must")) and not any(each("must_not")) and (not should or any(should))


def _holds(row: Row, field: str, operator: str, value: Any) -> bool:
    has = row.values.get(field)
    if TYPES[field] == "timestamp":
        moment = datetime.fromisoformat(value)
        value = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if operator in ("ne", "not_in"):
        return not _holds_of_one(has, "eq" if operator == "ne" else "in", value)
    return _holds_of_one(has, operator, value)


def _holds_of_one(has: Any, operator: str, value: Any) -> bool:
    if has is None:
        return False
    if isinstance(has, tuple):
        return any(_compare(operator, one, value) for one in cast("tuple[str, ...]", has))
    return _compare(operator, has, value)


def _compare(operator: str, a: Any, b: Any) -> bool:
    match operator:
        case "eq":
            return a == b
        case "in":
            return a in b
        case "contains":
            return b in a
        case "starts_with":
            return a.startswith(b)
        case "gt":
            return a > b
        case "gte":
            return a >= b
        case "lt":
            return a < b
        case _:
            return a <= b


# Random filters, of which most match some rows and not others.

STRINGS = st.sampled_from(
    [
        *(*DOCUMENTS, *CATEGORIES, *SOURCES, "Pumps", "Pumps > Safety", "hr", "HR", "red", "blue"),
        *("it's", "100%", "", "guide", ".pdf", "%", "_", "'", '"', "\\", "nobody", "/b", " > "),
    ]
)
NUMBERS = st.one_of(
    st.sampled_from([1, 2, 3, 10, 2.0, 2.5, 2024, 2024.5, 0, -0.0, -3]),
    st.integers(-4, 12),
    st.floats(-1e6, 1e6),
)
ZONES = [UTC, timezone(timedelta(hours=9)), timezone(-timedelta(hours=3, minutes=30))]
TIMES_AS_WRITTEN = ["2026-03-14", "2026-03-14T12:00:00", "2026-03-14T12:00:00Z", "20260314"]


def _written(moment: datetime, days: int, microseconds: int, zone: timezone) -> str:
    when = moment + days * DAY + timedelta(microseconds=microseconds)
    return when.astimezone(zone).isoformat()


TIMESTAMPS: st.SearchStrategy[str] = st.one_of(
    st.sampled_from(TIMES_AS_WRITTEN),
    st.builds(
        _written,
        st.sampled_from(MOMENTS),
        st.integers(-1, 1),
        st.integers(-1, 1),
        st.sampled_from(ZONES),
    ),
)
VALUES: dict[FieldType, st.SearchStrategy[object]] = {
    "string": STRINGS,
    "number": NUMBERS,
    "boolean": st.booleans(),
    "timestamp": TIMESTAMPS,
    "string_list": STRINGS,
}
SHORT_NAMES = {operator: name for name, operator in OPERATOR_NAMES.items()}


@st.composite
def comparisons(draw: st.DrawFn) -> Raw:
    """One operator object without logic."""
    field = draw(st.sampled_from(list(TYPES)))
    kind = TYPES[field]
    operator = draw(st.sampled_from([one for one in OPERATORS[kind] if one in SHORT_NAMES]))
    return {SHORT_NAMES[operator]: {"key": field, "value": draw(VALUES[kind])}}


def _all_of(parts: list[Raw]) -> Raw:
    return {"and_all": parts}


def _any_of(parts: list[Raw]) -> Raw:
    return {"or_all": parts}


def _side_by_side(one: Raw, other: Raw) -> Raw:
    return {**one, **other}


def _logic(children: st.SearchStrategy[Raw]) -> st.SearchStrategy[Raw]:
    several = st.lists(children, min_size=1, max_size=3)
    return st.one_of(
        st.builds(_all_of, several),
        st.builds(_any_of, several),
        st.builds(_side_by_side, comparisons(), st.builds(_any_of, several)),
        st.builds(_side_by_side, comparisons(), comparisons()),
    )


OPERATOR_OBJECTS = st.recursive(comparisons(), _logic, max_leaves=8)


@st.composite
def clauses(draw: st.DrawFn) -> Raw:
    """One clause of a list."""
    field = draw(st.sampled_from(list(TYPES)))
    kind = TYPES[field]
    operator = draw(st.sampled_from(OPERATORS[kind]))
    value = VALUES[kind]
    many = st.lists(value, max_size=4)
    return {
        "field": field,
        "operator": operator,
        "value": draw(many if operator in ("in", "not_in") else value),
    }


CLAUSE_LISTS = st.fixed_dictionaries(
    {},
    optional={
        name: st.none() | st.lists(clauses(), max_size=3) for name in ("must", "must_not", "should")
    },
)
