"""The one seam to an index: what retrieval and ingestion ask of any store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from retrieval.analysis import DEFAULT_LANGUAGE, Language
from retrieval.chunk import Chunk
from retrieval.errors import RetrievalError
from retrieval.filters import Filter
from retrieval.index import IndexVersion
from retrieval.scope import Scope

Vector = NDArray[np.float32]
MetadataValue = str | float | bool | datetime | tuple[str, ...]


class IndexNotFound(RetrievalError):
    """This index version has no index in the store; it was dropped or never finished building."""


class StoreNotConfigured(RetrievalError):
    """This installation has no such store. Set KB_WEAVIATE_URL to a Weaviate that runs, or
    KB_STORE=weaviate to have one started here."""


class StoreUnavailable(RetrievalError):
    """The store does not answer; try again in a moment."""


class DimensionMismatch(RetrievalError):
    """The index was built with another embedding size; reindex or pick the original model."""


class TooManyDimensions(RetrievalError):
    """The store indexes no vectors of this size; shorten them, or take another vector storage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentVersion:
    """The version of a document that chunks belong to."""

    document_id: UUID
    version_id: UUID
    version_number: int
    item_name: str
    """File name, relative path or URL: what people know the document by."""

    ingested_at: datetime
    source: str = ""
    """The id of the data source that it comes from."""

    language: Language = DEFAULT_LANGUAGE
    """What its words are analysed as."""

    metadata: Mapping[str, MetadataValue] = field(default_factory=dict[str, "MetadataValue"])
    """Values of the fields that the knowledge base declares; none is null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreQuery:
    """What to search for: by meaning, by words, or both."""

    vector: Vector | None = None
    """Unit length, shape (dimensions,)."""

    text: str | None = None
    languages: Sequence[Language] = (DEFAULT_LANGUAGE,)
    """What the index's documents are written in; the text is analysed as each."""

    found: Candidates | None = None
    """What a search for the same found, where the caller has it at hand; saves `read` some work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Scores by chunk id, best first: inner products of unit vectors, and BM25."""

    semantic: Mapping[int, float] = field(default_factory=dict[int, float])
    lexical: Mapping[int, float] = field(default_factory=dict[int, float])
    term_weights: Mapping[int, float] | None = field(default=None, compare=False)
    """What the text's terms were weighed with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChunk:
    """A chunk read back, with both its exact scores for the query it was read for."""

    id: int
    chunk: Chunk
    document: DocumentVersion
    semantic: float | None
    lexical: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """How much a point of either leg's score counts."""

    semantic: float = 1.0
    lexical: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Chunks read back."""

    chunks: list[StoredChunk]
    found: int
    """How many of the chunks asked for are still there, returned or not. Of those whose scores were
    given, only what would have been returned is sure to be looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """A document as an index holds it."""

    document: DocumentVersion
    chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where a chunk stands in its document, without its text."""

    position: int
    char_start: int
    char_end: int
    section_path: tuple[str, ...]


class Store(Protocol):
    """Holds the chunks of index versions. Every call sees one scope's chunks and no others."""

    async def create(self, scope: Scope, index: IndexVersion) -> None:
        """Make an empty index. Does nothing where it exists."""
        ...

    async def drop(self, scope: Scope, index: IndexVersion) -> None:
        """Forget an index with all its chunks. Does nothing where there is none."""
        ...

    async def replace(
        self,
        scope: Scope,
        index: IndexVersion,
        document: DocumentVersion,
        chunks: Sequence[Chunk],
        vectors: Sequence[Vector],
    ) -> None:
        """Make these the document's only chunks, all at once; no chunks forget the document.

        Until it returns the document's former chunks are found, and if it raises they stay.
        Raises `DimensionMismatch` or `IndexNotFound`.
        """
        ...

    async def vectors(
        self, scope: Scope, index: IndexVersion, document_id: UUID
    ) -> dict[bytes, Vector]:
        """The document's vectors by content hash, so that unchanged chunks keep theirs."""
        ...

    async def search(
        self,
        scope: Scope,
        index: IndexVersion,
        query: StoreQuery,
        *,
        limit: int,
        filters: Filter | None,
    ) -> Candidates:
        """The best `limit` chunks that match the filter, for each leg the query asks for."""
        ...

    async def read(
        self,
        scope: Scope,
        index: IndexVersion,
        query: StoreQuery,
        ids: Sequence[int],
        *,
        best: int,
        blend: Blend,
    ) -> Reading:
        """The best of these chunks by the blend of their exact scores, which come with them."""
        ...

    async def documents(self, scope: Scope, index: IndexVersion) -> list[StoredDocument]:
        """Every document that has chunks in the index."""
        ...

    async def spans(
        self, scope: Scope, index: IndexVersion, wanted: Sequence[tuple[UUID, int, int]]
    ) -> list[list[Span]]:
        """For each document version's first and last position, the chunks from the one to the
        other, in order; none where the index holds another version by now.
        """
        ...

    async def count(self, scope: Scope, index: IndexVersion) -> int:
        """How many chunks the index holds."""
        ...
