"""`kb://` URIs: the stable names of document versions and of spans in their canonical text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from retrieval.errors import RetrievalError

_ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_OFFSET = "[0-9]{1,10}"
_URI = re.compile(
    f"kb://(?P<base>{_ID})/documents/(?P<document>{_ID})/versions/(?P<version>{_ID})"
    f"(?:\\?start=(?P<start>{_OFFSET})&end=(?P<end>{_OFFSET}))?",
    re.IGNORECASE,
)


class InvalidCitationUri(RetrievalError):
    """This is no citation; one reads
    kb://<knowledge base>/documents/<document>/versions/<version>?start=0&end=80, or has no span.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationUri:
    """What such a URI names; the whole text where it has no span."""

    knowledge_base_id: UUID
    document_id: UUID
    version_id: UUID
    span: tuple[int, int] | None = None
    """Start and end in code points, the end exclusive."""

    def __str__(self) -> str:
        query = "" if self.span is None else "?start={}&end={}".format(*self.span)
        return (
            f"kb://{self.knowledge_base_id}/documents/{self.document_id}"
            f"/versions/{self.version_id}{query}"
        )


def parse_citation_uri(uri: str) -> CitationUri:
    """Raises `InvalidCitationUri`."""
    match = _URI.fullmatch(uri)
    if match is None:
        raise InvalidCitationUri
    start, end = match["start"], match["end"]
    return CitationUri(
        knowledge_base_id=UUID(match["base"]),
        document_id=UUID(match["document"]),
        version_id=UUID(match["version"]),
        span=None if start is None else (int(start), int(end)),
    )
