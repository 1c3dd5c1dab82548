"""Passages as a `file_search_call` has them, and as annotations cite them."""

from __future__ import annotations

from datetime import datetime

from kb.gateway.events import NumberedPassage
from kb.gateway.wire.locator import locator
from kb.gateway.wire.telling import Json
from retrieval.store import MetadataValue


def result(origin: str, one: NumberedPassage) -> Json:
    """A passage that was found."""
    passage, document = one.passage, one.passage.citation.document
    return {
        "file_id": str(document.document_id),
        "filename": document.item_name,
        "score": passage.score,
        "text": passage.text,
        "attributes": {name: _attribute(value) for name, value in document.metadata.items()},
        "vector_store_id": str(passage.citation.knowledge_base_id),
        "locator": locator(origin, passage.citation),
    }


def citation(origin: str, one: NumberedPassage, index: int) -> Json:
    """A passage that supports the text before `index`."""
    document = one.passage.citation.document
    return {
        "type": "file_citation",
        "file_id": str(document.document_id),
        "filename": document.item_name,
        "index": index,
        "locator": locator(origin, one.passage.citation),
    }


def _attribute(value: MetadataValue) -> str | float | bool:
    """OpenAI has no dates and no lists."""
    if isinstance(value, datetime):
        return value.isoformat()
    return ", ".join(value) if isinstance(value, tuple) else value
