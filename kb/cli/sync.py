"""`kb sync`: data sources read again, and what is new, changed or gone in them indexed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from kb.cli.following import follow_job
from kb.cli.jobs import summarise
from kb.cli.session import fail, out, session


async def sync(knowledge_base: str, source_ids: Sequence[UUID], *, wait: bool) -> int:
    """Begin a job and see it through; 1 when something failed."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        if not await s.data_sources.list_all(scope):
            fail("It has no data sources. Add one with: kb source add")
        begun = await s.indexing_jobs.create(scope, source_ids)
        if not wait:
            out.print(f"Queued job {begun.job.id}")
            return 0
        return await summarise(s, await follow_job(s, begun.job.id))
