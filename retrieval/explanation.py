"""Why each candidate is where it is: its rank and score in every stage, and what left it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retrieval.fusion import Key, best
from retrieval.ranking import Ranking
from retrieval.retrieval import CandidateReport


def explain(
    ranking: Ranking,
    order: Sequence[int],
    reranked: Mapping[int, float],
    dropped: Mapping[int, str],
) -> tuple[CandidateReport, ...]:
    """`order` holds places in the ranking as the last stage puts them, `reranked` the reranker's
    scores by place, `dropped` the reasons.
    """
    semantic, lexical = _ranks(ranking.pool.semantic), _ranks(ranking.pool.lexical)
    by_reranker = sorted(reranked, key=reranked.__getitem__, reverse=True)
    reranked_ranks = {place: rank for rank, place in enumerate(by_reranker, start=1)}
    return tuple(
        CandidateReport(
            passage=ranking.passages[place],
            semantic_rank=semantic.get(ranking.keys[place]),
            lexical_rank=lexical.get(ranking.keys[place]),
            fused_rank=place + 1,
            fused_score=ranking.passages[place].score,
            reranked_rank=reranked_ranks.get(place),
            reranked_score=reranked.get(place),
            dropped=dropped.get(place),
        )
        for place in order
    )


def _ranks(leg: Mapping[Key, float]) -> dict[Key, int]:
    return {key: rank for rank, key in enumerate(best(leg, len(leg)), start=1)}
