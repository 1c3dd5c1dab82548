"""Which candidates nobody beats: none is better in quality without costing more."""

from __future__ import annotations

from collections.abc import Sequence

from playground.measured import INDEX_BYTES, Measured
from retrieval.eval.results import COSTS

PRICES = ("tokens", "latency_ms", INDEX_BYTES)
"""What quality is weighed against."""


def front(found: Sequence[Measured], *, star: str, price: str) -> list[Measured]:
    """The cheapest first; each later one costs more and is better."""
    best: list[Measured] = []
    sign = -1 if star in COSTS else 1
    for one in sorted(found, key=lambda one: (one.figures[price], -sign * one.figures[star])):
        if not best or sign * one.figures[star] > sign * best[-1].figures[star]:
            best.append(one)
    return best
