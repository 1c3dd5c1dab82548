"""What goes to the queue, in the transaction of the rows that say so."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from kb.catalog import index_versions, jobs, ledger
from kb.catalog.ledger import Place, Unindexed
from kb.queue import Queue, Work
from retrieval.postgres import Connection
from retrieval.scope import Scope


async def queue_document(
    queue: Queue,
    scope: Scope,
    conn: Connection,
    document_id: UUID,
    version_id: UUID,
    *,
    job_id: UUID,
) -> list[Place]:
    """Have a document's version indexed in this job, in every index version that is kept.

    The live one answers from it, one being built misses nothing, and one that was live before can
    be gone back to at any time.
    """
    places = [
        Place(index_version_id=index.id, version_id=version_id)
        for index in await index_versions.list_all(scope, conn)
    ]
    found = [Unindexed(document_id=document_id, place=place) for place in places]
    await queue_all(queue, scope, conn, found, job_id)
    return places


async def queue_all(
    queue: Queue, scope: Scope, conn: Connection, found: Sequence[Unindexed], job_id: UUID
) -> None:
    """Have these indexed, each in its index version, in this job."""
    behind = await ledger.waiting(scope, conn)
    for number, one in enumerate(found):
        await ledger.queue(scope, conn, one.place, job_id=job_id)
        work = Work(
            task="index_document",
            ids={
                "index_version_id": one.place.index_version_id,
                "version_id": one.place.version_id,
            },
            # Two versions of one document are never written at once, or in the wrong order.
            lock=f"document:{one.document_id}:{one.place.index_version_id}",
            behind=min(behind + number, ledger.MOST_COUNTED),
        )
        await queue.put(scope, conn, work)


async def queue_missing(
    queue: Queue, scope: Scope, conn: Connection, index_version_id: UUID
) -> None:
    """Have every document that an index version lacks indexed in it, in a job of its own."""
    job_id = await jobs.create(scope, conn, kind="index_version", index_version_id=index_version_id)
    await jobs.cover(scope, conn, job_id, is_read=True)
    missing = await ledger.unindexed(scope, conn, job_id=job_id, index_version_id=index_version_id)
    await queue_all(queue, scope, conn, missing, job_id)
    await close_job(queue, scope, conn, job_id)  # there may be none


async def queue_removal(queue: Queue, scope: Scope, conn: Connection, **what: UUID) -> None:
    """Have what was marked deleted removed: `document_id` or `data_source_id`."""
    ((name, one),) = what.items()
    await queue.put(scope, conn, Work(task="remove", ids={name: one}, lock=f"remove:{one}"))


async def start_next_job(queue: Queue, scope: Scope, conn: Connection) -> None:
    """Have the knowledge base's next job over data sources done, if its turn has come."""
    job_id = await jobs.next_job(scope, conn)
    if job_id is not None:
        work = Work(task="read_sources", ids={"job_id": job_id}, lock=f"job:{job_id}")
        await queue.put(scope, conn, work)


async def close_job(queue: Queue, scope: Scope, conn: Connection, job_id: UUID) -> None:
    """End the job if nothing of it is left to do, and begin what waited for that."""
    closed = await jobs.close_if_done(scope, conn, job_id)
    if closed is None:
        return
    if closed.kind == "sources":
        await start_next_job(queue, scope, conn)
    if closed.kind == "index_version" and closed.index_version_id is not None:
        await _finish_build(queue, scope, conn, closed.index_version_id, job_id)


async def _finish_build(
    queue: Queue, scope: Scope, conn: Connection, index_version_id: UUID, job_id: UUID
) -> None:
    """Promote what is to be promoted, or build on with what was sent meanwhile."""
    await index_versions.lock(scope, conn)
    missed = await ledger.unindexed(scope, conn, job_id=job_id, index_version_id=index_version_id)
    if missed:  # sent in the very moment in which the index version was made
        again = await jobs.create(
            scope, conn, kind="index_version", index_version_id=index_version_id
        )
        await jobs.cover(scope, conn, again, is_read=True)
        await queue_all(queue, scope, conn, missed, again)
        return
    state = (await index_versions.states(scope, conn)).get(index_version_id)
    if state and state.promote_when_ready and state.is_ready:
        await index_versions.promote(scope, conn, index_version_id)
