"""Questions from JSON lines, and gold found in the documents' texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retrieval.eval.dataset import checked, parse_questions, read_questions, resolved
from retrieval.eval.errors import GoldNotFound, InvalidDataset
from retrieval.eval.question import Gold, Question

TEXT = "Parcels\n\nA parcel waits for\nseven days. A letter waits for ten days. A letter waits."
TEXTS = {"guide.md": TEXT}


def asking(*gold: Gold, **more: Any) -> Question:
    return Question(question="How long?", gold=list(gold), id="7", **more)


def found(**gold: Any) -> Gold:
    """The gold of a question, once it is looked for."""
    (one,) = resolved(asking(Gold(document="guide.md", **gold)), TEXTS).gold
    return one


def lines(tmp_path: Path, *rows: object) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


ROW = {"question": "How long?", "gold": [{"document": "guide.md"}]}


def test_questions_are_read_line_by_line_and_numbered_where_they_have_no_id(
    tmp_path: Path,
) -> None:
    path = lines(tmp_path, ROW, "", {**ROW, "id": "two", "tags": ["parcels"]})
    first, second = read_questions(path)
    assert (first.id, second.id, second.tags) == ("1", "two", ["parcels"])


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{", "line 2: Invalid JSON"),
        ({"gold": []}, "line 2: question: Field required"),
        ({**ROW, "gold": []}, "line 2: gold: List should have at least 1"),
        ({**ROW, "answer": "x"}, "line 2: answer: Extra inputs"),
        ({**ROW, "question": " "}, "is empty"),
        ({**ROW, "question": "a\0b"}, "null character"),
        ({**ROW, "gold": [{"document": "a", "start": 4}]}, "start and end go together"),
        ({**ROW, "gold": [{"document": "a", "start": 4, "end": 4}]}, "greater than start"),
        ({**ROW, "gold": [{"document": "a", "grade": 0}]}, "gold.0.grade"),
        ({**ROW, "id": "1"}, "Two questions have the id '1'"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(tmp_path: Path, row: object, says: str) -> None:
    with pytest.raises(InvalidDataset, match=r"questions\.jsonl") as caught:
        read_questions(lines(tmp_path, ROW, row))
    assert says in str(caught.value)


def test_files_that_cannot_be_read_say_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="no question"):
        read_questions(lines(tmp_path, ""))
    (tmp_path / "latin.jsonl").write_bytes(b"\xe4")
    with pytest.raises(InvalidDataset, match="not in UTF-8"):
        read_questions(tmp_path / "latin.jsonl")
    with pytest.raises(InvalidDataset, match="cannot be read"):
        read_questions(tmp_path / "nowhere.jsonl")
    with pytest.raises(InvalidDataset, match="no question"):
        checked([])


def test_a_quote_is_found_whatever_its_white_space() -> None:
    gold = found(quote=" waits for seven  days")
    assert gold.span == (18, 38)
    assert gold.quote == TEXT[18:38] == "waits for\nseven days"


def test_a_span_gets_its_quote_and_a_document_stays_a_document() -> None:
    assert found(start=0, end=7).quote == "Parcels"
    assert found().span is None


def test_looking_twice_changes_nothing() -> None:
    once = resolved(asking(Gold(document="guide.md", quote="seven days")), TEXTS)
    assert resolved(once, TEXTS) == once


def test_gold_that_has_moved_is_found_again_by_its_quote_nearest_to_where_it_was() -> None:
    gold = found(start=40, end=54)
    assert gold.quote == "A letter waits"
    changed = {"guide.md": f"Opening hours: never.\n\n{TEXT}"}
    (moved,) = resolved(asking(gold), changed).gold
    assert moved.start == 40 + 23
    before, after = asking(gold), asking(moved)
    assert before.digest == after.digest  # runs before and after are comparable


@pytest.mark.parametrize(
    ("gold", "says"),
    [
        ({"document": "other.md"}, "no indexed document 'other.md'"),
        ({"document": "guide.md", "quote": "eight days"}, "does not say 'eight days'"),
        ({"document": "guide.md", "quote": "A letter waits"}, "'A letter waits' 2 times"),
        ({"document": "guide.md", "start": 5, "end": 500}, "less than 500"),
        ({"document": "guide.md", "start": 7, "end": 9}, "no words at 7 to 9"),
        ({"document": "guide.md", "start": 0, "end": 7, "quote": "Letters"}, "does not say"),
    ],
)
def test_gold_that_is_not_there_is_refused_with_the_questions_id(
    gold: dict[str, Any], says: str
) -> None:
    with pytest.raises(GoldNotFound, match="Question '7'") as caught:
        resolved(asking(Gold(**gold)), TEXTS)
    assert says in str(caught.value)


def test_a_question_with_other_gold_is_another_question() -> None:
    one = asking(Gold(document="guide.md"))
    assert one.digest != asking(Gold(document="other.md")).digest
    assert one.digest == asking(Gold(document="guide.md"), tags=["x"]).digest


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"question": "?", "gold": [{"document": "a"}]}\n{"question": 1}', "x.jsonl, line 2"),
        (b"\xff\xfe", "not in UTF-8"),
        (b"\n\n", "There is no question"),
        (b'{"question": "", "gold": []}', "line 1"),
    ],
)
def test_a_file_that_was_read_already_is_named_with_its_line(data: bytes, says: str) -> None:
    with pytest.raises(InvalidDataset, match=says):
        parse_questions(data, name="x.jsonl")
