"""What puts candidates into a better order, as the read path sees it."""

from __future__ import annotations

from collections.abc import Sequence
from math import tanh
from typing import Protocol

from retrieval.errors import RetrievalError


class RerankingFailed(RetrievalError):
    """The reranker gave no scores; the fused order is as good as without one."""


class Reranker(Protocol):
    """Reads the question together with each passage. Safe to use from many tasks at once."""

    @property
    def model(self) -> str:
        """What it is called in answers; see `model_id`."""
        ...

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        """A score from 0 to 1 for each passage, in their order; higher answers better.

        Raises `RerankingFailed`.
        """
        ...


def model_id(name: str) -> str:
    """`bge-reranker-v2-m3` for `BAAI/bge-reranker-v2-m3`, or for a folder of that name."""
    return name.rstrip("/").rpartition("/")[2].lower()


def probability(logit: float) -> float:
    """The logistic function, which no logit is too large for."""
    return 0.5 * (1 + tanh(logit / 2))
