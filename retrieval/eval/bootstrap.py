"""How sure a mean is, and a difference of two: the bootstrap over questions.

Percentile intervals as in Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13;
for differences, questions are drawn in pairs, as Sakai has it for retrieval (SIGIR 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 0.95
SEED = 0  # the same figures give the same interval
MIN_QUESTIONS = 6  # of fewer no sign test reaches 5 % either: 2 / 2**5 is 6 %
_BLOCK = 2_000_000  # draws at a time: 16 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over questions, and where it would lie had others like these been asked."""

    mean: float
    low: float
    high: float
    questions: int

    @property
    def is_noise(self) -> bool:
        """Of a difference: it may as well be none, or there are too few questions to tell."""
        return self.questions < MIN_QUESTIONS or self.low <= 0 <= self.high


def interval(values: Sequence[float], *, seed: int = SEED) -> Interval:
    """The mean of one value a question, with its 95 % interval. There must be a value."""
    drawn = np.asarray(values, dtype=np.float64)
    count = len(drawn)
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // count)
    means = np.concatenate(
        [
            drawn[rng.integers(0, count, (min(rows, RESAMPLES - done), count))].mean(axis=1)
            for done in range(0, RESAMPLES, rows)
        ]
    )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(drawn.mean()), float(low), float(high), count)


def paired_difference(
    before: Sequence[float], after: Sequence[float], *, seed: int = SEED
) -> Interval:
    """How much `after` is more than `before`, question by question. There must be a question."""
    pairs = zip(before, after, strict=True)
    return interval([late - early for early, late in pairs], seed=seed)
