"""A knowledge base that is filled from data sources, with a worker that reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from ingest.indexing import Parser
from ingest.sources.guarded import GuardedFetcher
from kb.catalog.data_sources import SourceKind
from kb.catalog.documents import Document
from kb.catalog.jobs import IndexingJob
from kb.data_sources import DataSources
from kb.indexing_jobs import IndexingJobs
from kb.job_bodies import IndexingJobBody
from kb.live_sources import LiveSources
from kb.service import Service
from kb.sync import Sync
from kb.vault import Vault
from kb.worker import Worker
from retrieval.index import ChunkSettings
from retrieval.query import Query
from retrieval.scope import Scope

VAULT = Vault(b"a secret of the tests")


class Library:
    """What a test does with a knowledge base and its data sources."""

    def __init__(
        self,
        service: Service,
        scope: Scope,
        parser: Parser,
        *,
        fetcher: GuardedFetcher | None = None,
        folders: Sequence[Path] = (),
        endpoints: Sequence[str] = (),
    ) -> None:
        self.service = service
        self.scope = scope
        live = LiveSources(
            vault=VAULT,
            fetcher=fetcher or GuardedFetcher(),
            user_agent="kb-tests",
            delay_seconds=0,
            max_bytes=10_000_000,
            folders=folders,
            endpoints=endpoints,
        )
        self.sources = DataSources(service, live)
        self.jobs = IndexingJobs(service, VAULT)
        self.worker = Worker(service, parser, Sync(service, live.open), concurrency=4)

    async def add(
        self,
        kind: SourceKind,
        settings: Mapping[str, Any],
        *,
        credentials: Mapping[str, str] | None = None,
        chunking: ChunkSettings | None = None,
    ) -> UUID:
        source = await self.sources.create(
            self.scope,
            kind=kind,
            settings=settings,
            credentials=credentials or {},
            chunking=chunking,
        )
        return source.id

    async def add_folder(self, folder: Path, **options: Any) -> UUID:
        return await self.add("folder", {"path": str(folder)}, **options)

    async def work(self) -> None:
        """Until nothing is queued; what is done may queue more."""
        for _ in range(10):
            if not await self._is_work_queued():
                return
            await self.worker.run(wait=False)
        raise AssertionError("there is no end to the work")

    async def _is_work_queued(self) -> bool:
        async with self.service.pool.connection() as conn:
            found = await conn.execute(
                "SELECT 1 FROM kb.procrastinate_jobs WHERE status = 'todo'"
                " AND (scheduled_at IS NULL OR scheduled_at <= now()) LIMIT 1"
            )
            return await found.fetchone() is not None

    async def sync(self, *sources: UUID) -> IndexingJobBody:
        """A job over these sources, or all, to its end."""
        job = await self.jobs.create(self.scope, sources)
        await self.work()
        return await self.look(job)

    async def look(self, job: IndexingJob) -> IndexingJobBody:
        return IndexingJobBody.of(await self.jobs.get(self.scope, job.job.id))

    async def newest(self) -> IndexingJobBody:
        return IndexingJobBody.of((await self.jobs.latest(self.scope))[0])

    async def documents(self) -> dict[str, Document]:
        found, _ = await self.service.list_documents(self.scope, limit=10_000, offset=0)
        return {one.item_name: one for one in found}

    async def find(self, text: str, *, alpha: float = 0.0) -> list[str]:
        """The passages' own words, best first."""
        query = Query(text=text, alpha=alpha, num_results=100)
        return [one.text for one in (await self.service.retrieve(self.scope, query)).passages]


def counts(job: IndexingJobBody) -> dict[str, int]:
    """What became of the items of a job over one source."""
    (source,) = job.data_source_jobs
    return {
        "indexed": int(source.indexed_item_count),
        "failed": int(source.failed_item_count),
        "removed": int(source.removed_item_count),
        "skipped": int(source.skipped_item_count),
    }
