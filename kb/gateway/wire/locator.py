"""Where a cited passage stands, for a client to look up."""

from __future__ import annotations

from kb.gateway.wire.telling import Json
from retrieval.passage import Citation


def locator(origin: str, citation: Citation) -> Json:
    """All of it, named as in retrieval results. `url` gives exactly the quoted text to a key of the
    same team; `origin` is this server's address without a slash at its end."""
    document = citation.document
    return {
        "uri": citation.uri,
        "url": url_of(origin, citation),
        "item_name": document.item_name,
        "knowledge_base_id": str(citation.knowledge_base_id),
        "document_id": str(document.document_id),
        "version_id": str(document.version_id),
        "version_number": document.version_number,
        "char_start": citation.char_start,
        "char_end": citation.char_end,
        "page": citation.page,
        "section_path": list(citation.section_path),
    }


def url_of(origin: str, citation: Citation) -> str:
    """See `kb.api.citations.get_text`."""
    document = citation.document
    return (
        f"{origin}/v1/{citation.knowledge_base_id}/documents/{document.document_id}"
        f"/versions/{document.version_id}/text?start={citation.char_start}&end={citation.char_end}"
    )
