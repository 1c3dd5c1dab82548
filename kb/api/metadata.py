"""Declared metadata: a knowledge base's schema, what there is to filter by, a document's own."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict

from kb import metadata
from kb.api.caller import KeyFirst, KnowledgeBaseScope, TheService
from kb.api.text import JsonObject, storable
from kb.metadata_bodies import DocumentMetadataBody, MetadataBody, SchemaBody

router = APIRouter(
    prefix="/v2/gen-ai/knowledge_bases/{knowledge_base_uuid}",
    tags=["metadata"],
    route_class=KeyFirst,
)


class OneSchema(BaseModel):
    """The envelope of a schema."""

    metadata_schema: SchemaBody


class ChangedSchema(OneSchema):
    """The envelope of a schema that was set."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    queued: int
    """Documents that are indexed again; until then they are filtered by what they had."""


class OneMetadata(BaseModel):
    """The envelope of what there is to filter by."""

    metadata: MetadataBody


class OneDocumentMetadata(BaseModel):
    """The envelope of a document's metadata."""

    metadata: DocumentMetadataBody


class ChangedDocumentMetadata(OneDocumentMetadata):
    """The envelope of a document's metadata that was set."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    queued: bool
    """Whether the document is indexed again; until then it is filtered by what it had."""


def _storable(schema: SchemaBody) -> SchemaBody:
    storable(schema.model_dump())
    return schema


@router.get("/metadata_schema")
async def get_metadata_schema(scope: KnowledgeBaseScope, service: TheService) -> OneSchema:
    """The fields that the knowledge base declares."""
    schema = await metadata.get_schema(service, scope)
    return OneSchema(metadata_schema=SchemaBody.of(schema))


@router.put("/metadata_schema")
async def set_metadata_schema(
    scope: KnowledgeBaseScope,
    service: TheService,
    request: Annotated[SchemaBody, AfterValidator(_storable)],
) -> ChangedSchema:
    """Declare these fields instead of those there were.

    Documents are indexed again for it, without being parsed or embedded anew.
    """
    changed = await metadata.set_schema(service, scope, [one.declared() for one in request.fields])
    schema = await metadata.get_schema(service, scope)
    return ChangedSchema(metadata_schema=SchemaBody.of(schema), queued=len(changed.queued))


@router.get("/metadata")
async def get_metadata(scope: KnowledgeBaseScope, service: TheService) -> OneMetadata:
    """What passages can be filtered by: built-in and declared fields, how many documents have each,
    and their most frequent values."""
    return OneMetadata(metadata=MetadataBody.of(await metadata.overview(service, scope)))


@router.get("/documents/{document_uuid}/metadata")
async def get_document_metadata(
    scope: KnowledgeBaseScope, document_uuid: UUID, service: TheService
) -> OneDocumentMetadata:
    """What was given with a document, and what it is indexed with."""
    found = await metadata.of_document(service, scope, document_uuid)
    return OneDocumentMetadata(metadata=DocumentMetadataBody.of(document_uuid, found))


@router.put("/documents/{document_uuid}/metadata")
async def set_document_metadata(
    scope: KnowledgeBaseScope, document_uuid: UUID, service: TheService, given: JsonObject
) -> ChangedDocumentMetadata:
    """Give a document this metadata, field by field, instead of what was given with it.

    What is left out is taken from where the schema says. The document is indexed again for it.
    """
    changed = await metadata.set_of_document(service, scope, document_uuid, given)
    found = await metadata.of_document(service, scope, document_uuid)
    return ChangedDocumentMetadata(
        metadata=DocumentMetadataBody.of(document_uuid, found), queued=bool(changed.queued)
    )
