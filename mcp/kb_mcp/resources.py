"""Citations as MCP resources: an agent reads what a `kb://` URI of a result names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastmcp import FastMCP
from fastmcp.exceptions import ResourceError
from pydantic import Field

from retrieval.citation_uri import CitationUri, InvalidCitationUri
from retrieval.errors import ServiceError
from retrieval.scope import TeamScope

TEMPLATE = "kb://{knowledge_base_id}/documents/{document_id}/versions/{version_id}{?start,end}"
ReadCitation = Callable[[TeamScope, CitationUri], Awaitable[str]]


def add_citations(
    server: FastMCP[Any], read: ReadCitation, *, caller: Callable[[], TeamScope]
) -> None:
    """Let agents read what citations name, within what the caller may see."""

    @server.resource(TEMPLATE, name="citation", mime_type="text/plain")
    async def citation(
        knowledge_base_id: Annotated[UUID, Field(description="Id of the knowledge base.")],
        document_id: Annotated[UUID, Field(description="Id of the document.")],
        version_id: Annotated[UUID, Field(description="Id of the document's version.")],
        start: Annotated[int | None, Field(description="First character.")] = None,
        end: Annotated[int | None, Field(description="One past the last character.")] = None,
    ) -> str:
        """Exactly the text that a citation quotes; without a span, all that the version says."""
        scope = caller()
        try:
            if (start is None) != (end is None):
                raise InvalidCitationUri("It has one end of a span only.")
            return await read(
                scope,
                CitationUri(
                    knowledge_base_id=knowledge_base_id,
                    document_id=document_id,
                    version_id=version_id,
                    span=None if start is None or end is None else (start, end),
                ),
            )
        except ServiceError as exc:
            raise ResourceError(str(exc)) from exc

    assert citation
