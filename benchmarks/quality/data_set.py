"""What a data set is: documents, questions, and what an answer to each is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from benchmarks.quality.ways import WAYS, Way
from benchmarks.yardsticks import Published, Range


@dataclass(frozen=True, slots=True)
class File:
    """A document as it is uploaded."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Documents and how they are cut: what one knowledge base is made of."""

    name: str
    files: Sequence[File]
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    """What the request that makes the knowledge base has beside its name."""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage as the metrics see it."""

    item_name: str
    start: int
    end: int
    page: int | None

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Self:
        """Of an item of a response's `results`."""
        citation = result["citation"]
        return cls(
            item_name=result["metadata"]["item_name"],
            start=citation["char_start"],
            end=citation["char_end"],
            page=citation["page"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and what the passages that come back are worth."""

    text: str
    answers: frozenset[str]
    """The documents that answer it."""
    score: Callable[[Sequence[Found]], Sequence[float]]
    """A figure for each metric of the task, in their order."""
    filters: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one figure has to be."""

    way: Way
    metric: str
    range: Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Questions to one knowledge base."""

    title: str
    corpus: Corpus
    questions: Sequence[Question]
    metrics: tuple[str, ...]
    headline: str
    """The metric by which ways and stores are compared."""
    num_results: int
    ways: tuple[Way, ...] = WAYS
    demands: tuple[Demand, ...] = ()

    def first(self, limit: int) -> Task:
        """The task over so many documents, and the questions that these answer.

        Documents that answer a question come before others.
        """
        answering = {name for question in self.questions for name in question.answers}
        files = sorted(self.corpus.files, key=lambda file: file.name not in answering)[:limit]
        names = {file.name for file in files}
        return replace(
            self,
            corpus=replace(self.corpus, files=files),
            questions=[one for one in self.questions if one.answers <= names],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceDemand:
    """What a headline has to reach in one way of one of these tasks at least."""

    tasks: frozenset[str]
    """Their titles."""
    low: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """Tasks that share a table, and what others publish for them."""

    name: str
    title: str
    about: str
    """What is measured, as Markdown."""
    tasks: Sequence[Task]
    published: Sequence[Published] = ()
    hybrid_wins: bool = False
    """Hybrid has to beat the better leg; else it may be worse, within noise."""
    once: OnceDemand | None = None
