"""Metadata filters: what each grammar means, on real rows, and what is refused with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.filters import (
    FIELDS,
    MAX_CONDITIONS,
    MAX_DEPTH,
    OPERATOR_NAMES,
    OPERATORS,
    Condition,
    Filter,
    Group,
    InvalidFilter,
    parse_filter,
)
from retrieval.postgres import Pool
from retrieval.store import Vector
from retrieval.stores.pgvector import PgVectorStore
from tests.retrieval.stores.makers import (
    NOON,
    Shelf,
    make_chunk,
    make_document,
    make_vectors,
)

Raw = dict[str, Any]

NAMES = ["guide.pdf", "Guide.pdf", "100%_off.md", "it's.txt", "übersicht.docx", "a/b/c.html"]
PAGES: list[int | None] = [None, 1, 2, 3, 10]
CATEGORIES = ["CompositeElement", "TableChunk"]
MOMENTS = [NOON + timedelta(days=days) for days in (-30, 0, 30)]


@dataclass(frozen=True)
class Row:
    item_name: str
    page_number: int | None
    chunk_category: str
    ingested_timestamp: datetime


def make_rows() -> list[Row]:
    """Every page and category for each document; each document arrived at a moment of its own."""
    return [
        Row(name, page, category, MOMENTS[number % 3])
        for number, name in enumerate(NAMES)
        for page, category in product(PAGES, CATEGORIES)
    ]


ROWS = make_rows()


@dataclass
class Rows:
    """All the rows in a real store, told apart by their text, which is their number."""

    shelf: Shelf
    vector: Vector

    async def matching(self, filters: Filter | None) -> set[int]:
        found = await self.shelf.search(
            vector=self.vector, text="row", limit=2 * len(ROWS), filters=filters
        )
        assert found.semantic.keys() == found.lexical.keys()
        stored = await self.shelf.read(list(found.semantic))
        return {int(one.chunk.text.removeprefix("row ")) for one in stored}


@pytest.fixture(scope="module")
async def rows(pool: Pool) -> AsyncIterator[Rows]:
    shelf = await Shelf(PgVectorStore(pool)).create()
    for number, name in enumerate(NAMES):
        chunks = [
            make_chunk(
                f"row {place}",
                position=place,
                page=row.page_number,
                category=cast("Any", row.chunk_category),
            )
            for place, row in enumerate(ROWS)
            if row.item_name == name
        ]
        await shelf.put(make_document(name, ingested_at=MOMENTS[number % 3]), chunks)
    yield Rows(shelf, make_vectors(1, seed=8)[0])
    await shelf.store.drop(shelf.scope, shelf.index)


# The oracle: the same grammars, read straight from the JSON and applied to one row in Python.


def compare(operator: str, a: Any, b: Any) -> bool:
    match operator:
        case "eq" | "ne":
            return (a == b) is (operator == "eq")
        case "in" | "not_in":
            return (a in b) is (operator == "in")
        case "contains":
            return b in a
        case "starts_with":
            return a.startswith(b)
        case _ if a is None:
            return False
        case "gt":
            return a > b
        case "gte":
            return a >= b
        case "lt":
            return a < b
        case _:
            return a <= b


def holds(row: Row, field: str, operator: str, value: object) -> bool:
    if field == "ingested_timestamp":
        moment = datetime.fromisoformat(cast("str", value))
        value = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return compare(operator, getattr(row, field), value)


def passes_operators(row: Row, raw: Mapping[str, Any]) -> list[bool]:
    """What each operator of the object says of the row."""
    answers: list[bool] = []
    for name, body in raw.items():
        if name in ("and_all", "or_all"):
            parts = [answer for item in body for answer in passes_operators(row, item)]
            answers.append(all(parts) if name == "and_all" else any(parts))
        else:
            answers.append(holds(row, body["key"], OPERATOR_NAMES[name], body["value"]))
    return answers


def passes_clauses(row: Row, raw: Mapping[str, Any]) -> bool:
    def each(name: str) -> list[bool]:
        clauses = cast("list[Raw]", raw.get(name) or [])
        return [holds(row, one["field"], one["operator"], one["value"]) for one in clauses]

    should = each("should")
    return all(each("must")) and not any(each("must_not")) and (not should or any(should))


def oracle(raw: Mapping[str, Any]) -> set[int]:
    if raw.keys() & {"must", "must_not", "should"}:
        return {n for n, row in enumerate(ROWS) if passes_clauses(row, raw)}
    return {n for n, row in enumerate(ROWS) if all(passes_operators(row, raw))}


# Random filters, of which most match some rows and not others.

STRINGS = st.sampled_from([*NAMES, *CATEGORIES, "", "guide", ".pdf", "%", "_", "'", "nobody", "/b"])
NUMBERS = st.one_of(
    st.sampled_from([1, 2, 3, 10, 2.0, 2.5]), st.integers(-3, 12), st.floats(-1e6, 1e6)
)
ZONES = [UTC, timezone(timedelta(hours=9)), timezone(-timedelta(hours=3, minutes=30))]
TIMES_AS_WRITTEN = ["2026-03-14", "2026-03-14T12:00:00", "2026-03-14T12:00:00Z", "20260314"]


def written(moment: datetime, days: int, zone: timezone) -> str:
    return (moment + timedelta(days=days)).astimezone(zone).isoformat()


TIMESTAMPS: st.SearchStrategy[str] = st.one_of(
    st.sampled_from(TIMES_AS_WRITTEN),
    st.builds(written, st.sampled_from(MOMENTS), st.integers(-1, 1), st.sampled_from(ZONES)),
)
VALUES: dict[str, st.SearchStrategy[object]] = {
    "string": STRINGS,
    "number": NUMBERS,
    "timestamp": TIMESTAMPS,
}
SHORT_NAMES = {operator: name for name, operator in OPERATOR_NAMES.items()}


@st.composite
def comparisons(draw: st.DrawFn) -> Raw:
    """One operator object without logic."""
    field = draw(st.sampled_from(list(FIELDS)))
    kind = FIELDS[field]
    operator = draw(st.sampled_from([one for one in OPERATORS[kind] if one in SHORT_NAMES]))
    return {SHORT_NAMES[operator]: {"key": field, "value": draw(VALUES[kind])}}


def all_of(parts: list[Raw]) -> Raw:
    return {"and_all": parts}


def any_of(parts: list[Raw]) -> Raw:
    return {"or_all": parts}


def side_by_side(one: Raw, other: Raw) -> Raw:
    return {**one, **other}


def logic(children: st.SearchStrategy[Raw]) -> st.SearchStrategy[Raw]:
    several = st.lists(children, min_size=1, max_size=3)
    return st.one_of(
        st.builds(all_of, several),
        st.builds(any_of, several),
        st.builds(side_by_side, comparisons(), st.builds(any_of, several)),
        st.builds(side_by_side, comparisons(), comparisons()),
    )


OPERATOR_OBJECTS = st.recursive(comparisons(), logic, max_leaves=8)


@st.composite
def clauses(draw: st.DrawFn) -> Raw:
    field = draw(st.sampled_from(list(FIELDS)))
    kind = FIELDS[field]
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


@settings(max_examples=100, deadline=None)
@given(raw=OPERATOR_OBJECTS)
async def test_operator_objects_match_what_they_say(rows: Rows, raw: Raw) -> None:
    assert await rows.matching(parse_filter(raw)) == oracle(raw)


@settings(max_examples=100, deadline=None)
@given(raw=CLAUSE_LISTS)
async def test_clause_lists_match_what_they_say(rows: Rows, raw: Raw) -> None:
    assert await rows.matching(parse_filter(raw)) == oracle(raw)


@pytest.mark.parametrize("raw", [None, {}, {"must": []}, {"must": None, "should": []}])
async def test_no_filter_lets_everything_pass(rows: Rows, raw: Raw | None) -> None:
    assert await rows.matching(parse_filter(raw)) == set(range(len(ROWS)))


async def test_a_page_that_a_chunk_does_not_have_is_no_page(rows: Rows) -> None:
    """Formats without pages: no comparison holds, and every negation does."""
    without = {number for number, row in enumerate(ROWS) if row.page_number is None}

    async def pages(operator: str, value: object) -> set[int]:
        clause = {"field": "page_number", "operator": operator, "value": value}
        return await rows.matching(parse_filter({"must": [clause]}))

    for operator in ("eq", "gt", "gte", "lt", "lte"):
        assert not await pages(operator, 2) & without
    assert not await pages("in", [1, 2, 3]) & without
    assert await pages("ne", 2) >= without
    assert await pages("not_in", [1, 2, 3]) >= without


async def test_whole_and_broken_numbers_may_share_a_list(rows: Rows) -> None:
    clause = {"field": "page_number", "operator": "in", "value": [1, 2.0, 2.5]}
    pages = {ROWS[n].page_number for n in await rows.matching(parse_filter({"must": [clause]}))}
    assert pages == {1, 2}


async def test_names_are_compared_as_they_are_written(rows: Rows) -> None:
    """Case counts, and no character is a wildcard."""

    async def names(operator: str, value: str) -> set[str]:
        clause = {"field": "item_name", "operator": operator, "value": value}
        found = await rows.matching(parse_filter({"must": [clause]}))
        return {ROWS[number].item_name for number in found}

    assert await names("eq", "guide.pdf") == {"guide.pdf"}
    assert await names("contains", "%") == {"100%_off.md"}
    assert await names("contains", "_") == {"100%_off.md"}
    assert await names("starts_with", "G") == {"Guide.pdf"}
    assert await names("contains", "") == set(NAMES)


async def test_a_time_without_a_zone_is_utc(rows: Rows) -> None:
    at_noon = {number for number, row in enumerate(ROWS) if row.ingested_timestamp == NOON}
    for written in ("2026-03-14T12:00:00", "2026-03-14T12:00:00Z", "2026-03-14T21:00:00+09:00"):
        raw = {"equals": {"key": "ingested_timestamp", "value": written}}
        assert await rows.matching(parse_filter(raw)) == at_noon


def test_both_grammars_read_as_the_same_condition() -> None:
    expected = Condition("item_name", "eq", "guide.pdf")
    objects = parse_filter({"equals": {"key": "item_name", "value": "guide.pdf"}})
    clause = {"field": "item_name", "operator": "eq", "value": "guide.pdf"}
    listed = parse_filter({"must": [clause]})
    assert objects == expected
    assert listed == Group("all", (expected,))


# What is refused, and what the message tells the caller to write instead


def equals(key: object, value: object) -> Raw:
    return {"equals": {"key": key, "value": value}}


def must(field: object, operator: object, value: object) -> Raw:
    return {"must": [{"field": field, "operator": operator, "value": value}]}


FIELD_NAMES = "item_name, ingested_timestamp, page_number, chunk_category"
REFUSED: list[tuple[Raw, str]] = [
    ({"equal": {"key": "item_name", "value": "x"}}, "'equal'; valid are equals, not_equals, great"),
    ({"AND_ALL": []}, "Unknown operator 'AND_ALL'; valid are .*and_all, or_all"),
    ({"in": {"key": "page_number", "value": [1]}}, "Unknown operator 'in'; valid are"),
    (equals("author", "x"), f"Unknown field 'author'; valid are {FIELD_NAMES}"),
    (equals(["item_name"], "x"), f"valid are {FIELD_NAMES}"),
    (equals(None, "x"), f"valid are {FIELD_NAMES}"),
    (equals("item_name", 3), "item_name is a string; 3 is not"),
    (equals("item_name", None), "item_name is a string; None is not"),
    (equals("item_name", ["a"]), "item_name is a string"),
    (equals("item_name", "nul\0"), "holds a character that no item_name does"),
    (equals("item_name", "lone \ud800"), "holds a character that no item_name does"),
    (equals("page_number", "3"), "page_number is a number; '3' is not"),
    (equals("page_number", True), "page_number is a number; True is not"),
    (equals("page_number", float("nan")), "number of at most 9007199254740992; nan is not"),
    (equals("page_number", float("-inf")), "number of at most 9007199254740992; -inf is not"),
    (equals("page_number", 10**400), "number of at most 9007199254740992"),
    (equals("ingested_timestamp", "yesterday"), "'yesterday' is no ISO 8601 date or time"),
    (equals("ingested_timestamp", 1700000000), "ingested_timestamp is a timestamp; 1700000000"),
    ({"starts_with": {"key": "page_number", "value": 1}}, "page_number, a number; valid are eq,"),
    ({"greater_than": {"key": "item_name", "value": "a"}}, "item_name, a string; valid are eq,"),
    ({"equals": {"key": "item_name"}}, "equals takes exactly a key and a value"),
    ({"equals": {"key": "item_name", "value": "a", "boost": 2}}, "exactly a key and a value"),
    ({"equals": "item_name"}, "equals takes objects, not 'item_name'"),
    ({"and_all": {"equals": {}}}, "and_all takes a list"),
    ({"and_all": []}, "and_all needs at least one condition"),
    ({"or_all": []}, "or_all needs at least one condition"),
    ({"or_all": [{}]}, "empty object is no condition"),
    ({"or_all": [equals("item_name", "a"), {}]}, "empty object is no condition"),
    ({"and_all": ["item_name"]}, "and_all takes objects, not 'item_name'"),
    ({"and_all": [equals("item_name", "a")], "or_all": [equals("item_name", "b")]}, "side by side"),
    ({"must": [], "filter": []}, "Unknown key 'filter' beside must, must_not and should"),
    ({"must": [], **equals("item_name", "a")}, "Unknown key 'equals' beside must, must_not"),
    ({"must": {"field": "item_name"}}, "must takes a list"),
    ({"must": {}}, "must takes a list"),
    ({"must": ""}, "must takes a list"),
    ({"must": False}, "must takes a list"),
    ({"should": 0}, "should takes a list"),
    ({"must_not": ["item_name"]}, "must_not takes objects, not 'item_name'"),
    (
        {"must": [equals("item_name", "a")]},
        "must takes exactly a field, operator and value",
    ),
    (must("author", "eq", "x"), f"Unknown field 'author'; valid are {FIELD_NAMES}"),
    (must("item_name", "equals", "x"), "valid are eq, ne, in, not_in, contains, starts_with"),
    (must("item_name", ["eq"], "x"), "does not apply to item_name"),
    (must("item_name", "gt", "x"), "'gt' does not apply to item_name, a string"),
    (must("ingested_timestamp", "in", ["2026-01-01"]), "valid are eq, ne, gt, gte, lt, lte"),
    (must("item_name", "in", "guide.pdf"), "in takes a list, not 'guide.pdf'"),
    (must("item_name", "eq", ["guide.pdf"]), "item_name is a string"),
    (must("page_number", "in", [1, "2"]), "page_number is a number; '2' is not"),
    (must("page_number", "in", [[1]]), "page_number is a number"),
]


@pytest.mark.parametrize(("raw", "message"), REFUSED)
def test_what_makes_no_sense_is_refused_with_what_would(raw: Raw, message: str) -> None:
    with pytest.raises(InvalidFilter, match=message):
        parse_filter(raw)


def nested(levels: int) -> Raw:
    raw = equals("item_name", "guide.pdf")
    for level in range(levels):
        raw = {("and_all", "or_all")[level % 2]: [raw]}
    return raw


async def test_nesting_is_followed_to_its_limit_and_no_further(rows: Rows) -> None:
    deepest = nested(MAX_DEPTH)
    assert await rows.matching(parse_filter(deepest)) == oracle(deepest)
    for levels in (MAX_DEPTH + 1, 5_000):
        with pytest.raises(InvalidFilter, match=f"more than {MAX_DEPTH} deep"):
            parse_filter(nested(levels))


async def test_conditions_are_counted_wherever_they_stand(rows: Rows) -> None:
    def many(count: int) -> list[Raw]:
        return [equals("item_name", str(number)) for number in range(count)]

    most = {"or_all": [*many(MAX_CONDITIONS - 1), equals("item_name", "guide.pdf")]}
    assert await rows.matching(parse_filter(most)) == oracle(most)
    one = {"field": "item_name", "operator": "eq", "value": "a"}
    half = MAX_CONDITIONS // 2
    for raw in (
        {"or_all": many(MAX_CONDITIONS + 1)},
        {"and_all": [{"or_all": many(half)}, {"or_all": many(half)}, *many(1)]},
        {"must": [one] * half, "must_not": [one] * half, "should": [one]},
    ):
        with pytest.raises(InvalidFilter, match=f"more than {MAX_CONDITIONS} conditions"):
            parse_filter(raw)


def test_garbage_is_refused_or_read_but_never_crashes() -> None:
    """Anything that JSON can say, with the names of the grammars sprinkled in."""
    random = Random(11)
    names = [*OPERATOR_NAMES, "and_all", "or_all", "must", "should", "key", "value", *FIELDS, "x"]

    def garbage(depth: int) -> Any:
        leaves: list[Any] = [None, True, 3, 2.5, "item_name", "eq", "", "guide.pdf"]
        kind = random.randrange(3 if depth else 1)
        if kind == 0:
            return random.choice(leaves)
        if kind == 1:
            return [garbage(depth - 1) for _ in range(random.randrange(3))]
        return {random.choice(names): garbage(depth - 1) for _ in range(random.randrange(1, 4))}

    for _ in range(3_000):
        with suppress(InvalidFilter):
            parse_filter({random.choice(names): garbage(3)})
