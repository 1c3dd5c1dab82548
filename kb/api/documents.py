"""Documents of a knowledge base: send, list, look at, quote from, index again, remove."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import BaseModel, Json

from kb.api.caller import KeyFirst, KnowledgeBaseScope, TheService
from kb.api.paging import Links, Meta, Page
from kb.api.text import JsonObject
from kb.bodies import DocumentBody
from kb.metadata import add_document as add_with_metadata

router = APIRouter(
    prefix="/v2/gen-ai/knowledge_bases/{knowledge_base_uuid}/documents",
    tags=["documents"],
    route_class=KeyFirst,
)
READ_BYTES = 1024 * 1024
MAX_SPAN = 2_000_000_000  # no text is longer, and PostgreSQL's substr counts in 32 bits


class OneDocument(BaseModel):
    """The envelope of one."""

    document: DocumentBody


class AddedDocument(OneDocument):
    """The envelope of one that was sent."""

    queued: bool
    """False where the same bytes are indexed, or on their way, already."""


class DocumentList(BaseModel):
    """The envelope of a page."""

    documents: list[DocumentBody]
    links: Links
    meta: Meta


class DocumentText(BaseModel):
    """A span of a version's canonical text."""

    text: str
    char_start: int
    char_end: int


class DeletedDocument(BaseModel):
    """What is gone."""

    uuid: UUID
    knowledge_base_uuid: UUID


@router.post("")
async def add_document(
    scope: KnowledgeBaseScope,
    service: TheService,
    file: Annotated[UploadFile, File(description="The document")],
    item_name: Annotated[
        str | None, Form(description="What to call it; the file's own name unless given")
    ] = None,
    metadata: Annotated[
        Json[JsonObject] | None,
        Form(description="Values of declared fields, as a JSON object; what it had unless given"),
    ] = None,
) -> AddedDocument:
    """Send a file. It is searchable once its status is `indexed`, its former version until then."""
    name, data = item_name or file.filename or "", _parts(file)
    if metadata is None:
        added = await service.add_document(scope, item_name=name, data=data)
    else:
        added = await add_with_metadata(service, scope, item_name=name, data=data, given=metadata)
    document = await service.document(scope, added.document_id)
    return AddedDocument(document=DocumentBody.of(document), queued=added.queued)


@router.get("")
async def list_documents(
    scope: KnowledgeBaseScope,
    page: Page,
    service: TheService,
    data_source_uuid: Annotated[
        UUID | None, Query(description="Only those of this data source")
    ] = None,
) -> DocumentList:
    """The documents, oldest first."""
    found, total = await service.list_documents(
        scope, data_source_id=data_source_uuid, limit=page.limit, offset=page.offset
    )
    return DocumentList(
        documents=[DocumentBody.of(one) for one in found],
        links=page.links(total),
        meta=page.meta(total),
    )


@router.get("/{document_uuid}")
async def get_document(
    scope: KnowledgeBaseScope, document_uuid: UUID, service: TheService
) -> OneDocument:
    """One document."""
    return OneDocument(document=DocumentBody.of(await service.document(scope, document_uuid)))


@router.put("/{document_uuid}")
async def replace_document(
    scope: KnowledgeBaseScope,
    document_uuid: UUID,
    service: TheService,
    file: Annotated[UploadFile, File(description="What it is to say from now on")],
) -> AddedDocument:
    """Give a document new bytes under its old name; its former version answers until then."""
    added = await service.replace_document(scope, document_uuid, data=_parts(file))
    document = await service.document(scope, document_uuid)
    return AddedDocument(document=DocumentBody.of(document), queued=added.queued)


@router.post("/{document_uuid}/retry")
async def retry_document(
    scope: KnowledgeBaseScope, document_uuid: UUID, service: TheService
) -> AddedDocument:
    """Index the newest version once more, however often it failed."""
    document = await service.document(scope, document_uuid)
    is_under_way = document.status in ("pending", "running")
    if not is_under_way:  # queued a second time, the first would be given up
        await service.index_again(scope, document)
        document = await service.document(scope, document_uuid)
    return AddedDocument(document=DocumentBody.of(document), queued=not is_under_way)


@router.get("/{document_uuid}/versions/{version_uuid}/text")
async def read_text(
    scope: KnowledgeBaseScope,
    document_uuid: UUID,
    version_uuid: UUID,
    service: TheService,
    *,
    start: Annotated[int, Query(ge=0, le=MAX_SPAN, description="First character")],
    end: Annotated[int, Query(ge=0, le=MAX_SPAN, description="One past the last character")],
) -> DocumentText:
    """Read a citation's span back: exactly the quoted text."""
    text = await service.read_text(scope, document_uuid, version_uuid, start=start, end=end)
    return DocumentText(text=text, char_start=start, char_end=start + len(text))


@router.delete("/{document_uuid}")
async def delete_document(
    scope: KnowledgeBaseScope, document_uuid: UUID, service: TheService
) -> DeletedDocument:
    """Remove the document, all its versions and its passages for good."""
    await service.delete_document(scope, document_uuid)
    return DeletedDocument(uuid=document_uuid, knowledge_base_uuid=scope.knowledge_base_id)


async def _parts(file: UploadFile) -> AsyncIterator[bytes]:
    while part := await file.read(READ_BYTES):
        yield part
