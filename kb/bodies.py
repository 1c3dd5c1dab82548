"""Knowledge bases, jobs and documents as JSON, the same from the API and the command line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from kb.catalog.documents import Document
from kb.job_bodies import IndexingJobBody
from kb.metadata_bodies import JsonValue, as_body
from kb.service import Overview
from retrieval.embedding.models import uuid_of
from retrieval.metadata import from_json


def _is_none(value: object) -> bool:
    return value is None


class RerankingConfigBody(BaseModel):
    """Whether answers are reranked unless a query says otherwise, as DigitalOcean renders it."""

    enabled: bool
    model: str | None = Field(exclude_if=_is_none)


class KnowledgeBaseBody(BaseModel):
    """A knowledge base as DigitalOcean renders one, and how its documents stand."""

    uuid: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    embedding_model_uuid: UUID
    project_id: str
    region: str
    tags: list[str]
    is_public: bool = False
    reranking_config: RerankingConfigBody
    last_indexing_job: IndexingJobBody | None
    documents: int
    documents_pending: int
    documents_failed: int
    chunks: int

    @classmethod
    def of(cls, overview: Overview) -> KnowledgeBaseBody:
        """One knowledge base."""
        base, tally, job = overview.knowledge_base, overview.tally, overview.last_job
        return cls(
            uuid=base.id,
            name=base.name,
            created_at=base.created_at,
            updated_at=base.updated_at,
            embedding_model_uuid=uuid_of(base.embedding_model),
            project_id=base.project_id,
            region=base.region,
            tags=base.tags,
            reranking_config=RerankingConfigBody(
                enabled=base.reranking_enabled, model=base.reranking_model
            ),
            last_indexing_job=job and IndexingJobBody.of(job),
            documents=tally.documents,
            documents_pending=tally.pending,
            documents_failed=tally.failed,
            chunks=tally.chunks,
        )


class DocumentBody(BaseModel):
    """A document as its newest version stands."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    uuid: UUID
    data_source_uuid: UUID
    item_name: str
    created_at: datetime
    updated_at: datetime
    version_uuid: UUID
    version_number: int
    sha256: str
    size_in_bytes: str
    status: str
    """`pending`, `running`, `indexed`, `failed` or `cancelled`; the last good version stays."""
    error_code: str | None
    error_details: str | None
    pages: int | None
    chunks: int | None
    tokens: str | None
    notes: list[str]
    """What could not be read of it, such as scanned pages."""
    metadata: dict[str, JsonValue]
    """What its passages can be filtered by; empty before it is indexed."""

    @classmethod
    def of(cls, document: Document) -> DocumentBody:
        """One document."""
        return cls(
            uuid=document.id,
            data_source_uuid=document.data_source_id,
            item_name=document.item_name,
            created_at=document.created_at,
            updated_at=document.version_created_at,
            version_uuid=document.version_id,
            version_number=document.version_number,
            sha256=document.sha256.hex(),
            size_in_bytes=str(document.size_in_bytes),
            status=document.status or "pending",
            error_code=document.error_code,
            error_details=document.error,
            pages=document.pages,
            chunks=document.chunks,
            tokens=None if document.tokens is None else str(document.tokens),
            notes=document.notes or [],
            metadata=as_body(from_json(document.metadata or {})),
        )
