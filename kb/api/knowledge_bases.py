"""Knowledge bases, on DigitalOcean's paths and in its shapes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from kb.api.caller import KnowledgeBaseScope, Team, TheService
from kb.api.paging import Links, Meta, Page
from kb.catalog.ledger import IndexingJob
from kb.service import Overview
from retrieval.embedding.models import MODELS, by_id, by_uuid

router = APIRouter(prefix="/v2/gen-ai/knowledge_bases", tags=["knowledge bases"])

# DigitalOcean's rule, less the lower bound of three characters that its Terraform provider breaks.
Name = Annotated[
    str, StringConstraints(min_length=2, max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9.\-]*$")
]
Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:_\-]{1,255}$")]


def _absent(value: object) -> object:
    return None if value == "" else value


# Go clients send "" for what was not set.
OptionalUuid = Annotated[UUID | None, BeforeValidator(_absent)]
OptionalName = Annotated[Name | None, BeforeValidator(_absent)]


class CreateKnowledgeBase(BaseModel):
    """What a new knowledge base needs: a name."""

    name: Name
    embedding_model_uuid: OptionalUuid = None
    """The default model unless given; see `/v2/gen-ai/models`."""
    max_chunk_size: Annotated[int | None, Field(ge=1)] = None
    """Tokens a chunk holds at most; as many as the embedding model reads unless given."""
    tags: list[Tag] | None = None
    project_id: str = ""
    region: str = ""


class UpdateKnowledgeBase(BaseModel):
    """What can be changed; absent fields stay."""

    name: OptionalName = None
    tags: list[Tag] | None = None
    project_id: Annotated[str | None, BeforeValidator(_absent)] = None


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


class OneKnowledgeBase(BaseModel):
    """The envelope of one."""

    knowledge_base: KnowledgeBaseBody


class KnowledgeBaseWithStatus(OneKnowledgeBase):
    """The envelope of one that was asked for."""

    database_status: str = "ONLINE"


class KnowledgeBaseList(BaseModel):
    """The envelope of a page."""

    knowledge_bases: list[KnowledgeBaseBody]
    links: Links
    meta: Meta


class Deleted(BaseModel):
    """What is gone."""

    uuid: UUID


@router.post("")
async def create_knowledge_base(
    team: Team, request: CreateKnowledgeBase, service: TheService
) -> OneKnowledgeBase:
    """An empty knowledge base; documents can be added at once."""
    model = by_uuid(request.embedding_model_uuid) if request.embedding_model_uuid else MODELS[0]
    overview = await service.create_knowledge_base(
        team,
        name=request.name,
        embedding_model=model,
        max_chunk_size=request.max_chunk_size,
        tags=request.tags or (),
        project_id=request.project_id,
        region=request.region,
    )
    return OneKnowledgeBase(knowledge_base=KnowledgeBaseBody.of(overview))


@router.get("")
async def list_knowledge_bases(team: Team, page: Page, service: TheService) -> KnowledgeBaseList:
    """The team's knowledge bases, oldest first."""
    found, total = await service.list_knowledge_bases(team, limit=page.limit, offset=page.offset)
    return KnowledgeBaseList(
        knowledge_bases=[KnowledgeBaseBody.of(one) for one in found],
        links=page.links(total),
        meta=page.meta(total),
    )


@router.get("/{knowledge_base_uuid}")
async def get_knowledge_base(
    scope: KnowledgeBaseScope, service: TheService
) -> KnowledgeBaseWithStatus:
    """One knowledge base."""
    return KnowledgeBaseWithStatus(
        knowledge_base=KnowledgeBaseBody.of(await service.overview(scope))
    )


@router.put("/{knowledge_base_uuid}")
async def update_knowledge_base(
    scope: KnowledgeBaseScope, request: UpdateKnowledgeBase, service: TheService
) -> OneKnowledgeBase:
    """Change the name, tags or project."""
    overview = await service.update_knowledge_base(
        scope, name=request.name, tags=request.tags, project_id=request.project_id
    )
    return OneKnowledgeBase(knowledge_base=KnowledgeBaseBody.of(overview))


@router.delete("/{knowledge_base_uuid}")
async def delete_knowledge_base(scope: KnowledgeBaseScope, service: TheService) -> Deleted:
    """Remove the knowledge base, its documents and its indexes for good."""
    await service.delete_knowledge_base(scope)
    return Deleted(uuid=scope.knowledge_base_id)


def _progress(job: IndexingJob) -> tuple[str, str]:
    """DigitalOcean's phase and status, which clients read side by side."""
    if job.finished_at is None:
        return ("RUNNING", "IN_PROGRESS") if job.started_at else ("PENDING", "PENDING")
    if job.failed and not job.indexed:
        return "FAILED", "FAILED"
    return "SUCCEEDED", "PARTIAL" if job.failed else "COMPLETED"
