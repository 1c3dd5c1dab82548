"""An index version: the settings under which a knowledge base's documents were indexed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from retrieval.embedding.models import EmbeddingModel


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """Parser, chunker and embedder of an index version. Another setting is another version."""

    parser: str
    """Version of the parsers, such as `1`: a canonical text belongs to exactly one."""

    embedding_model: EmbeddingModel
    max_chunk_size: int
    """Tokens of the embedding model, special tokens included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexVersion:
    """One index of a knowledge base; the live one answers queries."""

    id: UUID
    number: int
    settings: IndexSettings
