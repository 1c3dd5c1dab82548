"""Percentiles of timings, beside the product's own metrics of rankings."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from retrieval.eval.metrics import ndcg, recall

__all__ = ["ndcg", "percentile", "recall"]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of them do not exceed."""
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]
