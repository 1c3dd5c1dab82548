"""Chunk settings as they are shown: what `kb.api.chunking` takes, so that it can be sent back."""

from __future__ import annotations

from pydantic import BaseModel

from kb.api.chunking import ALGORITHMS, ChunkingOptions
from retrieval.index import ChunkSettings

_NAMES = {strategy: name for name, strategy in reversed(ALGORITHMS.items()) if name.isupper()}


class ChunkingBody(BaseModel):
    """How documents are cut; for other bodies to extend."""

    chunking_algorithm: str
    chunking_options: ChunkingOptions


def algorithm(settings: ChunkSettings) -> str:
    """DigitalOcean's name of the strategy."""
    return _NAMES[settings.strategy]


def options(settings: ChunkSettings) -> ChunkingOptions:
    """The options that belong to the strategy."""
    is_hierarchical = settings.strategy == "hierarchical"
    return ChunkingOptions(
        max_chunk_size=None if is_hierarchical else settings.max_chunk_size,
        child_chunk_size=settings.max_chunk_size if is_hierarchical else None,
        parent_chunk_size=settings.parent_chunk_size,
        semantic_threshold=settings.semantic_threshold,
        overlap=settings.overlap if settings.strategy == "fixed" else None,
        window_size=settings.window_size,
        min_chunk_size=settings.min_chunk_size or None,
        context=settings.context,
    )
