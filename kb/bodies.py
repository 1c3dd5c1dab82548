"""Knowledge bases, jobs and documents as JSON, the same from the API and the command line."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from kb.catalog.documents import Document
from kb.catalog.ledger import IndexingJob
from kb.service import Overview
from retrieval.embedding.models import by_id


class IndexingJobBody(BaseModel):
    """The newest run over documents of the knowledge base."""

    uuid: UUID
    knowledge_base_uuid: UUID
    data_source_uuids: list[UUID]
    phase: str
    status: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    completed_datasources: int
    total_datasources: int
    total_tokens: str
    total_items_indexed: str
    total_items_failed: str
    total_items_skipped: str
    is_report_available: bool = False

    @classmethod
    def of(cls, knowledge_base_id: UUID, job: IndexingJob) -> IndexingJobBody:
        """The job as DigitalOcean renders one: 64-bit numbers as strings."""
        phase, status = _progress(job)
        sources = len(job.data_source_ids)
        return cls(
            uuid=job.id,
            knowledge_base_uuid=knowledge_base_id,
            data_source_uuids=job.data_source_ids,
            phase=f"BATCH_JOB_PHASE_{phase}",
            status=f"INDEX_JOB_STATUS_{status}",
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            updated_at=job.finished_at or job.started_at or job.created_at,
            completed_datasources=sources if job.finished_at else 0,
            total_datasources=sources,
            total_tokens=str(job.tokens),
            total_items_indexed=str(job.indexed),
            total_items_failed=str(job.failed),
            total_items_skipped=str(job.skipped),
        )


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
            embedding_model_uuid=by_id(base.embedding_model).uuid,
            project_id=base.project_id,
            region=base.region,
            tags=base.tags,
            last_indexing_job=job and IndexingJobBody.of(base.id, job),
            documents=tally.documents,
            documents_pending=tally.pending,
            documents_failed=tally.failed,
            chunks=tally.chunks,
        )


class DocumentBody(BaseModel):
    """A document as its newest version stands."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    uuid: UUID
    item_name: str
    created_at: datetime
    updated_at: datetime
    version_uuid: UUID
    version_number: int
    sha256: str
    size_in_bytes: str
    status: str
    """`pending`, `running`, `indexed` or `failed`; the last good version stays in place."""
    error_code: str | None
    error_details: str | None
    pages: int | None
    chunks: int | None
    tokens: str | None

    @classmethod
    def of(cls, document: Document) -> DocumentBody:
        """One document."""
        return cls(
            uuid=document.id,
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
        )


def _progress(job: IndexingJob) -> tuple[str, str]:
    """DigitalOcean's phase and status, which clients read side by side."""
    if job.finished_at is None:
        return ("RUNNING", "IN_PROGRESS") if job.started_at else ("PENDING", "PENDING")
    if job.failed and not job.indexed:
        return "FAILED", "FAILED"
    return "SUCCEEDED", "PARTIAL" if job.failed else "COMPLETED"
