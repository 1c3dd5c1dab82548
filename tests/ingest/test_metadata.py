"""Where a document's metadata comes from: what was given, front matter, columns, its name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.columns import MAX_BYTES
from ingest.front_matter import MAX_CHARACTERS, read_front_matter
from ingest.metadata import Declared, Gathered, gather, reads_file
from ingest.parsing import csv, markdown
from ingest.parsing import json as json_parser
from ingest.parsing.document import ParsedDocument
from retrieval.filters import FieldType
from retrieval.metadata_schema import MAX_VALUES, DeclaredField, FieldSource, checked_schema
from tests.ingest.makers import make_parsed

EMPTY = make_parsed("Text.")


def one(name: str, kind: FieldType = "string", **source: str) -> DeclaredField:
    return DeclaredField(name=name, type=kind, source=FieldSource(**source))


def gathered(
    *fields: DeclaredField,
    given: dict[str, Any] | None = None,
    name: str = "guide.md",
    parsed: ParsedDocument = EMPTY,
    data: bytes = b"",
) -> Gathered:
    declared = Declared(schema=checked_schema(fields), given=given or {})
    return gather(declared, name, parsed, data)


def matter(text: str) -> ParsedDocument:
    return markdown.parse(f"---\n{text}\n---\n# Title\n\nText.\n".encode())


def test_the_first_that_has_a_value_gives_it() -> None:
    department = one("department", front_matter="dept", column="Dept", path="{department}/**")
    table = csv.parse(b"Dept,Name\ncolumn,Ann\ncolumn,Bob\n")
    file: dict[str, Any] = {"name": "path/people.csv", "parsed": table}
    written: dict[str, Any] = {"name": "path/guide.md", "parsed": matter("dept: matter")}
    assert gathered(department, given={"department": "given"}, **written).values == {
        "department": "given"
    }
    assert gathered(department, **written).values == {"department": "matter"}
    assert gathered(department, **file).values == {"department": "column"}
    assert gathered(department, name="path/guide.md").values == {"department": "path"}
    assert gathered(department, name="guide.md").values == {}


def test_what_does_not_fit_is_noted_and_the_next_is_asked() -> None:
    year = one("year", "number", front_matter="year", path="{year}/*")
    found = gathered(year, name="2026/guide.md", parsed=matter("year: soon"))
    assert found.values == {"year": 2026.0}
    (note,) = found.notes
    assert note == "Metadata not set: year is a number; 'soon' is not."
    found = gathered(year, name="late/guide.md", given={"year": "2025"})
    assert found.values == {}
    assert len(found.notes) == 2


def test_what_was_given_for_a_field_that_is_no_longer_declared_does_not_count() -> None:
    assert gathered(one("year", "number"), given={"month": 3}).values == {}


def test_a_document_without_anything_has_nothing_and_no_notes() -> None:
    every = one("x", front_matter="x", column="x", path="{x}/y")
    assert gathered(every) == Gathered(values={})


def test_front_matter_is_read_by_the_declared_type_and_not_by_yamls() -> None:
    parsed = matter(
        'version: 1.10\ncountry: no\ndraft: no\ndate: 2026-03-14\ntags: [red, "blue", 3]\n'
        "owner: Ann Lee # a comment\nempty:\nnull_: ~\nlines: >\n  folded\n  text\nmaker: {name: x}"
    )
    found = gathered(
        one("version", front_matter="version"),
        one("country", front_matter="country"),
        one("draft", "boolean", front_matter="draft"),
        one("date", "timestamp", front_matter="date"),
        one("tags", "string_list", front_matter="tags"),
        one("owners", "string_list", front_matter="owner"),
        one("empty", front_matter="empty"),
        one("nothing", front_matter="null_"),
        one("lines", front_matter="lines"),
        one("maker", front_matter="maker"),
        parsed=parsed,
    )
    assert found == Gathered(
        values={
            "version": "1.10",
            "country": "no",
            "draft": False,
            "date": datetime(2026, 3, 14, tzinfo=UTC),
            "tags": ("red", "blue", "3"),
            "owners": ("Ann Lee",),
            "lines": "folded text",
        }
    )


@pytest.mark.parametrize(
    "text",
    [
        "No front matter.",
        "---\nbroken: [\n---\nText.",
        "---\n- a list\n---\nText.",
        "---\nkey: value\nand no end",
        "Text first.\n---\nkey: value\n---\n",
        "---\nkey: " + "[" * 5_000 + "\n---\n",
        "---\nkey: !!python/object/apply:os.system [exit]\n---\n",
        f"---\nother: {'x' * MAX_CHARACTERS}\nkey: value\n---\n",
        "",
    ],
)
def test_what_is_no_front_matter_gives_nothing(text: str) -> None:
    assert read_front_matter(text).get("key", []) in ([], ["exit"])


def test_aliases_and_merges_do_not_multiply() -> None:
    """Each line would be twice the one before: 2^200 entries."""
    lines = [
        "a0: &a0 {k: v}",
        *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 200)),
    ]
    text = "---\n" + "\n".join([*lines, "key: value"]) + "\n---\n"
    assert read_front_matter(text) == {"key": ["value"]}


def test_a_table_gives_a_list_its_columns_values_and_others_what_the_rows_agree_on() -> None:
    table = "Dept;Team|Lead;Year\nhr; A ;2026\nhr;a|b;2026\nhr;;2026\nhr; A ;2026\n"
    found = gathered(
        one("dept", column="Dept"),
        one("year", "number", column="Year"),
        one("leads", "string_list", column="Team|Lead"),
        one("lead", column="Team|Lead"),
        one("nothing", column="dept"),
        name="folder/people.CSV",
        parsed=csv.parse(table.encode()),
    )
    assert found.values == {"dept": "hr", "year": 2026.0, "leads": ("A", "a|b")}
    assert found.notes == (
        "Metadata not set: lead is one string, and the rows of its column disagree.",
    )


def test_a_long_table_is_read_to_its_end() -> None:
    rows = "".join(f"{'x' * 50},{n % 7}\n" for n in range(500))
    found = gathered(
        one("n", "string_list", column="n"),
        name="t.tsv",
        parsed=csv.parse(b"x,n\n" + rows.encode()),
    )
    assert set(found.values["n"]) == set("0123456")  # pyright: ignore[reportArgumentType]


def test_a_column_of_more_values_than_a_list_may_have_is_cut_and_that_is_said() -> None:
    rows = "".join(f"{n}\n" for n in range(MAX_VALUES + 5))
    parsed = csv.parse(f"n,m\n{rows.replace(chr(10), f',1{chr(10)}')}".encode())
    found = gathered(one("n", "string_list", column="n"), name="t.csv", parsed=parsed)
    assert found.values == {"n": tuple(str(n) for n in range(MAX_VALUES))}
    assert found.notes == ("Metadata cut: n has its column's first 100 values.",)


RECORDS: list[Any] = [
    {"dept": "hr", "tags": ["red", "blue"], "price": 1.10, "live": True, "more": {"x": 1}},
    {"dept": "hr", "tags": [], "price": None, "live": True},
    {"dept": "hr", "tags": ["red", {"no": "text"}], "text": "long " * 100},
    "no record",
]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("people.json", json.dumps(RECORDS)),
        ("people.jsonl", "\n".join(map(json.dumps, RECORDS))),
        ("people.ndjson", "\n\n".join(map(json.dumps, RECORDS)) + "\n"),
        ("https://example.com/people.json?page=2", json.dumps(RECORDS)),
    ],
)
def test_records_are_read_from_the_file(name: str, data: str) -> None:
    fields = (
        one("dept", column="dept"),
        one("tags", "string_list", column="tags"),
        one("price", column="price"),
        one("live", "boolean", column="live"),
        one("more", column="more"),
    )
    assert reads_file(Declared(schema=checked_schema(fields)), name)
    found = gathered(*fields, name=name, data=data.encode())
    assert found == Gathered(
        values={"dept": "hr", "tags": ("red", "blue"), "price": "1.1", "live": True}
    )


def test_one_object_is_one_record() -> None:
    data = b'\xef\xbb\xbf{"dept": "hr", "items": [{"dept": "sales"}]}'
    json_parser.parse(data)
    assert gathered(one("dept", column="dept"), name="x.json", data=data).values == {"dept": "hr"}


@pytest.mark.parametrize(
    "data",
    [b"no JSON", b"[" * 100_000, b"\xff\xfe\x00", b"", b'[{"dept": "hr"}' + b" " * MAX_BYTES],
)
def test_records_that_cannot_be_read_give_nothing(data: bytes) -> None:
    assert gathered(one("dept", column="dept"), name="x.json", data=data).values == {}


def test_only_tables_and_records_are_asked_for_columns() -> None:
    schema = Declared(schema=checked_schema([one("dept", column="dept")]))
    assert not reads_file(schema, "guide.md")
    assert not reads_file(schema, "people.csv")
    assert not reads_file(Declared(), "people.json")
    table = csv.parse(b"dept,x\nhr,1\n")
    assert gathered(one("dept", column="dept"), name="guide.md", parsed=table).values == {}
