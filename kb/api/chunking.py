"""Chunk settings under DigitalOcean's names."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ingest.chunking.settings import chunk_settings
from ingest.errors import InvalidChunking
from retrieval.embedding.models import EmbeddingModel
from retrieval.index import CHUNK_STRATEGIES, ChunkSettings, ChunkStrategy

_PREFIX = "CHUNKING_ALGORITHM_"
ALGORITHMS: dict[str, ChunkStrategy] = {
    f"{_PREFIX}SECTION_BASED": "section",
    f"{_PREFIX}SEMANTIC": "semantic",
    f"{_PREFIX}HIERARCHICAL": "hierarchical",
    f"{_PREFIX}FIXED_LENGTH": "fixed",
    f"{_PREFIX}UNKNOWN": "section",  # what their specification has as the default
    **{strategy: strategy for strategy in CHUNK_STRATEGIES},
}


def _unset(value: object) -> object:
    return None if value == 0 else value


# Go clients send 0 for what was not set.
Tokens = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_unset)]


class ChunkingOptions(BaseModel):
    """Sizes in tokens of the embedding model; each belongs to one algorithm or more."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    max_chunk_size: Tokens = None
    """Of a chunk at most; as many as the embedding model reads unless given."""
    semantic_threshold: float | None = None
    """Semantic: share of the places between sentences where a cut is favoured; 0.5."""
    parent_chunk_size: Tokens = None
    """Hierarchical: of the larger chunk that is returned; five children unless given."""
    child_chunk_size: Tokens = None
    """Hierarchical: of the chunk that is embedded and found."""
    overlap: int | None = None
    """Fixed-length: tokens of a chunk repeated in the next; 0."""


def chunking(
    model: EmbeddingModel, algorithm: str | None, options: ChunkingOptions | None
) -> ChunkSettings:
    """Checked settings. Raises `ChunkSizeOutOfRange` or `InvalidChunking`."""
    options = options or ChunkingOptions()
    strategy = ALGORITHMS.get(algorithm or "section")
    if strategy is None:
        raise InvalidChunking(f"chunking_algorithm is one of {', '.join(ALGORITHMS)}.")
    child = options.child_chunk_size
    if child is not None and strategy != "hierarchical":
        raise InvalidChunking(f"child_chunk_size belongs to hierarchical, not to {strategy}.")
    return chunk_settings(
        model,
        strategy=strategy,
        max_chunk_size=options.max_chunk_size if child is None else child,
        parent_chunk_size=options.parent_chunk_size,
        semantic_threshold=options.semantic_threshold,
        overlap=options.overlap,
    )
