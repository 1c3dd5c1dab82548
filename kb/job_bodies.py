"""Indexing jobs and their data sources as JSON, the same from the API and the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from kb.catalog.jobs import IndexingJob, JobSource


class IndexedDataSourceBody(BaseModel):
    """How a job fares with one data source, in DigitalOcean's shape: 64-bit numbers are strings."""

    data_source_uuid: UUID
    status: str
    started_at: datetime | None
    completed_at: datetime | None
    error_msg: str
    error_details: str
    indexed_item_count: str
    indexed_file_count: str
    failed_item_count: str
    removed_item_count: str
    skipped_item_count: str
    total_file_count: str
    total_bytes: str
    total_bytes_indexed: str

    @classmethod
    def of(cls, source: JobSource) -> IndexedDataSourceBody:
        """One data source of a job."""
        total = source.queued + source.unchanged + source.unread
        return cls(
            data_source_uuid=source.data_source_id,
            status=f"DATA_SOURCE_STATUS_{_source_status(source)}",
            started_at=source.started_at,
            completed_at=source.finished_at if source.is_done else None,
            error_msg=source.error_code or "",
            error_details=source.error or "",
            indexed_item_count=str(source.indexed),
            indexed_file_count=str(source.indexed),
            failed_item_count=str(source.failed + source.unread),
            removed_item_count=str(source.removed),
            skipped_item_count=str(source.unchanged + source.skipped),
            total_file_count=str(total),
            total_bytes=str(source.bytes),
            total_bytes_indexed=str(source.bytes_indexed),
        )


class IndexingJobBody(BaseModel):
    """A run over data sources, or over documents that were sent, as DigitalOcean renders one."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    uuid: UUID
    knowledge_base_uuid: UUID
    data_source_uuids: list[UUID]
    data_source_jobs: list[IndexedDataSourceBody]
    phase: str
    status: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    completed_datasources: int
    total_datasources: int
    tokens: int
    total_tokens: str
    total_items_indexed: str
    total_items_failed: str
    total_items_skipped: str
    is_report_available: bool
    kind: str
    """`sources`, `documents` that were sent, or an `index_version` that is built."""
    documents_pending: int
    chunks: int
    """Of the documents cut so far."""
    embedded_chunks: int
    """Of these, how many have been embedded in this job."""
    eta_seconds: int | None
    """How long it will take yet at the pace so far; null where that cannot be told."""

    @classmethod
    def of(cls, found: IndexingJob) -> IndexingJobBody:
        """One job."""
        job, sources = found.job, found.sources
        phase, status = _progress(found)
        tokens = sum(one.tokens for one in sources)
        eta = found.eta()
        return cls(
            uuid=job.id,
            knowledge_base_uuid=job.knowledge_base_id,
            data_source_uuids=[one.data_source_id for one in sources],
            data_source_jobs=[IndexedDataSourceBody.of(one) for one in sources],
            phase=f"BATCH_JOB_PHASE_{phase}",
            status=f"INDEX_JOB_STATUS_{status}",
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            updated_at=job.finished_at or job.started_at or job.created_at,
            completed_datasources=sum(one.is_done for one in sources),
            total_datasources=len(sources),
            tokens=min(tokens, 2**31 - 1),
            total_tokens=str(tokens),
            total_items_indexed=str(sum(one.indexed for one in sources)),
            total_items_failed=str(sum(one.failed + one.unread for one in sources)),
            total_items_skipped=str(sum(one.unchanged + one.skipped for one in sources)),
            is_report_available=job.finished_at is not None,
            kind=job.kind,
            documents_pending=sum(one.under_way for one in sources),
            chunks=sum(one.chunks for one in sources),
            embedded_chunks=sum(one.embedded_chunks for one in sources),
            eta_seconds=None if eta is None else round(eta.total_seconds()),
        )


Progress = tuple[
    Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"],
    Literal["PENDING", "IN_PROGRESS", "COMPLETED", "PARTIAL", "NO_CHANGES", "FAILED", "CANCELLED"],
]


def _progress(found: IndexingJob) -> Progress:
    """DigitalOcean's phase and status, which clients read side by side."""
    job, sources = found.job, found.sources
    if job.cancelled_at is not None:
        return "CANCELLED", "CANCELLED"
    if job.finished_at is None:
        return ("RUNNING", "IN_PROGRESS") if job.started_at else ("PENDING", "PENDING")
    failed = sum(one.failed + one.unread + (one.status == "failed") for one in sources)
    if failed and not any(one.indexed or one.unchanged or one.removed for one in sources):
        return "FAILED", "FAILED"
    if failed:
        return "SUCCEEDED", "PARTIAL"
    return "SUCCEEDED", "COMPLETED" if found.has_changes else "NO_CHANGES"


def _source_status(source: JobSource) -> str:
    if source.is_given_up and (source.status == "cancelled" or source.cancelled):
        return "CANCELLED"
    if not source.is_done:
        return "UNKNOWN" if source.status == "pending" else "IN_PROGRESS"
    if source.status == "failed" or (source.failed and not source.indexed):
        return "FAILED"
    if source.failed or source.unread:
        return "PARTIALLY_UPDATED"
    return "UPDATED" if source.indexed or source.removed else "NOT_UPDATED"
