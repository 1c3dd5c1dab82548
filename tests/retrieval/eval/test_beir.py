"""Collections in BEIR's format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retrieval.eval.beir import read_corpus, read_questions
from retrieval.eval.errors import InvalidDataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "corpus.jsonl", {"_id": "d1", "title": "Foxes", "text": "They run."})
    write(
        tmp_path / "queries.jsonl",
        {"_id": "q1", "text": "Who runs?"},
        {"_id": "q2", "text": "Who sleeps?"},
    )
    (tmp_path / "qrels").mkdir()
    judge(tmp_path, "q1\td1\t2", "q1\td2\t0", "q2\td1\t0")
    return tmp_path


def write(path: Path, *rows: object) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def judge(folder: Path, *rows: str) -> None:
    (folder / "qrels" / "test.tsv").write_text(
        "\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n"
    )


def test_documents_and_judged_questions_are_read(folder: Path) -> None:
    (document,) = read_corpus(folder)
    assert (document.item_name, document.markdown) == ("d1.md", "# Foxes\n\nThey run.\n")
    (question,) = read_questions(folder)  # q2 has nothing that answers it
    assert (question.id, question.question) == ("q1", "Who runs?")
    assert [(one.document, one.grade, one.span) for one in question.gold] == [("d1.md", 2, None)]


def test_what_is_wrong_is_named_with_file_and_line(folder: Path) -> None:
    with pytest.raises(InvalidDataset, match=r"dev\.tsv cannot be read"):
        read_questions(folder, "dev")
    judge(folder, "q1\td1\t1", "q2\td1")
    with pytest.raises(InvalidDataset, match=r"test\.tsv, line 3"):
        read_questions(folder)
    judge(folder, "q1\td1\t0")
    with pytest.raises(InvalidDataset, match="judges no document"):
        read_questions(folder)
    write(folder / "corpus.jsonl", {"_id": "d1", "text": "x"}, {"_id": "d2"})
    with pytest.raises(InvalidDataset, match=r"corpus\.jsonl, line 2: text should be a text"):
        read_corpus(folder)
    (folder / "corpus.jsonl").write_text("{\n")
    with pytest.raises(InvalidDataset, match=r"corpus\.jsonl, line 1"):
        read_corpus(folder)
