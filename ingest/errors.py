"""What can go wrong between a document's bytes and its chunks in the index."""

from __future__ import annotations

from retrieval.errors import ServiceError


class IngestError(ServiceError):
    """The document could not be indexed."""


class ChunkSizeOutOfRange(IngestError):
    """max_chunk_size is outside what the knowledge base's embedding model allows."""


class InvalidChunking(IngestError):
    """These chunking options do not go together."""
