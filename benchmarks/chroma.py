"""Chroma's chunking evaluation: corpora, questions, and the excerpts that answer them.

Metrics as in Smith and Troynikov, Evaluating Chunking Strategies for Retrieval, 2024, by character.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.beir import VARIABLE, CollectionMissing

FOLDER = "chroma_chunking"
QUESTIONS = "questions_df.csv"

Span = tuple[int, int]


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
    wanted = _length(question.excerpts)
    hit = _overlap(question, retrieved)
    total = sum(place.end - place.start for place in retrieved)
    ideal = [place for place in chunks if _overlap(question, [place])]
    covering = [(place.start, place.end) for place in ideal]
    return Scores(
        recall=hit / wanted,
        precision=hit / total,
        precision_omega=_overlap(question, ideal) / _length([*covering, *question.excerpts]),
        iou=hit / (total + wanted - hit),
    )


def _overlap(question: Question, places: Iterable[Place]) -> int:
    """Characters of the excerpts that these chunks hold, each counted once."""
    return _length(
        [
            (max(place.start, start), min(place.end, end))
            for place in places
            if place.corpus == question.corpus
            for start, end in question.excerpts
            if place.start < end and start < place.end
        ]
    )


def _length(spans: Iterable[Span]) -> int:
    """Characters under any of the spans."""
    total, reached = 0, 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total
