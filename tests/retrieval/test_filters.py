"""Metadata filters: what each grammar means, on real rows, and what is refused with a reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from retrieval.filters import (
    FIELDS,
    MAX_CONDITIONS,
    MAX_DEPTH,
    OPERATOR_NAMES,
    OPERATORS,
    Condition,
    FieldType,
    Group,
    InvalidFilter,
    parse_filter,
)
from retrieval.postgres import Pool
from retrieval.stores.pgvector import PgVectorStore
from tests.retrieval.filter_rows import (
    CLAUSE_LISTS,
    DECLARED,
    DOCUMENTS,
    OPERATOR_OBJECTS,
    ROWS,
    TYPES,
    Raw,
    Rows,
    oracle,
)
from tests.retrieval.stores.makers import NOON


@pytest.fixture(scope="module")
async def rows(pool: Pool) -> AsyncIterator[Rows]:
    rows = await Rows.put(PgVectorStore(pool))
    yield rows
    await rows.drop()


@settings(max_examples=150, deadline=None)
@given(raw=OPERATOR_OBJECTS)
async def test_operator_objects_match_what_they_say(rows: Rows, raw: Raw) -> None:
    assert await rows.passing(raw) == oracle(raw)


@settings(max_examples=150, deadline=None)
@given(raw=CLAUSE_LISTS)
async def test_clause_lists_match_what_they_say(rows: Rows, raw: Raw) -> None:
    assert await rows.passing(raw) == oracle(raw)


@pytest.mark.parametrize(
    ("field", "operator"),
    [(field, one) for field, kind in TYPES.items() for one in OPERATORS[kind]],
)
async def test_every_operator_of_every_field_compares_with_every_value_there_is(
    rows: Rows, field: str, operator: str
) -> None:
    for value in values_of(field):
        raw = must(field, operator, [value] if operator in ("in", "not_in") else value)
        assert await rows.passing(raw) == oracle(raw), value


def values_of(field: str) -> list[Any]:
    """What the rows have there, as a caller writes it, and something that none has."""
    found = {row.values[field] for row in ROWS if row.values.get(field) is not None}
    match TYPES[field]:
        case "timestamp":
            return [*(one.isoformat() for one in found), "1969-12-31T23:59:59.999999Z"]
        case "string_list":
            return [*{one for has in found for one in has}, "nothing"]
        case "number":
            return [*found, 2.25]
        case "boolean":
            return [True, False]
        case _:
            return [*found, "nothing"]


async def documents(rows: Rows, field: str, operator: str, value: object) -> set[str]:
    found = await rows.passing(must(field, operator, value))
    return {ROWS[number].document for number in found}


async def test_what_lacks_a_field_matches_negations_and_nothing_else(rows: Rows) -> None:
    lacking = {"a/b/c.html"}
    for field, value in (
        ("department", "hr"),
        ("year", 2024),
        ("draft", True),
        ("reviewed", NOON.isoformat()),
        ("tags", "red"),
    ):
        for operator in OPERATORS[TYPES[field]]:
            given = [value] if operator in ("in", "not_in") else value
            is_negation = operator in ("ne", "not_in")
            assert (await documents(rows, field, operator, given) >= lacking) is is_negation


async def test_a_list_is_compared_by_each_of_its_texts(rows: Rows) -> None:
    async def tagged(operator: str, value: object) -> set[str]:
        return await documents(rows, "tags", operator, value)

    assert await tagged("eq", "red") == {"guide.pdf"}
    assert await tagged("in", ["red", "blue"]) == {"guide.pdf", "Guide.pdf"}
    assert await tagged("contains", "red") == {"guide.pdf", "it's.txt"}
    assert await tagged("starts_with", "dark") == {"it's.txt"}
    assert await tagged("ne", "blue") == set(DOCUMENTS) - {"guide.pdf", "Guide.pdf"}
    assert await tagged("in", []) == set()
    assert await tagged("not_in", []) == set(DOCUMENTS)


async def test_a_field_whose_type_was_changed_matches_nothing_until_documents_are_indexed_again(
    rows: Rows,
) -> None:
    """And it is no error that stored values are of the former type."""
    changed: dict[str, FieldType] = {"year": "string", "department": "number", "tags": "timestamp"}
    for raw in (
        must("year", "eq", "2024"),
        must("year", "contains", "2"),
        must("department", "gt", -1),
        must("department", "eq", 1),
        must("tags", "lt", "2030-01-01"),
    ):
        assert await rows.matching(parse_filter(raw, changed)) == set()


@pytest.mark.parametrize("raw", [None, {}, {"must": []}, {"must": None, "should": []}])
async def test_no_filter_lets_everything_pass(rows: Rows, raw: Raw | None) -> None:
    assert await rows.passing(raw) == set(range(len(ROWS)))


async def test_a_page_that_a_chunk_does_not_have_is_no_page(rows: Rows) -> None:
    """Formats without pages: no comparison holds, and every negation does."""
    without = {number for number, row in enumerate(ROWS) if row.page is None}

    async def pages(operator: str, value: object) -> set[int]:
        clause = {"field": "page_number", "operator": operator, "value": value}
        return await rows.passing({"must": [clause]})

    for operator in ("eq", "gt", "gte", "lt", "lte"):
        assert not await pages(operator, 2) & without
    assert not await pages("in", [1, 2, 3]) & without
    assert await pages("ne", 2) >= without
    assert await pages("not_in", [1, 2, 3]) >= without


async def test_whole_and_broken_numbers_may_share_a_list(rows: Rows) -> None:
    clause = {"field": "page_number", "operator": "in", "value": [1, 2.0, 2.5]}
    pages = {ROWS[n].page for n in await rows.passing({"must": [clause]})}
    assert pages == {1, 2}


async def test_names_are_compared_as_they_are_written(rows: Rows) -> None:
    """Case counts, and no character is a wildcard."""

    async def names(operator: str, value: str) -> set[str]:
        clause = {"field": "item_name", "operator": operator, "value": value}
        found = await rows.passing({"must": [clause]})
        return {ROWS[number].document for number in found}

    assert await names("eq", "guide.pdf") == {"guide.pdf"}
    assert await names("contains", "%") == {"100%_off.md"}
    assert await names("contains", "_") == {"100%_off.md"}
    assert await names("starts_with", "G") == {"Guide.pdf"}
    assert await names("contains", "") == set(DOCUMENTS)


async def test_a_time_without_a_zone_is_utc(rows: Rows) -> None:
    at_noon = {number for number, row in enumerate(ROWS) if row.ingested_at == NOON}
    for written in ("2026-03-14T12:00:00", "2026-03-14T12:00:00Z", "2026-03-14T21:00:00+09:00"):
        raw = {"equals": {"key": "ingested_timestamp", "value": written}}
        assert await rows.passing(raw) == at_noon


def test_both_grammars_read_as_the_same_condition() -> None:
    expected = Condition(FIELDS["item_name"], "eq", "guide.pdf")
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


FIELD_NAMES = "item_name, ingested_timestamp, page_number, chunk_category, source, section"
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


DECLARED_NAMES = "department, year, draft, reviewed, tags"
REFUSED_OF_DECLARED: list[tuple[Raw, str]] = [
    (equals("author", "x"), f"Unknown field 'author'; valid are {DECLARED_NAMES}, {FIELD_NAMES}"),
    (equals("department", 3), "department is a string; 3 is not"),
    (equals("year", "2024"), "year is a number; '2024' is not"),
    (equals("draft", "true"), "draft is a boolean; 'true' is not"),
    (equals("draft", 1), "draft is a boolean; 1 is not"),
    (equals("reviewed", 2024), "reviewed is a timestamp; 2024 is not"),
    (equals("tags", ["red"]), "tags is a string_list"),
    (must("draft", "gt", False), "draft, a boolean; valid are eq, ne"),
    (must("tags", "gt", "a"), "tags, a string_list; valid are eq, ne, in, not_in, contains"),
    (must("tags", "in", [1]), "tags is a string_list; 1 is not"),
]


@pytest.mark.parametrize(("raw", "message"), REFUSED_OF_DECLARED)
def test_declared_fields_are_refused_what_is_not_of_their_type(raw: Raw, message: str) -> None:
    with pytest.raises(InvalidFilter, match=message):
        parse_filter(raw, DECLARED)


def test_a_declared_field_never_hides_a_built_in_one() -> None:
    found = parse_filter(must("page_number", "eq", 1), {"page_number": "string"})
    assert found == Group("all", (Condition(FIELDS["page_number"], "eq", 1.0),))


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
    assert await rows.passing(deepest) == oracle(deepest)
    for levels in (MAX_DEPTH + 1, 5_000):
        with pytest.raises(InvalidFilter, match=f"more than {MAX_DEPTH} deep"):
            parse_filter(nested(levels))


async def test_conditions_are_counted_wherever_they_stand(rows: Rows) -> None:
    def many(count: int) -> list[Raw]:
        return [equals("item_name", str(number)) for number in range(count)]

    most = {"or_all": [*many(MAX_CONDITIONS - 1), equals("item_name", "guide.pdf")]}
    assert await rows.passing(most) == oracle(most)
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
