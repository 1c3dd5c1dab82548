"""How documents are to be cut in the Chunk view, as its sliders say it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ingest.chunking.settings import (
    DEFAULT_THRESHOLD,
    DEFAULT_WINDOW,
    MAX_PARENT_TOKENS,
    MAX_WINDOW,
    MIN_CHUNK_TOKENS,
    PARENT_CHUNKS,
    chunk_settings,
    default_chunk_size,
)
from retrieval.embedding.models import EmbeddingModel
from retrieval.index import ChunkContext, ChunkSettings, ChunkStrategy


class ChunkChoice(BaseModel):
    """One configuration. What belongs to another strategy is kept and has no effect."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    strategy: ChunkStrategy = "section"
    size: int | None = Field(default=None, ge=1)
    """Tokens of a chunk at most; as suits the model where it is None."""

    context: ChunkContext = "headers"
    smallest: int = Field(default=0, ge=0, le=50)
    """Section and semantic: per cent of a chunk that is joined with a neighbour."""

    threshold: float = Field(default=DEFAULT_THRESHOLD, ge=0, le=1)
    parents: int = Field(default=PARENT_CHUNKS, ge=2, le=20)
    """Hierarchical: how many chunks a larger one has room for."""

    window: int = Field(default=DEFAULT_WINDOW, ge=1, le=MAX_WINDOW)
    overlap: int = Field(default=0, ge=0, le=50)
    """Fixed length: per cent of a chunk that is repeated in the next."""

    def settings(self, model: EmbeddingModel) -> ChunkSettings:
        """What an index version is made with; sizes beyond the model's are taken as its own."""
        wanted = default_chunk_size(model) if self.size is None else self.size
        size = max(MIN_CHUNK_TOKENS, min(wanted, model.max_tokens))
        is_joining = self.strategy in {"section", "semantic"}
        return chunk_settings(
            model,
            strategy=self.strategy,
            max_chunk_size=size,
            context=self.context,
            min_chunk_size=size * self.smallest // 100 if is_joining else None,
            semantic_threshold=self.threshold if self.strategy == "semantic" else None,
            parent_chunk_size=min(self.parents * size, MAX_PARENT_TOKENS)
            if self.strategy == "hierarchical"
            else None,
            window_size=self.window if self.strategy == "sentence_window" else None,
            overlap=size * self.overlap // 100 if self.strategy == "fixed" else None,
        )
