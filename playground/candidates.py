"""Candidates of a sweep: ways of chunking, times ways of asking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import product

from ingest.chunking.settings import chunk_settings
from retrieval.embedding.models import EmbeddingModel
from retrieval.errors import RetrievalError
from retrieval.index import ChunkContext, ChunkSettings, ChunkStrategy
from retrieval.query import DEFAULT_RESULTS, Expansion, FusionMode, Query, Reranking

MAX_CANDIDATES = 2_000


class InvalidGrid(RetrievalError):
    """These settings give nothing to compare; choose at least one of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChoice:
    """All that an index is made by: another one means embedding anew."""

    model_id: str
    chunking: ChunkSettings
    dimensions: int | None = None
    """Of shortened vectors; the model's own unless given."""

    @property
    def name(self) -> str:
        """The strategy and its sizes in a few words."""
        one = self.chunking
        parts = [f"{one.strategy} {one.max_chunk_size}"]
        if one.parent_chunk_size is not None:
            parts.append(f"in {one.parent_chunk_size}")
        if one.semantic_threshold is not None:
            parts.append(f"threshold {one.semantic_threshold:g}")
        if one.overlap:
            parts.append(f"overlap {one.overlap}")
        if one.window_size is not None:
            parts.append(f"window {one.window_size}")
        if one.min_chunk_size:
            parts.append(f"at least {one.min_chunk_size}")
        if one.context != "headers":
            parts.append("no headers" if one.context == "none" else "context by LLM")
        if self.dimensions is not None:
            parts.append(f"{self.dimensions} dimensions")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One setting of everything: how documents are cut, and how questions are asked."""

    index: IndexChoice
    like: Query
    """What each question is asked like."""

    @property
    def name(self) -> str:
        """What it is called in a table."""
        return f"{self.index.name} · {asking(self.like)}"


def asking(like: Query) -> str:
    """The way of asking in a few words."""
    parts = [_leaning(like.alpha)]
    if like.fusion == "reciprocal_rank" and like.alpha not in (0, 1):
        parts.append("by ranks")
    if like.reranking is not None and like.reranking.enabled:
        parts.append("reranked")
    if like.expand != "parent":
        parts.append({"none": "nothing around"}.get(like.expand, f"with {like.expand}"))
    if like.num_results != DEFAULT_RESULTS:
        parts.append(f"{like.num_results} passages")
    if like.max_tokens is not None:
        parts.append(f"at most {like.max_tokens} tokens")
    return ", ".join(parts)


def _leaning(alpha: float | None) -> str:
    match alpha:
        case None:
            return "usual alpha"
        case 0:
            return "words only"
        case 1:
            return "meaning only"
        case _:
            return f"alpha {alpha:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What is to be combined. An option that belongs to one strategy is combined with it alone."""

    model_ids: Sequence[str]
    strategies: Sequence[ChunkStrategy] = ("section",)
    sizes: Sequence[int] = ()
    """Tokens of a chunk at most; the model's default where none is given."""
    overlaps: Sequence[int] = (0,)
    """Fixed-length: tokens."""
    contexts: Sequence[ChunkContext] = ("headers",)
    alphas: Sequence[float | None] = (None,)
    fusions: Sequence[FusionMode] = ("weighted",)
    reranking: Sequence[bool] = (False,)
    expansions: Sequence[Expansion] = ("parent",)
    num_results: int = DEFAULT_RESULTS

    def candidates(self, model_of: Callable[[str], EmbeddingModel]) -> list[Candidate]:
        """Every combination, once.

        Raises `ChunkSizeOutOfRange`, `InvalidChunking`, `InvalidQuery` or `InvalidGrid`.
        """
        combined = (
            Candidate(index=index, like=like)
            for index in self._indexes(model_of)
            for like in self._ways()
        )
        found = list({one.name: one for one in combined}.values())
        if not found:
            empty = [
                one.name
                for one in fields(self)
                if one.name != "sizes" and not getattr(self, one.name)
            ]
            raise InvalidGrid(f"There is none of: {', '.join(empty)}.")
        if len(found) > MAX_CANDIDATES:
            raise InvalidGrid(
                f"{len(found):,} combinations are more than {MAX_CANDIDATES:,}; choose less."
            )
        return found

    def _indexes(self, model_of: Callable[[str], EmbeddingModel]) -> Iterator[IndexChoice]:
        for model_id, strategy, size, context in product(
            self.model_ids, self.strategies, self.sizes or (None,), self.contexts
        ):
            model = model_of(model_id)
            for overlap in self.overlaps if strategy == "fixed" else (None,):
                yield IndexChoice(
                    model_id=model_id,
                    chunking=chunk_settings(
                        model,
                        strategy=strategy,
                        max_chunk_size=size,
                        overlap=overlap,
                        context=context,
                    ),
                )

    def _ways(self) -> Iterator[Query]:
        for alpha, fusion, reranked, expand in product(
            self.alphas, self.fusions, self.reranking, self.expansions
        ):
            yield Query(
                text="-",
                num_results=self.num_results,
                alpha=alpha,
                # One leg alone is fused with nothing.
                fusion="weighted" if alpha in (0, 1) else fusion,
                reranking=Reranking(enabled=reranked) if reranked else None,
                expand=expand,
            )
