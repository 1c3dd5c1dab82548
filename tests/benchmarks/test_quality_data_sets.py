"""What the quality benchmark makes of small data sets in the shapes of the real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.beir import CollectionMissing
from benchmarks.quality import chunks, scifact
from benchmarks.quality.data_set import DataSet, File, Found, Task
from benchmarks.quality.registry import DATA_SETS
from retrieval.embedding.embedder import Embedder

REGULATOR = "The regulator keeps the pressure in the pipe."
BELL = "The bell rings twice when a parcel arrives."


def found(name: str, start: int = 0, end: int = 10, page: int | None = None) -> Found:
    return Found(name, start, end, page)


def names(files: list[File] | Any) -> list[str]:
    return [file.name for file in files]


def only_task(data_set: DataSet) -> Task:
    (task,) = data_set.tasks
    return task


def lines(path: Path, *rows: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(autouse=True)
def shared_model(embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own model, where the benchmark would keep one in its data folder."""
    for module in (scifact, chunks):
        monkeypatch.setattr(module, "default_embedder", lambda: embedder)


@pytest.mark.parametrize("name", list(DATA_SETS))
def test_a_data_set_that_is_not_there_says_where_it_is_looked_for(
    name: str, tmp_path: Path
) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(CollectionMissing, match=r"KB_BENCH_DATA|lacks"):
            DATA_SETS[name](folder)


def test_a_passage_is_read_off_a_response() -> None:
    result = {
        "metadata": {"item_name": "a.pdf", "page_number": 3},
        "citation": {"char_start": 5, "char_end": 9, "page": 3},
    }
    assert Found.of(result) == Found("a.pdf", 5, 9, 3)


@pytest.fixture(name="scifact_set")
def load_scifact(tmp_path: Path) -> DataSet:
    folder = tmp_path / "beir_scifact"
    lines(
        folder / "corpus.jsonl",
        {"_id": "1", "title": "Pipes", "text": "word " * 400},
        {"_id": "2", "title": "Bells", "text": BELL},
    )
    lines(folder / "queries.jsonl", {"_id": "7", "text": "What rings?"})
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n7\t2\t1\n")
    return DATA_SETS["scifact"](tmp_path)


def test_scifact_is_asked_whole_and_cut_as_published(scifact_set: DataSet) -> None:
    whole, cut = scifact_set.tasks
    assert names(whole.corpus.files) == names(cut.corpus.files) == ["1.md", "2.md"]
    assert len(cut.corpus.files[0].read()) < len(whole.corpus.files[0].read())
    assert (
        cut.corpus.files[1].read()
        == whole.corpus.files[1].read()
        == f"# Bells\n\n{BELL}\n".encode()
    )


def test_scifact_ranks_documents_by_their_first_passage(scifact_set: DataSet) -> None:
    (question,) = scifact_set.tasks[0].questions
    first, second = found("1.md"), found("2.md")
    assert question.score([second, first]) == (1.0, 1.0)
    assert question.score([first, first, second]) == question.score([first, second])
    assert question.score([first]) == (0.0, 0.0)


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_question_of_xquad_is_answered_by_its_paragraph(language: str, tmp_path: Path) -> None:
    paragraphs = [
        {"context": REGULATOR, "qas": [{"question": "What keeps it?"}, {"question": "Where?"}]},
        {"context": BELL, "qas": [{"question": "What rings?"}]},
    ]
    data = {"data": [{"title": "House", "paragraphs": paragraphs}]}
    (tmp_path / "xquad").mkdir()
    (tmp_path / "xquad" / f"xquad.{language}.json").write_text(json.dumps(data))
    task = only_task(DATA_SETS[f"xquad-{language}"](tmp_path))
    assert [one.read().decode() for one in task.corpus.files] == [REGULATOR, BELL]
    assert [one.text for one in task.questions] == ["What keeps it?", "Where?", "What rings?"]
    score = task.questions[2].score
    right, wrong = found("001.txt"), found("000.txt")
    assert score([right, wrong]) == (1.0, 1.0)
    assert score([wrong, wrong, right]) == (pytest.approx(0.6309, abs=1e-4), 0.0)


CODE = "fn open() {}\n\n/* same */\nfn close() {}\n/* same */\n"


@pytest.fixture
def anthropic(tmp_path: Path) -> DataSet:
    folder = tmp_path / "anthropic_contextual_retrieval"
    folder.mkdir()
    chunks = ["fn open() {}\n", "/* same */\n", "fn close() {}\n", "/* same */\n"]
    document = {
        "original_uuid": "u",
        "content": CODE,
        "chunks": [
            {"original_index": str(number), "content": text} for number, text in enumerate(chunks)
        ],
    }
    (folder / "codebase_chunks.json").write_text(json.dumps([document]))
    meta = {"repo_name": "shop/door", "relative_path": "/src/door.rs"}
    lines(
        folder / "evaluation_set.jsonl",
        {
            "query": "How does it open and close?",
            "golden_chunk_uuids": [["u", 0], ["u", 2]],
            "golden_documents": [{"uuid": "u", "meta": meta}],
        },
        {
            "query": "What is the same?",
            "golden_chunk_uuids": [["u", 1]],
            "golden_documents": [{"uuid": "u", "meta": meta}],
        },
    )
    return DATA_SETS["anthropic"](tmp_path)


