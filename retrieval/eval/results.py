"""What a run found for each question, and what that comes to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Self

from retrieval.eval.bootstrap import interval
from retrieval.eval.errors import UnknownMetric
from retrieval.eval.question import EvalModel, Gold, Question, digest

STAR = "ndcg@10"
"""The metric that runs are judged by unless another is named."""

COSTS = frozenset({"tokens", "latency_ms"})
"""Figures of which less is better."""


class FoundPassage(EvalModel):
    """A passage of an answer, best first."""

    document: str
    start: int
    end: int
    score: float
    is_relevant: bool
    """It finds some of the gold."""


class QuestionResult(EvalModel):
    """How one question fared."""

    id: str
    question: str
    gold: list[Gold]
    tags: list[str]
    figures: dict[str, float]
    """Metrics by name, `tokens` of all texts returned, and `latency_ms`."""

    gold_ranks: list[int | None]
    """For each gold which passage finds it first, from 1."""

    passages: list[FoundPassage]
    degraded: str | None = None
    """Why a reranker or language model that was asked for had no part in the answer."""

    skipped: str | None = None
    """Why it was not asked; it counts for nothing then."""

    @classmethod
    def not_asked(cls, question: Question, why: str) -> Self:
        """For a question whose gold is no longer there."""
        return cls(
            id=question.id,
            question=question.question,
            gold=question.gold,
            tags=question.tags,
            figures={},
            gold_ranks=[],
            passages=[],
            skipped=why,
        )

    @property
    def digest(self) -> str:
        """What it is matched with another run's result by."""
        return digest(self.question, self.gold)


class Estimate(EvalModel):
    """A mean over questions, with its 95 % interval by bootstrap."""

    mean: float
    low: float
    high: float
    questions: int
    """Those that have this figure: only gold spans have characters to count, for instance."""


def summary(results: Sequence[QuestionResult]) -> dict[str, Estimate]:
    """Every figure's mean, in the results' own order. Takes a while over many questions."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for result in results:
        for name, value in result.figures.items():
            values[name].append(value)
    found: dict[str, Estimate] = {}
    for name, column in values.items():
        one = interval(column)
        found[name] = Estimate(mean=one.mean, low=one.low, high=one.high, questions=one.questions)
    return found


def star_of(names: Mapping[str, object], wanted: str | None = None) -> str:
    """The metric to judge by: the one wanted, else `STAR`, else MRR where answers are too short.

    Raises `UnknownMetric`.
    """
    star = wanted or (STAR if STAR in names else "mrr")
    if star not in names:
        raise UnknownMetric(f"{star!r}, only {', '.join(names)}.")
    return star
