"""Chunk settings in a request where they may be left out."""

from __future__ import annotations

from pydantic import BaseModel

from kb.api.chunking import ChunkingOptions, chunking
from kb.api.unset import OptionalText
from retrieval.embedding.models import EmbeddingModel
from retrieval.index import ChunkSettings

UNKNOWN = "CHUNKING_ALGORITHM_UNKNOWN"  # what DigitalOcean's specification has for "not set"


class ChunkingRequest(BaseModel):
    """The two fields; for other requests to extend."""

    chunking_algorithm: OptionalText = None
    chunking_options: ChunkingOptions | None = None

    def chunking(self, model: EmbeddingModel, otherwise: ChunkSettings) -> ChunkSettings | None:
        """Checked settings, or none where nothing is said of them.

        An algorithm that is not named stays what it is otherwise. Raises `ChunkSizeOutOfRange` or
        `InvalidChunking`.
        """
        algorithm = None if self.chunking_algorithm == UNKNOWN else self.chunking_algorithm
        if algorithm is None and self.chunking_options in (None, ChunkingOptions()):
            return None
        return chunking(model, algorithm or otherwise.strategy, self.chunking_options)
