"""Which gold a passage finds, and what that makes of an answer's passages as a ranking."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.eval.question import Gold
from retrieval.eval.spans import Place, shared

FOUND_SHARE = 0.5
"""Of the passage or of the gold, whichever is shorter: so much must be in both. A long passage
finds a sentence by holding half of it, a short one finds a section by standing half inside."""


def finds(passage: Place, gold: Gold) -> bool:
    """Whether the passage answers by what this gold says; any passage finds a whole document."""
    if gold.span is None:
        return passage.document == gold.document
    place = Place(gold.document, *gold.span)
    shorter = min(passage.end - passage.start, place.end - place.start)
    return shorter > 0 and shared(passage, place) >= FOUND_SHARE * shorter


def judgements(gold: Sequence[Gold]) -> dict[str, int]:
    """Grades by key; of gold given twice the better one."""
    found: dict[str, int] = {}
    for one in gold:
        found[_key(one)] = max(one.grade, found.get(_key(one), 0))
    return found


def ranking(passages: Sequence[Place], gold: Sequence[Gold]) -> list[str]:
    """What the passages find, best first: keys of gold, and others for what is none.

    A passage that holds several stands for each of them. One that only repeats what is found
    already takes no place, nor does a second one of the same wrong document where documents are
    asked for: that is how BEIR ranks documents by their passages.
    """
    by_document = all(one.span is None for one in gold)
    ranked: list[str] = []
    for passage in passages:
        found = [one for one in gold if finds(passage, one)]
        best_first = sorted(found, key=lambda one: -one.grade)
        ranked += [_key(one) for one in best_first] or [
            passage.document if by_document else _place_key(passage)
        ]
    return list(dict.fromkeys(ranked))


def gold_ranks(passages: Sequence[Place], gold: Sequence[Gold]) -> list[int | None]:
    """For each gold the number of the first passage that finds it, from 1."""
    return [
        next((rank for rank, one in enumerate(passages, start=1) if finds(one, wanted)), None)
        for wanted in gold
    ]


def _key(gold: Gold) -> str:
    return gold.document if gold.span is None else _place_key(Place(gold.document, *gold.span))


def _place_key(place: Place) -> str:
    return f"{place.document}?start={place.start}&end={place.end}"
