"""Data sources of a knowledge base: websites, buckets, folders on the server, uploaded files."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from kb.api.caller import KeyFirst, KnowledgeBaseScope, TheService, TheSources
from kb.api.chunking_request import ChunkingRequest
from kb.api.paging import Links, Meta, Page
from kb.api.source_body import DataSourceBody
from kb.api.source_request import DataSourceRequest

router = APIRouter(
    prefix="/v2/gen-ai/knowledge_bases/{knowledge_base_uuid}/data_sources",
    tags=["data sources"],
    route_class=KeyFirst,
)


class OneDataSource(BaseModel):
    """The envelope of one."""

    knowledge_base_data_source: DataSourceBody


class DataSourceList(BaseModel):
    """The envelope of a page."""

    knowledge_base_data_sources: list[DataSourceBody]
    links: Links
    meta: Meta


class DeletedDataSource(BaseModel):
    """What is gone."""

    data_source_uuid: UUID
    knowledge_base_uuid: UUID


@router.post("")
async def add_data_source(
    scope: KnowledgeBaseScope, request: DataSourceRequest, service: TheService, sources: TheSources
) -> OneDataSource:
    """Add a data source and index what it holds, at once. Images in it are not indexed."""
    index = (await service.index_version(scope)).settings
    described = request.described()
    made = await sources.create(
        scope,
        kind=described.kind,
        settings=described.settings,
        credentials=described.credentials,
        chunking=request.chunking(index.embedding_model, index.chunking),
    )
    return OneDataSource(
        knowledge_base_data_source=DataSourceBody.of(*await sources.get(scope, made.id))
    )


@router.get("")
async def list_data_sources(
    scope: KnowledgeBaseScope, page: Page, sources: TheSources
) -> DataSourceList:
    """The data sources, oldest first; one of them stands for documents that were sent."""
    found = await sources.list_all(scope)
    return DataSourceList(
        knowledge_base_data_sources=[DataSourceBody.of(*one) for one in page.of(found)],
        links=page.links(len(found)),
        meta=page.meta(len(found)),
    )


@router.put("/{data_source_uuid}")
async def update_data_source(
    scope: KnowledgeBaseScope,
    data_source_uuid: UUID,
    request: ChunkingRequest,
    service: TheService,
    sources: TheSources,
) -> OneDataSource:
    """Have its documents cut otherwise. They are found as before until all of them are."""
    index = (await service.index_version(scope)).settings
    _, present, _ = await sources.get(scope, data_source_uuid)
    chunking = request.chunking(index.embedding_model, present)
    if chunking is not None:
        await sources.cut_otherwise(scope, data_source_uuid, chunking)
    return OneDataSource(
        knowledge_base_data_source=DataSourceBody.of(*await sources.get(scope, data_source_uuid))
    )


@router.delete("/{data_source_uuid}")
async def delete_data_source(
    scope: KnowledgeBaseScope, data_source_uuid: UUID, sources: TheSources
) -> DeletedDataSource:
    """Remove the data source with its documents and their passages for good."""
    await sources.delete(scope, data_source_uuid)
    return DeletedDataSource(
        data_source_uuid=data_source_uuid, knowledge_base_uuid=scope.knowledge_base_id
    )
