"""What was measured: every question's figures, by task, store and way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.quality.data_set import DataSet, Task
from benchmarks.quality.ways import LEGS, Way
from retrieval.eval.bootstrap import Interval, paired_difference
from retrieval.index import StoreName

Scores = Sequence[Sequence[float]]
"""For each question, in the task's order, a figure for each metric, in the task's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOutcome:
    """One task in every store and way."""

    task: Task
    scores: Mapping[tuple[StoreName, Way], Scores]
    best: Way | None
    """The way with the best headline in the first store; none where only one was measured."""

    @property
    def stores(self) -> list[StoreName]:
        """Those measured."""
        return list(dict.fromkeys(store for store, _ in self.scores))

    @property
    def ways(self) -> list[Way]:
        """Those measured in every store."""
        return [
            way
            for way in dict.fromkeys(way for _, way in self.scores)
            if all((store, way) in self.scores for store in self.stores)
        ]

    def values(self, store: StoreName, way: Way, metric: str) -> list[float]:
        """A figure for each question."""
        column = self.task.metrics.index(metric)
        return [one[column] for one in self.scores[store, way]]

    def mean(self, store: StoreName, way: Way, metric: str) -> float:
        """Over the questions."""
        return fmean(self.values(store, way, metric))

    def against_better_leg(self, store: StoreName, way: Way) -> Interval:
        """How much more the headline is than that of the better leg."""
        headline = self.task.headline
        better = max(LEGS, key=lambda leg: self.mean(store, leg, headline))
        return paired_difference(
            self.values(store, better, headline), self.values(store, way, headline)
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """A data set as it was measured."""

    data_set: DataSet
    tasks: Sequence[TaskOutcome]
