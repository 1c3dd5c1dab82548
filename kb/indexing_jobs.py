"""Indexing jobs: begun, watched, cancelled, and told about document by document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from kb.catalog import data_sources, index_versions, jobs
from kb.catalog.errors import NotFound
from kb.catalog.jobs import IndexingJob, ReportRow
from kb.dispatch import close_job, start_next_job
from kb.service import Service
from kb.vault import Vault
from retrieval.postgres import scoped
from retrieval.scope import Scope, TeamScope

LISTED = 15  # as many as DigitalOcean keeps; ours are all kept, and paged through team-wide
REPORT = "report"
REPORT_LIFETIME = timedelta(hours=1)


class IndexingJobs:
    """What can be done with them."""

    def __init__(self, service: Service, vault: Vault) -> None:
        self._service = service
        self._vault = vault

    async def create(self, scope: Scope, data_source_ids: Sequence[UUID] = ()) -> IndexingJob:
        """Read these data sources again, or all, and index what is new or has changed.

        It waits its turn behind the knowledge base's other jobs. Raises `NotFound`.
        """
        service = self._service
        async with scoped(service.pool, scope) as conn:
            live = await index_versions.live(scope, conn)
            for one in data_source_ids:
                await data_sources.get(scope, conn, one)
            job_id = await jobs.create(scope, conn, kind="sources", index_version_id=live.id)
            await jobs.cover(scope, conn, job_id, data_source_ids or None)
            await start_next_job(service.queue, scope, conn)
            return await jobs.get(scope, conn, job_id)

    async def get(self, scope: TeamScope, job_id: UUID) -> IndexingJob:
        """One of the team's. Raises `NotFound`."""
        narrow = await self._find(scope, job_id)
        async with scoped(self._service.pool, narrow) as conn:
            return await jobs.get(narrow, conn, job_id)

    async def latest(self, scope: Scope) -> list[IndexingJob]:
        """The knowledge base's newest, newest first. Raises `NotFound`."""
        async with scoped(self._service.pool, scope) as conn:
            await index_versions.live(scope, conn)
            return await jobs.latest(scope, conn, limit=LISTED)

    async def list_page(
        self, scope: TeamScope, *, limit: int, offset: int
    ) -> tuple[list[IndexingJob], int]:
        """A page of the team's, newest first, and how many there are in all."""
        async with scoped(self._service.pool, scope) as conn:
            page, total = await jobs.list_page(scope, conn, limit=limit, offset=offset)
        found: list[IndexingJob] = []
        for one in page:
            narrow = scope.knowledge_base(one.knowledge_base_id)
            async with scoped(self._service.pool, narrow) as conn:
                found += await jobs.with_sources(narrow, conn, [one])
        return found, total

    async def cancel(self, scope: TeamScope, job_id: UUID) -> IndexingJob:
        """Give up what it has not done; what it has indexed stays. Raises `NotFound`."""
        service = self._service
        narrow = await self._find(scope, job_id)
        async with scoped(service.pool, narrow) as conn:
            await jobs.cancel(narrow, conn, job_id)
            await close_job(service.queue, narrow, conn, job_id)
            return await jobs.get(narrow, conn, job_id)

    def report_token(self, scope: TeamScope, job_id: UUID) -> str:
        """What opens the job's report without an API key, for a while."""
        return self._vault.sign(REPORT, {"team": str(scope.team_id), "job": str(job_id)})

    async def report(self, scope: TeamScope, job_id: UUID) -> list[ReportRow]:
        """What became of each document of one of the team's jobs. Raises `NotFound`."""
        narrow = await self._find(scope, job_id)
        async with scoped(self._service.pool, narrow) as conn:
            return await jobs.report(narrow, conn, job_id)

    async def signed_report(self, token: str) -> tuple[UUID, list[ReportRow]]:
        """The job that a token opens, and its report. Raises `LinkInvalid` or `NotFound`."""
        claims = self._vault.claims(
            REPORT, token, max_age_seconds=int(REPORT_LIFETIME.total_seconds())
        )
        job_id = UUID(claims["job"])
        return job_id, await self.report(TeamScope(team_id=UUID(claims["team"])), job_id)

    async def _find(self, scope: TeamScope, job_id: UUID) -> Scope:
        async with scoped(self._service.pool, scope) as conn:
            found, _ = await jobs.list_page(scope, conn, limit=1, offset=0, job_id=job_id)
        if not found:
            raise NotFound(f"Indexing job {job_id}.")
        return scope.knowledge_base(found[0].knowledge_base_id)