def test_their_chunks_are_documents_alone_and_under_their_path(anthropic: DataSet) -> None:
    alone, titled, _, _ = anthropic.tasks
    assert names(alone.corpus.files)[0] == "shop/door/src/door.rs/000.txt"
    assert alone.corpus.files[0].read() == b"fn open() {}\n"
    assert titled.corpus.files[0].read().startswith(b"# shop/door/src/door.rs\n\n```\nfn open")
    assert alone.corpus.options["chunking_options"] == {"context": "none"}
    assert not titled.corpus.options


def test_pass_is_the_share_of_gold_among_the_best_documents(anthropic: DataSet) -> None:
    question, other = anthropic.tasks[1].questions
    opening, closing = found("shop/door/src/door.rs/000.md"), found("shop/door/src/door.rs/002.md")
    assert list(question.score([opening])) == [0.5, 0.5, 0.5]
    assert list(question.score([opening, opening, closing])) == [1, 1, 1]
    twin = found("shop/door/src/door.rs/003.md")
    assert list(other.score([twin])) == [1, 1, 1]  # its text is the gold's


def test_a_passage_finds_a_chunk_that_shares_half_of_the_shorter(anthropic: DataSet) -> None:
    question, _ = anthropic.tasks[3].questions
    path = "shop/door/src/door.rs"
    start = CODE.index("fn close")
    half = found(path, start + 6, start + 20)  # 8 of the passage's 14 and of the chunk's 14
    assert list(question.score([half])) == [0.5, 0.5, 0.5]
    less = found(path, start + 8, start + 22)
    assert list(question.score([less])) == [0, 0, 0]
    assert list(question.score([found(path, 0, len(CODE))])) == [1, 1, 1]
    assert list(question.score([found("else.rs", 0, len(CODE))])) == [0, 0, 0]
    late = [found("else.rs")] * 7 + [found(path, 0, len(CODE))]
    assert list(question.score(late)) == [0, 1, 1]


def test_chromas_excerpts_are_weighed_by_characters(tmp_path: Path) -> None:
    folder = tmp_path / "chroma_chunking"
    (folder / "corpora").mkdir(parents=True)
    text = f"{REGULATOR}\n\n{BELL}\n"
    (folder / "corpora" / "house.md").write_text(text)
    start = text.index(BELL)
    excerpt = json.dumps([{"content": BELL, "start_index": start, "end_index": start + len(BELL)}])
    quoted = excerpt.replace('"', '""')
    (folder / "questions_df.csv").write_text(
        f'question,references,corpus_id\nWhat rings?,"{quoted}",house\n'
    )
    task = only_task(DATA_SETS["chroma"](tmp_path))
    assert names(task.corpus.files) == ["house.md"]
    assert task.corpus.files[0].read().decode() == text
    (question,) = task.questions
    recall, precision, omega, iou = question.score([found("house.md", start, start + len(BELL))])
    assert (recall, precision, iou) == (1, 1, 1)
    assert omega == pytest.approx(len(BELL) / len(text.strip()))  # all fits one chunk


@pytest.fixture
def financebench(tmp_path: Path) -> DataSet:
    folder = tmp_path / "financebench_subset"
    (folder / "pdfs").mkdir(parents=True)
    (folder / "pdfs" / "SHOP_2022.pdf").write_bytes(b"%PDF-1.7")
    lines(
        folder / "financebench_open_source.jsonl",
        {
            "doc_name": "SHOP_2022",
            "question": "How many parcels?",
            "evidence": [{"evidence_page_num": 4}, {"evidence_page_num": 6}],
        },
        {"doc_name": "NOT_HERE", "question": "?", "evidence": [{"evidence_page_num": 0}]},
    )
    return DATA_SETS["financebench"](tmp_path)


def test_pages_count_from_one_and_only_in_the_right_report(financebench: DataSet) -> None:
    every, right = financebench.tasks
    (question,), (filtered,) = every.questions, right.questions
    assert question.filters is None
    assert filtered.filters == {"equals": {"key": "item_name", "value": "SHOP_2022.pdf"}}
    passages = [found("SHOP_2022.pdf", page=5), found("ELSE.pdf", page=7)]
    assert list(question.score(passages)) == [0.5, 0.5, 0.5, 0.5]
    assert list(question.score([*passages, found("SHOP_2022.pdf", page=7)])) == [0.5, 1, 1, 1]


def test_a_trial_takes_documents_that_answer_first_and_asks_what_they_answer(
    scifact_set: DataSet,
) -> None:
    trial = scifact_set.tasks[0].first(1)
    assert names(trial.corpus.files) == ["2.md"]
    assert [one.text for one in trial.questions] == ["What rings?"]
