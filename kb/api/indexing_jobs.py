"""Indexing jobs: started, watched, cancelled, and reported on."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from kb.api.attachment import attachment
from kb.api.caller import KeyFirst, KnowledgeBaseScope, Team, TheJobs
from kb.api.paging import Links, Meta, Page
from kb.job_bodies import IndexedDataSourceBody, IndexingJobBody
from kb.reports import as_csv

router = APIRouter(prefix="/v2/gen-ai", tags=["indexing jobs"], route_class=KeyFirst)
# The address of a report is the key to it, so that it can be handed to a download.
signed = APIRouter(tags=["indexing jobs"])


class StartJob(BaseModel):
    """What to read again."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    knowledge_base_uuid: UUID
    data_source_uuids: list[UUID] | None = None
    """All of them unless given."""


class OneJob(BaseModel):
    """The envelope of one."""

    job: IndexingJobBody


class JobList(BaseModel):
    """The envelope of a page."""

    jobs: list[IndexingJobBody]
    links: Links
    meta: Meta


class JobSources(BaseModel):
    """How a job fares with each of its data sources."""

    indexed_data_sources: Sequence[IndexedDataSourceBody]


class SignedUrl(BaseModel):
    """Where the report can be downloaded, without an API key and within the hour."""

    signed_url: str


@router.post("/indexing_jobs")
async def start_indexing_job(team: Team, request: StartJob, jobs: TheJobs) -> OneJob:
    """Read data sources again and index what is new, has changed or failed; remove what is gone.

    It waits its turn behind the knowledge base's other jobs over data sources.
    """
    scope = team.knowledge_base(request.knowledge_base_uuid)
    job = await jobs.create(scope, request.data_source_uuids or ())
    return OneJob(job=IndexingJobBody.of(job))


@router.get("/indexing_jobs")
async def list_indexing_jobs(team: Team, page: Page, jobs: TheJobs) -> JobList:
    """The team's jobs, newest first."""
    found, total = await jobs.list_page(team, limit=page.limit, offset=page.offset)
    return JobList(
        jobs=[IndexingJobBody.of(one) for one in found],
        links=page.links(total),
        meta=page.meta(total),
    )


@router.get("/knowledge_bases/{knowledge_base_uuid}/indexing_jobs")
async def list_indexing_jobs_of_knowledge_base(
    scope: KnowledgeBaseScope, page: Page, jobs: TheJobs
) -> JobList:
    """The knowledge base's newest jobs, newest first."""
    found = await jobs.latest(scope)
    return JobList(
        jobs=[IndexingJobBody.of(one) for one in page.of(found)],
        links=page.links(len(found)),
        meta=page.meta(len(found)),
    )


@router.get("/indexing_jobs/{indexing_job_uuid}")
async def get_indexing_job(team: Team, indexing_job_uuid: UUID, jobs: TheJobs) -> OneJob:
    """One job."""
    return OneJob(job=IndexingJobBody.of(await jobs.get(team, indexing_job_uuid)))


@router.put("/indexing_jobs/{indexing_job_uuid}/cancel")
async def cancel_indexing_job(team: Team, indexing_job_uuid: UUID, jobs: TheJobs) -> OneJob:
    """Give up what it has not done; what it has indexed stays. Does nothing to one that is over."""
    return OneJob(job=IndexingJobBody.of(await jobs.cancel(team, indexing_job_uuid)))


@router.get("/indexing_jobs/{indexing_job_uuid}/data_sources")
async def list_sources_of_indexing_job(
    team: Team, indexing_job_uuid: UUID, jobs: TheJobs
) -> JobSources:
    """How it fares with each of its data sources."""
    job = IndexingJobBody.of(await jobs.get(team, indexing_job_uuid))
    return JobSources(indexed_data_sources=job.data_source_jobs)


@router.get("/indexing_jobs/{indexing_job_uuid}/details_signed_url")
async def sign_report(
    team: Team, indexing_job_uuid: UUID, request: Request, jobs: TheJobs
) -> SignedUrl:
    """Where to download what became of each document of the job."""
    job = await jobs.get(team, indexing_job_uuid)
    token = jobs.report_token(team, job.job.id)
    return SignedUrl(signed_url=str(request.url_for(get_report.__name__, token=token)))


@signed.get("/v1/reports/{token}", response_class=StreamingResponse)
async def get_report(token: str, jobs: TheJobs) -> StreamingResponse:
    """A job's documents and what became of each, as CSV."""
    job_id, rows = await jobs.signed_report(token)
    headers = attachment(f"indexing-job-{job_id}.csv")
    return StreamingResponse(as_csv(rows), media_type="text/csv", headers=headers)
