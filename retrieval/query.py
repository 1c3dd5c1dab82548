"""A question, and how it is to be answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from retrieval.errors import RetrievalError
from retrieval.understanding.understanding import Understanding

FusionMode = Literal["weighted", "reciprocal_rank"]
FUSION_MODES: tuple[FusionMode, ...] = get_args(FusionMode)
Expansion = Literal["parent", "neighbours", "section", "none"]
EXPANSIONS: tuple[Expansion, ...] = get_args(Expansion)

DEFAULT_RESULTS = 10
DEFAULT_RERANKED = 50
MAX_RESULTS = 100
MAX_RERANKED = 200
MAX_QUERY_CHARACTERS = 10_000


class InvalidQuery(RetrievalError):
    """The query cannot be answered as it was asked."""


@dataclass(frozen=True, slots=True)
class Reranking:
    """The best candidates are put into a new order by a model that reads question and passage."""

    candidates: int = DEFAULT_RERANKED
    """1 to `MAX_RERANKED`: how many it reads, and never fewer than there are results."""

    enabled: bool = True
    """False leaves it out although a knowledge base is set to it."""

    def __post_init__(self) -> None:
        if not 1 <= self.candidates <= MAX_RERANKED:
            raise InvalidQuery(
                f"reranking.candidates must be from 1 to {MAX_RERANKED}, not {self.candidates}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question and how to search for it.

    Raises `InvalidQuery` where a value is out of its range.
    """

    text: str
    num_results: int = DEFAULT_RESULTS
    """0 to `MAX_RESULTS`."""

    alpha: float | None = None
    """0 searches by words only, 1 by meaning only; between, both are weighed. As suits the
    knowledge bases, where it is None: see alpha.py."""

    fusion: FusionMode = "weighted"
    """How the two are put together: standardised scores summed, or ranks."""

    filters: Mapping[str, object] = field(default_factory=dict[str, object])
    """As `parse_filter` takes them; each knowledge base has its own fields."""

    reranking: Reranking | None = None
    """As the knowledge base is set, where this is None."""

    understanding: Understanding | None = None
    """Has a language model read the question first."""

    sub_queries: tuple[str, ...] = ()
    """Searched each by itself instead of the text; `understanding` makes them."""

    hypothetical: str | None = None
    """A passage whose meaning is searched together with the text's; so made, too."""

    expand: Expansion = "parent"
    """What comes with a passage: the parent chunk or sentence window where it has one, the chunks
    on either side of it, the section that it stands in, or nothing."""

    max_tokens: int | None = None
    """The most that all texts returned may take, by the embedding model's tokens."""

    min_score: float | None = None
    """Passages with a lower score are left out."""

    max_per_document: int | None = None
    """The most passages of one document."""

    collapse_duplicates: bool = False
    """Of passages that say nearly the same in the same words, only the best is returned."""

    cursor: str | None = None
    """Goes on where an earlier answer to the same query ended."""

    explain: bool = False
    """Tells of every candidate what it scored and why it was left out."""

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InvalidQuery("query is empty; ask something.")
        if len(self.text) > MAX_QUERY_CHARACTERS:
            raise InvalidQuery(f"query is longer than {MAX_QUERY_CHARACTERS} characters.")
        if not 0 <= self.num_results <= MAX_RESULTS:
            raise InvalidQuery(
                f"num_results must be from 0 to {MAX_RESULTS}, not {self.num_results}."
            )
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise InvalidQuery(f"alpha must be from 0 to 1, not {self.alpha}.")
        for name in ("max_tokens", "max_per_document"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidQuery(f"{name} must be at least 1, not {value}.")
