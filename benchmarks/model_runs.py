"""What a meter wrote of an embedding model's runs: when, and on how many tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the model on a batch of texts."""

    began: float
    ended: float
    texts: int
    tokens: int
    padded: int
    """Tokens with what makes all texts of the batch as long as its longest."""


def process_of(log: Path) -> int:
    """The id of the process that wrote the log."""
    return int(log.read_text().split(maxsplit=1)[0])


def runs_between(log: Path, began: float, ended: float) -> list[Run]:
    """The runs that began in that time; a model is tried once when it is loaded."""
    runs: list[Run] = []
    for line in log.read_text().splitlines()[1:]:
        start, end, *counts = line.split()
        if began <= float(start) < ended:
            texts, tokens, padded = map(int, counts)
            runs.append(Run(float(start), float(end), texts, tokens, padded))
    return runs


def busy(runs: Iterable[Run]) -> float:
    """Seconds in which at least one of the runs was under way."""
    total, until = 0.0, float("-inf")
    for run in sorted(runs, key=lambda one: one.began):
        total += max(run.ended - max(run.began, until), 0.0)
        until = max(until, run.ended)
    return total


def run_seconds(runs: Sequence[Run]) -> float:
    """Seconds of all runs together: more than has passed where several were under way."""
    return sum(run.ended - run.began for run in runs)
