"""`kb metadata` and `kb add --metadata`: declared in a file, given, shown as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.postgres.embedded import EmbeddedPostgres
from tests.kb.commands import call_kb
from tests.kb.programs import data_folder
from tests.kb.tables import one_line

SCHEMA = {
    "fields": [
        {"name": "department", "type": "string", "source": {"path": "{department}/**"}},
        {"name": "year", "type": "number"},
        {"name": "tags", "type": "string_list"},
    ]
}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with data_folder() as folder, EmbeddedPostgres(folder):
        call_kb(folder, "create", "wood")
        (folder / "hr").mkdir()
        (folder / "hr" / "fox.md").write_text("A fox.")
        (folder / "schema.json").write_text(json.dumps(SCHEMA))
        call_kb(folder, "add", "wood", folder / "hr")
        yield folder


def test_metadata_is_declared_given_and_shown(home: Path) -> None:
    """One test: each step begins where the one before ended."""
    set_ = call_kb(home, "metadata", "schema", "wood", home / "schema.json").stdout
    assert "Indexed again: 1" in set_
    printed = json.loads(call_kb(home, "metadata", "schema", "wood").stdout)
    assert [one["name"] for one in printed["fields"]] == ["department", "year", "tags"]

    (home / "owl.md").write_text("An owl.")
    given = ("year=2026", "tags=red", "tags=blue")
    options = [part for one in given for part in ("--metadata", one)]
    call_kb(home, "add", "wood", home / "owl.md", *options)
    owl = json.loads(call_kb(home, "metadata", "show", "wood", "--document", "owl.md").stdout)
    assert owl["indexed"] == {"year": 2026.0, "tags": ["red", "blue"]}

    call_kb(home, "metadata", "set", "wood", "owl.md", "department=birds")
    owl = json.loads(call_kb(home, "metadata", "show", "wood", "--document", "owl.md").stdout)
    assert owl["indexed"] == {"department": "birds"}

    found = json.loads(call_kb(home, "metadata", "show", "wood", "--json").stdout)
    values = {one["name"]: one["top_values"] for one in found["fields"]}
    assert {one["value"] for one in values["department"]} == {"hr", "birds"}
    table = " ".join(call_kb(home, "metadata", "show", "wood").stdout.split())
    assert "department string 2 of 2 birds (1), hr (1)" in table

    filters = '{"equals": {"key": "department", "value": "birds"}}'
    answer = call_kb(home, "search", "wood", "fox", "--filters", filters, "--json").stdout
    assert "An owl." in answer
    assert "A fox." not in answer


def test_what_does_not_fit_is_said_in_a_sentence(home: Path) -> None:
    call_kb(home, "metadata", "schema", "wood", home / "schema.json")
    for value, message in (
        ("author=Ann", "declared are department, year, tags"),
        ("year=soon", "year is a number; 'soon' is not"),
        ("year", "'year' is no key=value"),
    ):
        refused = call_kb(home, "metadata", "set", "wood", "hr/fox.md", value, status=1)
        assert message in one_line(refused.stderr)
    (home / "wrong.json").write_text('{"fields": [{"name": "x", "type": "date"}]}')
    refused = call_kb(home, "metadata", "schema", "wood", home / "wrong.json", status=1)
    assert "fields.0.type" in one_line(refused.stderr)
