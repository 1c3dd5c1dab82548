"""Watching work until it is done, with a worker beside us and a progress bar on stderr."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from kb.catalog.documents import Document
from kb.catalog.jobs import IndexingJob
from kb.cli.session import Session, err, tell
from kb.wiring import open_worker
from retrieval.scope import Scope

POLL_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far it is."""

    doing: str
    documents: int | None
    """None for as long as nobody knows how many there will be."""

    done: int
    chunks: int
    eta: timedelta | None = None
    """None for what the bar's own pace says."""

    is_over: bool


async def follow(s: Session, look: Callable[[], Awaitable[Standing]]) -> None:
    """Show how far it is until it is over.

    A worker runs meanwhile, so that no `kb up` needs to; where one does, they share the work.
    """
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[chunks]:,} chunks"),
        _Remaining(),
        console=err,
    ) as progress:
        task = progress.add_task("", total=None, chunks=0, eta=None)
        async with _working(s) as working:
            while True:
                now = await look()
                progress.update(
                    task,
                    description=now.doing,
                    total=now.documents,
                    completed=now.done,
                    chunks=now.chunks,
                    eta=now.eta,
                )
                if now.is_over:
                    return
                if working.done():
                    working.result()
                await asyncio.sleep(POLL_SECONDS)


async def follow_documents(s: Session, scope: Scope, ids: Sequence[UUID]) -> list[Document]:
    """Until none of them is under way; those that still exist."""

    async def look() -> Standing:
        documents = await s.service.documents(scope, ids)
        pending = sum(one.status in ("pending", "running") for one in documents)
        return Standing(
            doing="Indexing",
            documents=len(ids),
            done=len(ids) - pending,
            chunks=sum(one.chunks or 0 for one in documents),
            is_over=not pending,
        )

    await follow(s, look)
    return await s.service.documents(scope, ids)


async def follow_job(s: Session, job_id: UUID) -> IndexingJob:
    """Until the job has ended."""

    async def look() -> Standing:
        return _standing(await s.indexing_jobs.get(s.team, job_id))

    await follow(s, look)
    return await s.indexing_jobs.get(s.team, job_id)


def _standing(found: IndexingJob) -> Standing:
    job, sources = found.job, found.sources
    reading = any(one.status in ("pending", "running") for one in sources)
    queued = sum(one.queued for one in sources)
    return Standing(
        doing="Waiting" if job.started_at is None else "Reading" if reading else "Indexing",
        documents=None if reading else queued,
        done=queued - sum(one.under_way for one in sources),
        chunks=sum(one.chunks for one in sources),
        eta=found.eta(),
        is_over=job.finished_at is not None,
    )


@asynccontextmanager
async def _working(s: Session) -> AsyncGenerator[asyncio.Task[None]]:
    async with open_worker(s.settings, s.service) as worker:
        task = asyncio.create_task(worker.run())
        try:
            yield task
        except asyncio.CancelledError:
            tell("Stopping; what is under way is finished first.")
            raise
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class _Remaining(TimeRemainingColumn):
    """As the work itself reckons, where it does."""

    def render(self, task: Task) -> Text:
        eta: timedelta | None = task.fields["eta"]
        if eta is None:
            return super().render(task)
        return Text(str(timedelta(seconds=round(eta.total_seconds()))), style="progress.remaining")
