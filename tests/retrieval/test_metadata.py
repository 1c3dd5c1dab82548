"""Declared metadata: what a schema may say, what values fit it, and how they are stored."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.filters import FieldType
from retrieval.metadata import as_json, from_json
from retrieval.metadata_schema import (
    MAX_CHARACTERS,
    MAX_FIELDS,
    MAX_VALUES,
    DeclaredField,
    FieldSource,
    InvalidMetadata,
    InvalidSchema,
    MetadataSchema,
    checked_metadata,
    checked_schema,
    value_of_texts,
)
from retrieval.path_pattern import InvalidPattern, match, parse_pattern

SCHEMA = checked_schema(
    [
        DeclaredField(name="department", type="string", enum=("hr", "sales")),
        DeclaredField(name="year", type="number"),
        DeclaredField(name="draft", type="boolean"),
        DeclaredField(name="reviewed", type="timestamp"),
        DeclaredField(name="tags", type="string_list"),
    ]
)


def field(name: str = "x", kind: str = "string", **more: Any) -> DeclaredField:
    return DeclaredField(name=name, type=cast("FieldType", kind), **more)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([field("")], "'' is no name: use 1 to 63 of a to z"),
        ([field("Year")], "'Year' is no name"),
        ([field("1st")], "'1st' is no name"),
        ([field("a-b")], "'a-b' is no name"),
        ([field("x" * 64)], "is no name"),
        ([field("x\n")], "is no name"),
        ([field("page_number")], "page_number is built in; built in are item_name, ingested_"),
        ([field("x"), field("y"), field("x")], "x is declared twice"),
        (
            [field(kind="date")],
            "'date'; types are string, number, boolean, timestamp, string_list",
        ),
        ([field(kind="number", enum=("1",))], "x is a number; only strings have an enum"),
        ([field(enum=("a", "a"))], "none twice"),
        ([field(enum=("nul\0",))], "holds a character that is none"),
        ([field(source=FieldSource(path="a/{y}/b"))], r"path of x does not hold \{x\}"),
        ([field(source=FieldSource(path="{x}*"))], "Two wildcards touch in '{x}\\*'"),
        ([field(f"x{n}") for n in range(MAX_FIELDS + 1)], "more than 64 fields"),
    ],
)
def test_a_schema_that_makes_no_sense_is_refused_with_what_would(
    fields: list[DeclaredField], message: str
) -> None:
    with pytest.raises(InvalidSchema, match=message):
        checked_schema(fields)


def test_a_schema_names_its_fields_and_types_for_filters() -> None:
    assert SCHEMA.types["tags"] == "string_list"
    assert checked_schema([field("x" * 63, source=FieldSource(path="{" + "x" * 63 + "}"))]).fields
    assert checked_schema([]) == MetadataSchema()


def test_what_is_given_is_typed() -> None:
    typed = checked_metadata(
        SCHEMA,
        {
            "department": "hr",
            "year": 2026,
            "draft": False,
            "reviewed": "2026-03-14T21:00:00+09:00",
            "tags": ["red", "blue", "red"],
        },
    )
    assert typed == {
        "department": "hr",
        "year": 2026,
        "draft": False,
        "reviewed": datetime(2026, 3, 14, 12, tzinfo=UTC),
        "tags": ("red", "blue"),
    }
    assert checked_metadata(SCHEMA, {}) == {}


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"author": "Ann"}, "'author'; declared are department, year, draft, reviewed, tags"),
        ({"department": "HR"}, "department cannot be 'HR'; valid are hr, sales"),
        ({"department": 3}, "department is a string; '3' is not"),
        ({"department": None}, "department is a string; 'None' is not"),
        ({"year": "2026"}, "year is a number; '2026' is not"),
        ({"year": True}, "year is a number"),
        ({"year": float("nan")}, "year is a number of at most"),
        ({"year": 10**400}, "year is a number of at most"),
        ({"draft": "true"}, "draft is a boolean"),
        ({"draft": 1}, "draft is a boolean"),
        ({"reviewed": "yesterday"}, "'yesterday' is no ISO 8601 date or time for reviewed"),
        ({"reviewed": 2026}, "reviewed is a timestamp"),
        ({"reviewed": "9999-12-31T23:59:59-09:00"}, "no ISO 8601 date or time"),
        ({"tags": "red"}, "tags is a string_list; 'red' is not"),
        ({"tags": [1]}, "tags is a string_list; '1' is not"),
        ({"tags": ["nul\0"]}, "holds a character that is none"),
        ({"tags": ["x" * (MAX_CHARACTERS + 1)]}, "more than 1000 characters"),
        ({"tags": [str(n) for n in range(MAX_VALUES + 1)]}, "more than 100 values"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(given_: Any, message: str) -> None:
    with pytest.raises(InvalidMetadata, match=message):
        checked_metadata(SCHEMA, given_)


def test_without_a_schema_nothing_can_be_given() -> None:
    with pytest.raises(InvalidMetadata, match="declared are none; declare them in the metadata"):
        checked_metadata(MetadataSchema(), {"x": 1})


@pytest.mark.parametrize(
    ("name", "texts", "value"),
    [
        ("year", [" 2026 "], 2026.0),
        ("year", ["1e3"], 1000.0),
        ("draft", ["No"], False),
        ("draft", ["TRUE"], True),
        ("reviewed", ["2026-03-14"], datetime(2026, 3, 14, tzinfo=UTC)),
        ("department", [" hr "], "hr"),
        ("tags", ["red"], ("red",)),
    ],
)
def test_the_declared_type_says_what_a_written_value_is(
    name: str, texts: list[str], value: object
) -> None:
    one = next(one for one in SCHEMA.fields if one.name == name)
    assert value_of_texts(one, texts) == value


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("year", ["many"]),
        ("year", ["inf"]),
        ("year", ["1", "2"]),
        ("draft", ["maybe"]),
        ("reviewed", ["soon"]),
        ("department", ["hr", "sales"]),
        ("department", ["board"]),
    ],
)
def test_a_written_value_of_another_type_is_refused(name: str, texts: list[str]) -> None:
    one = next(one for one in SCHEMA.fields if one.name == name)
    with pytest.raises(InvalidMetadata, match=name):
        value_of_texts(one, texts)


MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(
    st.dictionaries(
        st.text(),
        st.text()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | MOMENTS
        | st.lists(st.text()).map(tuple),
    )
)
def test_stored_metadata_is_read_back_as_it_was(metadata: dict[str, Any]) -> None:
    assert from_json(json.loads(json.dumps(as_json(metadata)))) == metadata


@given(MOMENTS)
def test_moments_are_stored_in_their_order_to_the_microsecond(moment: datetime) -> None:
    if moment.year < 9999:
        later = moment + timedelta(microseconds=1)
        stored = [as_json({"x": one})["x"]["at"] for one in (moment, later)]
        assert stored[1] - stored[0] == 1


# Path patterns


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("policies/{a}/*.pdf", "policies/hr/leave.pdf", {"a": "hr"}),
        ("policies/{a}/*.pdf", "policies/hr/.pdf", {"a": "hr"}),
        ("policies/{a}/*.pdf", "policies/hr/deep/leave.pdf", None),
        ("policies/{a}/*.pdf", "policies//leave.pdf", None),
        ("policies/{a}/*.pdf", "Policies/hr/leave.pdf", None),
        ("policies/{a}/*.pdf", "policies/hr/leave.PDF", None),
        ("{a}/{b}/*", "hr/2026/x", {"a": "hr", "b": "2026"}),
        ("**/{a}.md", "guide.md", {"a": "guide"}),
        ("**/{a}.md", "x/y/guide.md", {"a": "guide"}),
        ("x/**/{a}/*.md", "x/guide.md", None),
        ("x/**/{a}/*.md", "x/y/z/guide.md", {"a": "z"}),
        ("x/{a}/**", "x/y/z/guide.md", {"a": "y"}),
        ("{a}/**", "guide.md", None),
        ("{a}/**/*.md", "hr/guide.md", {"a": "hr"}),
        ("**", "guide.md", {}),
        ("{a}-{b}.md", "a-b-c.md", {"a": "a", "b": "b-c"}),
        ("{a}-*-{b}.md", "a--c.md", {"a": "a", "b": "c"}),
        ("{a}.{b}", ".x.y", {"a": ".x", "b": "y"}),
        ("v{a}", "v", None),
        ("a*a{b}", "aa", None),
        ("[a]+/{b}", "[a]+/x", {"b": "x"}),
        ("https://docs.example.com/{a}/**", "https://docs.example.com/kb/x/y", {"a": "kb"}),
        ("{a}", "übersicht", {"a": "übersicht"}),
        ("plain.md", "plain.md", {}),
    ],
)
def test_a_pattern_stands_for_the_whole_name(
    pattern: str, name: str, found: dict[str, str] | None
) -> None:
    assert match(parse_pattern(pattern), name) == found


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "x" * 501,
        "*{x}",
        "**/a/**",
        "a/x**/b",
        "{a}{b}",
        "{A}",
        "{}",
        "{a",
        "a}",
        "{a}/{a}",
        "{a b}",
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        parse_pattern(pattern)


LITERALS = st.text("ab", min_size=1, max_size=3)


@given(
    LITERALS, st.lists(st.tuples(st.booleans(), LITERALS), max_size=4), st.text("ab", max_size=9)
)
def test_matching_agrees_with_trying_every_way_there_is(
    first: str, rest: list[tuple[bool, str]], name: str
) -> None:
    parts = [(f"{{x{n}}}" if named else "*", text) for n, (named, text) in enumerate(rest)]
    pattern = parse_pattern(first + "".join(wild + text for wild, text in parts))

    def fits(text: str, left: list[tuple[str, str]]) -> bool:
        if not left:
            return not text
        wild, literal = left[0]
        least = wild != "*"
        return any(
            text.startswith(literal, end) and fits(text[end + len(literal) :], left[1:])
            for end in range(least, len(text) + 1)
        )

    expected = name.startswith(first) and fits(name[len(first) :], parts)
    found = match(pattern, name)
    assert (found is not None) is expected
    assert all((found or {"": "x"}).values())


def test_no_pattern_takes_long() -> None:
    pattern = parse_pattern("*a" * 200 + "/{x}")
    start = time.process_time()
    assert match(pattern, "a" * 1023 + "b/") is None
    assert match(parse_pattern("*a" * 200 + "b{x}"), "a" * 1024) is None
    assert time.process_time() - start < 1  # a hundredth of it; backtracking would never end
