"""The ways in which every question is asked."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.query import FusionMode


@dataclass(frozen=True, slots=True)
class Way:
    """What a request sets of how both legs are put together."""

    name: str
    alpha: float | None
    """None is what a request gets that does not say."""
    fusion: FusionMode = "weighted"


WORDS = Way("words", 0)
MEANING = Way("meaning", 1)
BOTH = Way("both", None)
RANKS = Way("both, by ranks", None, "reciprocal_rank")
LEGS = (WORDS, MEANING)
WAYS = (*LEGS, BOTH, RANKS)

TRIED = tuple(Way(f"both, alpha {alpha:g}", alpha) for alpha in (0.2, 0.35, 0.65, 0.8))
"""Beside `BOTH` and `RANKS`, to see what a setting chosen for a data set would bring."""
