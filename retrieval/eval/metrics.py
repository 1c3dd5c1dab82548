"""Metrics of a ranking by trec_eval's formulas; ids stand for whatever is to be found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

Judgements = Mapping[str, int]
"""Relevance by id; what is not named has none."""


def ndcg(ranking: Sequence[str], judged: Judgements, *, depth: int) -> float:
    """trec_eval's `ndcg_cut`: relevance over log2(rank + 1), as a share of the best possible."""
    ideal = _gain(sorted(judged.values(), reverse=True)[:depth])
    found = _gain([judged.get(one, 0) for one in ranking[:depth]])
    return found / ideal if ideal else 0.0


def recall(ranking: Sequence[str], judged: Judgements, *, depth: int) -> float:
    """The share of what is relevant that stands among the first `depth`."""
    relevant = _relevant(judged)
    return len(relevant.intersection(ranking[:depth])) / len(relevant) if relevant else 0.0


def precision(ranking: Sequence[str], judged: Judgements, *, depth: int) -> float:
    """The share of the first `depth` that is relevant; places that nothing takes count as not."""
    return len(_relevant(judged).intersection(ranking[:depth])) / depth


def reciprocal_rank(ranking: Sequence[str], judged: Judgements) -> float:
    """One over the rank of the first that is relevant; its mean is MRR."""
    relevant = _relevant(judged)
    return next((1 / rank for rank, one in enumerate(ranking, start=1) if one in relevant), 0.0)


def average_precision(ranking: Sequence[str], judged: Judgements) -> float:
    """Precision at each rank that is relevant, over all that is relevant; its mean is MAP."""
    relevant = _relevant(judged)
    total, found = 0.0, 0
    for rank, one in enumerate(ranking, start=1):
        if one in relevant:
            found += 1
            total += found / rank
    return total / len(relevant) if relevant else 0.0


def _relevant(judged: Judgements) -> set[str]:
    return {one for one, relevance in judged.items() if relevance > 0}


def _gain(relevances: Sequence[int]) -> float:
    return sum(
        max(0, relevance) / log2(rank + 1) for rank, relevance in enumerate(relevances, start=1)
    )
