"""What every chunk has that it can be filtered by."""

from __future__ import annotations

from retrieval.chunk import Chunk
from retrieval.filters import SECTION_SEPARATOR
from retrieval.store import DocumentVersion, MetadataValue


def built_in_fields(document: DocumentVersion, chunk: Chunk) -> dict[str, MetadataValue | None]:
    """The values of `retrieval.filters.FIELDS`, by name."""
    return {
        "item_name": document.item_name,
        "ingested_timestamp": document.ingested_at,
        "page_number": chunk.page,
        "chunk_category": chunk.category,
        "source": document.source,
        "section": SECTION_SEPARATOR.join(chunk.section_path),
    }
