"""Several questions ranked each by itself, and their rankings put together by reciprocal rank."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from retrieval.fusion import RANK_CONSTANT, Key, Pool
from retrieval.passage import Passage
from retrieval.query import Query
from retrieval.ranking import Ranking, rank
from retrieval.target import Target


async def rank_all(
    targets: Sequence[Target],
    query: Query,
    questions: Sequence[str],
    *,
    depth: int,
    everything: bool,
) -> Ranking:
    """As `rank`, for several questions asked in the query's manner; one alone keeps its scores."""
    rankings = await asyncio.gather(
        *(
            rank(targets, replace(query, text=question), depth=depth, everything=everything)
            for question in questions
        )
    )
    if len(rankings) == 1:
        return rankings[0]
    merged = merge(rankings)
    if everything or len(merged.passages) <= depth:
        return merged
    return replace(
        merged, passages=merged.passages[:depth], keys=merged.keys[:depth], is_complete=False
    )


def merge(rankings: Sequence[Ranking]) -> Ranking:
    """A passage scores 1 / (60 + rank), summed over the rankings that have it.

    Its other scores are those of the ranking that has it highest; the first of several.
    """
    scores: defaultdict[Key, float] = defaultdict(float)
    best: dict[Key, tuple[int, Passage]] = {}
    for ranking in rankings:
        for place, (key, passage) in enumerate(zip(ranking.keys, ranking.passages, strict=True), 1):
            scores[key] += 1 / (RANK_CONSTANT + place)
            if key not in best or place < best[key][0]:
                best[key] = place, passage
    keys = sorted(scores, key=lambda key: -scores[key])  # equal ones as they were found
    return Ranking(
        passages=[replace(best[key][1], score=scores[key]) for key in keys],
        keys=keys,
        pool=Pool(
            semantic=_highest([ranking.pool.semantic for ranking in rankings]),
            lexical=_highest([ranking.pool.lexical for ranking in rankings]),
        ),
        is_complete=all(ranking.is_complete for ranking in rankings),
    )


def _highest(legs: Sequence[Mapping[Key, float]]) -> dict[Key, float]:
    found: dict[Key, float] = {}
    for leg in legs:
        for key, score in leg.items():
            found[key] = max(score, found.get(key, score))
    return found
