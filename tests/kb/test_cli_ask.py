"""`kb ask` and `kb chat`: answers with numbered sources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.postgres.embedded import EmbeddedPostgres
from tests.kb.commands import call_kb
from tests.kb.programs import data_folder
from tests.kb.tables import one_line
from tests.llm.fixtures import llm

__all__ = ["llm"]

FILES = {
    "desk.md": "A parcel may wait at the front desk for nine days.",
    "capitals.txt": "The capital of France is Paris.\n\nThe capital of Spain is Madrid.",
}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with data_folder() as folder, EmbeddedPostgres(folder):
        call_kb(folder, "create", "handbook")
        for name, text in FILES.items():
            (folder / name).write_text(text)
        call_kb(folder, "add", "handbook", *(folder / name for name in FILES))
        yield folder


def test_without_a_language_model_it_quotes(home: Path) -> None:
    shown = call_kb(home, "ask", "handbook", "How long may a parcel wait?").stdout
    assert "A parcel may wait at the front desk for nine days.[1]" in shown
    assert "[1] desk.md" in shown
    assert "kb://" in shown


def test_as_json_it_names_answer_and_sources(home: Path) -> None:
    said = call_kb(home, "ask", "handbook", "How long may a parcel wait?", "--json").stdout
    found = json.loads(said)
    assert found["model"] == "extractive"
    assert "nine days" in found["answer"]
    assert "[1]" not in found["answer"]
    assert found["sources"][0]["item_name"] == "desk.md"
    assert found["sources"][0]["citation"]["uri"].startswith("kb://")
    assert found["queries"] == ["How long may a parcel wait?"]


def test_a_conversation_goes_on_until_there_is_nothing_to_ask(home: Path) -> None:
    asked = "How long may a parcel wait?\nWhat is the capital of Spain?\n"
    shown = call_kb(home, "chat", "handbook", stdin=asked).stdout
    assert shown.index("nine days") < shown.index("Madrid")


def test_a_language_model_answers_and_cites(home: Path, llm: str) -> None:
    question = ("What is the capital of France?", "--top-k", "1")
    done = call_kb(home, "ask", "handbook", *question, KB_LLM_URL=llm, KB_LLM_MODEL="tiny")
    assert "The capital of France is Paris[1]." in done.stdout
    assert "[1] capitals.txt" in done.stdout
    assert "capital of France" in done.stderr


def test_mistakes_are_one_sentence(home: Path) -> None:
    nowhere = call_kb(home, "ask", "nowhere", "What?", status=1).stderr
    assert "Knowledge base 'nowhere'" in one_line(nowhere)
    unknown = call_kb(home, "ask", "handbook", "What?", "--model", "gpt", status=1).stderr
    assert "KB_LLM_URL" in one_line(unknown)
