"""An index version: the settings under which a knowledge base's documents were indexed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from retrieval.analysis import DEFAULT_LANGUAGE, Language
from retrieval.embedding.models import EmbeddingModel

StoreName = Literal["pgvector", "weaviate"]
STORES: tuple[StoreName, ...] = get_args(StoreName)
DEFAULT_STORE: StoreName = "pgvector"

VectorStorage = Literal["float", "half", "binary"]
VECTOR_STORAGES: tuple[VectorStorage, ...] = get_args(VectorStorage)
DEFAULT_VECTOR_STORAGE: VectorStorage = "half"

ChunkStrategy = Literal["section", "semantic", "hierarchical", "sentence_window", "fixed"]
CHUNK_STRATEGIES: tuple[ChunkStrategy, ...] = get_args(ChunkStrategy)
ChunkContext = Literal["none", "headers", "llm"]
CHUNK_CONTEXTS: tuple[ChunkContext, ...] = get_args(ChunkContext)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkSettings:
    """How documents are cut; `ingest.chunking` says which values go together."""

    strategy: ChunkStrategy = "section"
    max_chunk_size: int
    """Of what is embedded and found: tokens of the embedding model, special tokens included."""

    parent_chunk_size: int | None = None
    """Hierarchical only: of the larger chunk that comes with a found one, in the same tokens."""

    semantic_threshold: float | None = None
    """Semantic only: the share of the places between sentences where a cut is favoured."""

    overlap: int = 0
    """Fixed-length only: tokens of a chunk that are repeated in the next."""

    window_size: int | None = None
    """Sentence window only: how many sentences on either side come with a found one."""

    min_chunk_size: int = 0
    """Section and semantic only: what holds fewer tokens of text is joined with a neighbour."""

    context: ChunkContext = "headers"
    """What is indexed before a chunk's text: nothing, the titles above it, or also a line that a
    language model wrote. A part of a table has its header row in any case.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """Parser, chunker and embedder of an index version. Another setting is another version."""

    parser: str
    """Version of the parsers, such as `1`: a canonical text belongs to exactly one."""

    embedding_model: EmbeddingModel
    chunking: ChunkSettings
    store: StoreName = DEFAULT_STORE
    """Where its chunks are kept."""

    vector_storage: VectorStorage = DEFAULT_VECTOR_STORAGE
    """4 or 2 bytes a number; `binary` finds by 1 bit a number, and ranks what is near by its bits
    by the 2 bytes. Weaviate, which keeps no halves, has 4 bytes for each of these.
    """

    language: Language | None = None
    """What its documents are written in; found out for each one unless it is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexVersion:
    """One index of a knowledge base; the live one answers queries."""

    id: UUID
    number: int
    settings: IndexSettings
    found_languages: tuple[Language, ...] = ()
    """What documents in it turned out to be written in."""

    @property
    def languages(self) -> tuple[Language, ...]:
        """What questions are analysed as."""
        return self.found_languages or (self.settings.language or DEFAULT_LANGUAGE,)
