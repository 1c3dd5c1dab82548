"""The answer to a query: passages, and all that is to be said of how they were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

from retrieval.passage import Passage
from retrieval.query import Query
from retrieval.scope import Scope
from retrieval.understanding.understanding import Understood


@dataclass(frozen=True, slots=True, kw_only=True)
class Omitted:
    """What the token budget left no room for."""

    uri: str
    """The citation of the passage."""

    part: Literal["passage", "parent"]
    """All of it, or only what is around it."""

    tokens: int
    """What it would have taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranked:
    """What became of the reranking that was asked for."""

    model: str
    applied: bool
    error: str | None = None
    """Why it was not; the passages are in the fused order then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateReport:
    """One candidate. Ranks count from 1; none where a stage did not see it."""

    passage: Passage
    semantic_rank: int | None
    lexical_rank: int | None
    fused_rank: int
    fused_score: float
    reranked_rank: int | None
    reranked_score: float | None
    dropped: str | None
    """Why it is not in the answer; none where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """Passages, best first."""

    passages: tuple[Passage, ...]
    index_versions: Mapping[UUID, int]
    """The number of the index version that answered, by knowledge base."""

    omitted: tuple[Omitted, ...] = ()
    next_cursor: str | None = None
    """Where to go on; none at the end."""

    reranked: Reranked | None = None
    """None where it was not asked for."""

    understood: Understood | None = None
    """What a language model made of the question, where it was asked to."""

    explanation: tuple[CandidateReport, ...] = field(default=())
    """Every candidate in the order of the last stage, where that was asked for."""

    @property
    def index_version(self) -> int:
        """Of the first knowledge base."""
        return next(iter(self.index_versions.values()))

    @property
    def truncated(self) -> bool:
        """The token budget left something out."""
        return bool(self.omitted)


class Retrieve(Protocol):
    """The read path as its doors see it."""

    async def __call__(self, scopes: Sequence[Scope], query: Query) -> Retrieval: ...
