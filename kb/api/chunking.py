"""Chunk settings under DigitalOcean's names."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ingest.chunking.settings import chunk_settings
from ingest.errors import InvalidChunking
from retrieval.embedding.models import EmbeddingModel
from retrieval.index import CHUNK_STRATEGIES, ChunkContext, ChunkSettings, ChunkStrategy

_PREFIX = "CHUNKING_ALGORITHM_"
ALGORITHMS: dict[str, ChunkStrategy] = {
    f"{_PREFIX}SECTION_BASED": "section",
    f"{_PREFIX}SEMANTIC": "semantic",
    f"{_PREFIX}HIERARCHICAL": "hierarchical",
    f"{_PREFIX}SENTENCE_WINDOW": "sentence_window",
    f"{_PREFIX}FIXED_LENGTH": "fixed",
    f"{_PREFIX}UNKNOWN": "section",  # what their specification has as the default
    **{strategy: strategy for strategy in CHUNK_STRATEGIES},
}


def _unset(value: object) -> object:
    return None if value in (0, "") else value


# Go clients send 0, or an empty string, for what was not set.
Count = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_unset)]
Context = Annotated[ChunkContext | None, BeforeValidator(_unset)]


class ChunkingOptions(BaseModel):
    """Sizes in tokens of the embedding model; each belongs to one algorithm or more."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    max_chunk_size: Count = None
    """Of a chunk at most; as many as the embedding model reads, or 800, unless given."""
    semantic_threshold: float | None = None
    """Semantic: share of the places between sentences where a cut is favoured; 0.5."""
    parent_chunk_size: Count = None
    """Hierarchical: of the larger chunk that is returned; five children unless given."""
    child_chunk_size: Count = None
    """Hierarchical: of the chunk that is embedded and found."""
    overlap: int | None = None
    """Fixed-length: tokens of a chunk repeated in the next; 0."""
    window_size: Count = None
    """Sentence window: how many sentences on either side are returned with one, 1 to 10; 3."""
    min_chunk_size: Count = None
    """Section-based and semantic: what holds fewer tokens of text is joined with a neighbour."""
    context: Context = None
    """What is indexed before a chunk's text, and never quoted: `none`, `headers` for document
    title and section path (taken unless given), or `llm` for a line on top of them with which a
    language model situates the chunk in its document.
    """


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
        window_size=options.window_size,
        min_chunk_size=options.min_chunk_size,
        context=options.context or "headers",
    )
