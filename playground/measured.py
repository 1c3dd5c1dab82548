"""What a candidate came to: quality question by question, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from playground.candidates import Candidate
from retrieval.eval.results import Estimate, QuestionResult, summary

INDEX_BYTES = "index_bytes"


@dataclass(frozen=True)
class Measured:
    """A candidate with the results of all questions that it was asked."""

    candidate: Candidate
    results: Sequence[QuestionResult]
    chunks: int
    index_bytes: int
    """Vectors, term weights and texts; a database adds its graph and rows to that."""

    share: float = 1.0
    """Of the documents' characters that it was measured on; less for a loser that was dropped."""

    settled: bool = field(default=True)
    """Measured on everything."""

    @property
    def name(self) -> str:
        """Of the candidate."""
        return self.candidate.name

    @cached_property
    def figures(self) -> dict[str, float]:
        """Means over the questions, and the index's size."""
        columns: dict[str, list[float]] = {}
        for result in self.results:
            for name, value in result.figures.items():
                columns.setdefault(name, []).append(value)
        means = {name: sum(values) / len(values) for name, values in columns.items()}
        return {**means, INDEX_BYTES: float(self.index_bytes)}

    @cached_property
    def estimates(self) -> Mapping[str, Estimate]:
        """The same with 95 % intervals by bootstrap; takes a while over many questions."""
        return summary(self.results)
