"""Retrieval metrics by trec_eval's formulas, and percentiles of timings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, log2

Judgements = Mapping[str, int]
"""Relevance by document id; a document that is not named has none."""


def ndcg(ranking: Sequence[str], judged: Judgements, *, depth: int) -> float:
    """trec_eval's `ndcg_cut`: relevance over log2(rank + 1), as a share of the best possible."""
    ideal = _gain(sorted(judged.values(), reverse=True)[:depth])
    found = _gain([judged.get(document, 0) for document in ranking[:depth]])
    return found / ideal if ideal else 0.0


def recall(ranking: Sequence[str], judged: Judgements, *, depth: int) -> float:
    """The share of the relevant documents that stand among the first `depth`."""
    relevant = {document for document, relevance in judged.items() if relevance > 0}
    return len(relevant.intersection(ranking[:depth])) / len(relevant) if relevant else 0.0


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of them do not exceed."""
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]


def _gain(relevances: Sequence[int]) -> float:
    return sum(
        max(0, relevance) / log2(rank + 1) for rank, relevance in enumerate(relevances, start=1)
    )
