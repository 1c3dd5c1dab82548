"""Chroma's chunking evaluation: corpora, questions, and the excerpts that answer them.

Its metrics are the product's own, by character: `retrieval.eval.spans`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.beir import VARIABLE, CollectionMissing
from retrieval.eval import spans
from retrieval.eval.question import Span
from retrieval.eval.spans import precision_omega, span_scores

FOLDER = "chroma_chunking"
QUESTIONS = "questions_df.csv"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, of which corpus, and where it is answered there."""

    text: str
    corpus: str
    excerpts: list[Span]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The corpora by name, and the questions."""

    corpora: dict[str, bytes]
    questions: list[Question]


@dataclass(frozen=True, slots=True)
class Place:
    """A chunk as the metrics see it."""

    corpus: str
    start: int
    end: int

    @property
    def span(self) -> spans.Place:
        """As the product's metrics see it."""
        return spans.Place(self.corpus, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one question, or on average."""

    recall: float
    """Share of the excerpts' characters that were retrieved."""
    precision: float
    """Share of the retrieved characters that are excerpts'."""
    precision_omega: float
    """Precision if exactly the chunks were retrieved that hold a part of an excerpt."""
    iou: float
    """Excerpts' characters retrieved, of all retrieved and all missed."""


def load(folder: Path | None) -> Evaluation:
    """Read it from the folder that KB_BENCH_DATA names. Raises `CollectionMissing`."""
    if folder is None or not (folder / FOLDER / QUESTIONS).is_file():
        raise CollectionMissing(
            f"{VARIABLE} must name a folder that holds Chroma's chunking evaluation in {FOLDER}:"
            f" {QUESTIONS} and corpora."
        )
    folder /= FOLDER
    with (folder / QUESTIONS).open(encoding="utf-8", newline="") as file:
        questions = [
            Question(
                row["question"],
                row["corpus_id"],
                [(one["start_index"], one["end_index"]) for one in json.loads(row["references"])],
            )
            for row in csv.DictReader(file)
        ]
    corpora = {path.stem: path.read_bytes() for path in sorted((folder / "corpora").glob("*.md"))}
    return Evaluation(corpora, questions)


def score(question: Question, retrieved: Sequence[Place], chunks: Iterable[Place]) -> Scores:
    """How well these chunks answer, and how well the best of all `chunks` could."""
    gold = [spans.Place(question.corpus, start, end) for start, end in question.excerpts]
    found = span_scores(gold, [one.span for one in retrieved])
    return Scores(
        recall=found.recall,
        precision=found.precision,
        precision_omega=precision_omega(gold, [one.span for one in chunks]),
        iou=found.iou,
    )
