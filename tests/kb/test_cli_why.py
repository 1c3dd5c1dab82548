"""`kb why` from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kb.postgres.embedded import EmbeddedPostgres
from tests.kb.commands import call_kb
from tests.kb.programs import data_folder
from tests.kb.tables import one_line, row

QUESTION = "How long may a parcel wait?"
FILES = {
    "desk.md": "A parcel may wait at the front desk for nine days.",
    "keys.md": "Lost keys are reported to the night guard before eight.",
}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with data_folder() as folder, EmbeddedPostgres(folder):
        call_kb(folder, "create", "handbook")
        for name, text in FILES.items():
            (folder / name).write_text(text)
        (folder / "empty.md").write_text("")
        call_kb(folder, "add", "handbook", *(folder / name for name in FILES))
        call_kb(folder, "add", "handbook", folder / "empty.md", status=1)
        yield folder


def why(home: Path, document: str, *options: str) -> str:
    return call_kb(home, "why", "handbook", QUESTION, document, *options).stdout


def test_it_says_where_a_document_is_and_what_it_scored(home: Path) -> None:
    shown = why(home, "desk.md")
    assert shown.startswith("found: It is number 1.\n")
    assert row(shown, "Its best passage")[1] == "desk.md"
    below = why(home, "keys.md", "-n", "1")
    assert "below_top_k: It is number 2" in below
    assert "num_results 2 would reach it." in below
    assert row(below, "Its best passage")[1:3] != row(below, "The last one returned")[1:3]


def test_it_says_why_a_document_is_not_found(home: Path) -> None:
    said = {
        ("nowhere.md",): "no_such_document: No such document",
        ("empty.md",): "not_indexed: Indexing it failed at the stage parse: There is no text",
        ("desk.md", "--filters", '{"equals": {"key": "item_name", "value": "keys.md"}}'): (
            "filtered: The filter leaves it out: no passage of it has item_name is 'keys.md'."
        ),
        ("keys.md", "--alpha", "1", "--min-score", "0.9"): "below_min_score: It ranks 2",
        ("desk.md", "--max-tokens", "1"): "over_token_budget: It is number 1",
    }
    for arguments, says in said.items():
        assert says in why(home, *arguments)


def test_as_json_it_is_what_the_api_says(home: Path) -> None:
    found: dict[str, Any] = json.loads(why(home, "desk.md", "--json"))
    assert (found["verdict"], found["rank"]) == ("found", 1)
    assert found["best"]["item_name"] == "desk.md"
    assert json.loads(why(home, found["document_uuid"], "--json")) == found


def test_mistakes_are_one_sentence(home: Path) -> None:
    nowhere = call_kb(home, "why", "nowhere", QUESTION, "desk.md", status=1).stderr
    assert "Knowledge base 'nowhere'" in one_line(nowhere)
    filters = call_kb(home, "why", "handbook", "x", "desk.md", "--filters", "{", status=1).stderr
    assert "--filters is no JSON" in one_line(filters)
