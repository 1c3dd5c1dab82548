"""Chunks and documents as Weaviate's objects, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from weaviate.classes.data import DataObject

from retrieval.analysis import Language, analyze
from retrieval.analysis.question import analyze_question
from retrieval.chunk import Chunk
from retrieval.metadata import as_json, from_json
from retrieval.store import DocumentVersion, Span, StoredDocument, Vector
from retrieval.stores.weaviate_facts import facts
from retrieval.stores.weaviate_ids import chunk_id, document_object_id

Properties = Mapping[str, Any]
CHUNK_PROPERTIES = (
    *("document_id", "version_id", "version_number", "item_name", "ingested_at", "source"),
    *("language", "metadata", "position", "text", "context", "char_start", "char_end"),
    *("parent_start", "parent_end", "page", "section_path", "category", "token_count"),
)


SPAN_PROPERTIES = ("position", "char_start", "char_end", "section_path")
GENERATION_PROPERTIES = ("generation", "chunks", "written_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """Chunks of one document that were written together."""

    id: UUID
    chunks: int
    written_at: float
    """In seconds since 1970, by the writer's clock."""


def document_terms(chunk: Chunk, language: Language) -> str:
    """The words that the chunk is found by, parted by blanks."""
    return " ".join(analyze(chunk.indexed_text, language))


def query_terms(text: str, languages: Sequence[Language]) -> str:
    """Each term as often as `bm25.query_terms` counts it."""
    return " ".join(analyze_question(text, languages).elements())


def chunk_objects(
    document: DocumentVersion,
    generation: UUID,
    begun_at: float,
    chunks: Sequence[Chunk],
    vectors: Sequence[Vector],
) -> list[DataObject[Properties, None]]:
    """Chunks with all that they are found, filtered and read by."""
    return [
        _chunk_object(document, generation, begun_at, chunk, vector)
        for chunk, vector in zip(chunks, vectors, strict=True)
    ]


def _chunk_object(
    document: DocumentVersion, generation: UUID, begun_at: float, chunk: Chunk, vector: Vector
) -> DataObject[Properties, None]:
    optional = {
        "page": chunk.page,
        "parent_start": chunk.parent and chunk.parent[0],
        "parent_end": chunk.parent and chunk.parent[1],
    }
    return DataObject(
        uuid=chunk_id(generation, chunk.position),
        vector=vector.tolist(),
        properties={
            **_version(document),
            "generation": str(generation),
            "begun_at": int(begun_at),
            "terms": document_terms(chunk, document.language),
            "facts": facts(document, chunk),
            "content_hash": chunk.content_hash.hex(),
            "text": chunk.text,
            "context": chunk.context,
            "category": chunk.category,
            "position": chunk.position,
            "char_start": chunk.char_start,
            "char_end": chunk.char_end,
            "token_count": chunk.token_count,
            "section_path": list(chunk.section_path),
            **{name: value for name, value in optional.items() if value is not None},
        },
    )


def read_chunk(properties: Properties) -> tuple[DocumentVersion, Chunk]:
    """What one of `chunk_objects` was made of, from its `CHUNK_PROPERTIES`."""
    parent = properties["parent_start"], properties["parent_end"]
    chunk = Chunk(
        position=properties["position"],
        text=properties["text"],
        context=properties["context"],
        char_start=properties["char_start"],
        char_end=properties["char_end"],
        parent=None if parent[0] is None else parent,
        page=properties["page"],
        section_path=tuple(properties["section_path"] or ()),
        category=properties["category"],
        token_count=properties["token_count"],
    )
    return _document(properties), chunk


def read_span(properties: Properties) -> Span:
    """Where a chunk stands, from its `SPAN_PROPERTIES`."""
    return Span(
        position=properties["position"],
        char_start=properties["char_start"],
        char_end=properties["char_end"],
        section_path=tuple(properties["section_path"] or ()),
    )


def document_object(
    document: DocumentVersion, generation: Generation
) -> DataObject[Properties, None]:
    """What says that these are the document's chunks."""
    return DataObject(
        uuid=document_object_id(document.document_id),
        properties={
            **_version(document),
            "generation": str(generation.id),
            "chunks": generation.chunks,
            "written_at": int(generation.written_at),
        },
    )


def read_generation(properties: Properties) -> Generation:
    """The one that counts, from a document's `GENERATION_PROPERTIES`."""
    return Generation(
        id=UUID(properties["generation"]),
        chunks=properties["chunks"],
        written_at=properties["written_at"],
    )


def read_document(properties: Properties) -> StoredDocument:
    """A document by all its properties."""
    return StoredDocument(document=_document(properties), chunks=properties["chunks"])


def _version(document: DocumentVersion) -> dict[str, Any]:
    return {
        "document_id": str(document.document_id),
        "version_id": str(document.version_id),
        "version_number": document.version_number,
        "item_name": document.item_name,
        "ingested_at": document.ingested_at.isoformat(),
        "source": document.source,
        "language": document.language,
        "metadata": json.dumps(as_json(document.metadata)),
    }


def _document(properties: Properties) -> DocumentVersion:
    return DocumentVersion(
        document_id=UUID(properties["document_id"]),
        version_id=UUID(properties["version_id"]),
        version_number=properties["version_number"],
        item_name=properties["item_name"],
        ingested_at=datetime.fromisoformat(properties["ingested_at"]),
        source=properties["source"],
        language=properties["language"],
        metadata=from_json(json.loads(properties["metadata"])),
    )
