"""Chunk settings on the command line: from options, and in a few words."""

from __future__ import annotations

from typing import Any, TypedDict

from ingest.chunking.settings import chunk_settings
from retrieval.embedding.models import EmbeddingModel
from retrieval.index import ChunkContext, ChunkSettings, ChunkStrategy


class ChunkChoice(TypedDict):
    """What was asked for; none for what was not."""

    strategy: ChunkStrategy | None
    max_chunk_size: int | None
    parent_chunk_size: int | None
    semantic_threshold: float | None
    overlap: int | None
    window_size: int | None
    min_chunk_size: int | None
    context: ChunkContext | None


def chosen(
    choice: ChunkChoice, model: EmbeddingModel, otherwise: ChunkSettings
) -> ChunkSettings | None:
    """Checked settings, or none where nothing was asked for.

    A strategy that is not named stays what it is otherwise, as in a request to the API. Raises
    `ChunkSizeOutOfRange` or `InvalidChunking`.
    """
    given: dict[str, Any] = {name: value for name, value in choice.items() if value is not None}
    if not given:
        return None
    given.setdefault("strategy", otherwise.strategy)
    return chunk_settings(model, **given)


def described(chunking: ChunkSettings) -> str:
    """The strategy and its sizes in a few words."""
    parts = [f"{chunking.strategy} chunks of up to {chunking.max_chunk_size} tokens"]
    if chunking.parent_chunk_size is not None:
        parts.append(f"in parents of up to {chunking.parent_chunk_size}")
    if chunking.semantic_threshold is not None:
        parts.append(f"threshold {chunking.semantic_threshold:g}")
    if chunking.overlap:
        parts.append(f"overlapping by {chunking.overlap}")
    if chunking.window_size is not None:
        parts.append(f"{chunking.window_size} on either side")
    if chunking.min_chunk_size:
        parts.append(f"joined below {chunking.min_chunk_size}")
    if chunking.context != "headers":
        parts.append(f"context {chunking.context}")
    return ", ".join(parts)
