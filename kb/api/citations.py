"""Citations over HTTP: the quoted text, the page it stands on, and what a `kb://` URI names."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict

from ingest.parsing.document import ParsedDocument
from ingest.parsing.page_image import DEFAULT_SCALE, MAX_SCALE, MIN_SCALE
from kb import citations
from kb.api.caller import KeyFirst, KnowledgeBaseScope, Team, TheService
from kb.api.text import Text
from kb.citations import LONGEST, InvalidSpan, Quote
from kb.page_images import PageRenderer, page_image
from retrieval.citation_uri import CitationUri, parse_citation_uri
from retrieval.results import ResultCitation

router = APIRouter(prefix="/v1", tags=["citations"], route_class=KeyFirst)
VERSION = "/{knowledge_base_uuid}/documents/{document_uuid}/versions/{version_uuid}"
NOSNIFF = {"x-content-type-options": "nosniff"}
Offset = Annotated[int | None, Query(ge=0, le=LONGEST)]


class CitedText(BaseModel):
    """What a citation names."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    text_content: str
    """Exactly the quoted text."""

    item_name: str
    """File name, relative path or URL of the document."""

    citation: ResultCitation

    @classmethod
    def of(cls, quote: Quote) -> CitedText:
        """One citation."""
        return cls(
            text_content=quote.text,
            item_name=quote.item_name,
            citation=ResultCitation(
                uri=str(quote.uri),
                knowledge_base_id=quote.uri.knowledge_base_id,
                document_id=quote.uri.document_id,
                version_id=quote.uri.version_id,
                version_number=quote.version_number,
                char_start=quote.char_start,
                char_end=quote.char_end,
                page=quote.page,
                section_path=list(quote.section_path),
            ),
        )


class StructureBody(BaseModel):
    """A version as its parser read it, which is what is cut into chunks."""

    document: ParsedDocument


async def _renderer(request: Request) -> PageRenderer:
    return request.app.state.page_renderer


async def _cited(
    scope: KnowledgeBaseScope,
    document_uuid: UUID,
    version_uuid: UUID,
    start: Annotated[Offset, Query(description="First character")] = None,
    end: Annotated[Offset, Query(description="One past the last character")] = None,
) -> CitationUri:
    if (start is None) != (end is None):
        raise InvalidSpan("Give both start and end, or neither.")
    return CitationUri(
        knowledge_base_id=scope.knowledge_base_id,
        document_id=document_uuid,
        version_id=version_uuid,
        span=None if start is None or end is None else (start, end),
    )


Cited = Annotated[CitationUri, Depends(_cited)]


@router.get("/citations")
async def get_citation(
    team: Team,
    service: TheService,
    uri: Annotated[Text, Query(description="`kb://...`, as results have it")],
) -> CitedText:
    """What a citation's URI names: the quoted text, its document, page and section."""
    return CitedText.of(await citations.quote(service, team, parse_citation_uri(uri)))


@router.get(VERSION + "/text", response_class=PlainTextResponse)
async def get_text(
    scope: KnowledgeBaseScope, cited: Cited, service: TheService
) -> PlainTextResponse:
    """Exactly the quoted text and nothing else, or without a span all that the version says."""
    return PlainTextResponse(await citations.read(service, scope, cited), headers=NOSNIFF)


@router.get(VERSION + "/structure")
async def get_structure(
    scope: KnowledgeBaseScope, document_uuid: UUID, version_uuid: UUID, service: TheService
) -> StructureBody:
    """All that the version says, with what each part of it is: headings, paragraphs, tables."""
    await service.read_text(scope, document_uuid, version_uuid, start=0, end=0)
    cited = CitationUri(
        knowledge_base_id=scope.knowledge_base_id,
        document_id=document_uuid,
        version_id=version_uuid,
    )
    return StructureBody(document=await citations.parsed_version(service, scope, cited))


@router.get(
    VERSION + "/pages/{page}.png",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}},
)
async def get_page(
    scope: KnowledgeBaseScope,
    cited: Cited,
    service: TheService,
    renderer: Annotated[PageRenderer, Depends(_renderer)],
    page: Annotated[int, Path(ge=1, description="From 1")],
    *,
    scale: Annotated[
        float, Query(ge=MIN_SCALE, le=MAX_SCALE, description="Pixels for each 72nd of an inch")
    ] = DEFAULT_SCALE,
) -> Response:
    """A page of a PDF as a picture, with the span marked. Scanned pages come without marks."""
    png = await page_image(service, renderer, scope, cited, page=page, scale=scale)
    return Response(png, media_type="image/png", headers=NOSNIFF)
