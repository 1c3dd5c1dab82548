"""The worker and its queue: every document ends in the ledger, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from psycopg import OperationalError

from ingest.indexing import Parser
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import ParserUnavailable
from ingest.parsing.jail import ParserJail
from kb.catalog import jobs
from kb.catalog.documents import Added, Document
from kb.catalog.errors import NotFound
from kb.catalog.ledger import Place
from kb.queue import MAX_ATTEMPTS, STALLED_SECONDS
from kb.service import Service
from kb.sync import Sync
from kb.worker import Worker
from retrieval.chunk import Chunk
from retrieval.index import IndexVersion
from retrieval.postgres import scoped
from retrieval.query import Query
from retrieval.scope import Scope, TeamScope
from retrieval.store import DocumentVersion, StoreUnavailable, Vector
from retrieval.stores.pgvector import PgVectorStore
from tests.kb.teams import new_base, parts

Fault = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """The fault that is none."""


@pytest.fixture(scope="module")
async def jail() -> AsyncIterator[ParserJail]:
    async with ParserJail() as jail:
        yield jail


@pytest.fixture
async def base(service: Service, worker: Worker, team: TeamScope) -> AsyncIterator[Scope]:
    """A knowledge base, and a queue that holds nothing of other tests."""
    await empty_queue(service, worker)
    yield await new_base(service, team)
    await empty_queue(service, worker)


async def empty_queue(service: Service, worker: Worker) -> None:
    """In several rounds: a version waits for the turn of the one before it."""
    await service.queue.revive_stalled()
    while await hurry(service):
        await worker.run(wait=False)


async def hurry(service: Service) -> int:
    """Make it the time at which what failed is to be tried again; how much there is to do."""
    async with service.pool.connection() as conn:
        cursor = await conn.execute(
            "UPDATE kb.procrastinate_jobs SET scheduled_at = NULL"
            " WHERE status = 'todo' AND task_name = 'index_document'"
        )
    return cursor.rowcount


class FaultyParser:
    """The real parser behind a fault."""

    def __init__(self, jail: ParserJail, fault: Fault = nothing) -> None:
        self.names: list[str] = []
        self._jail = jail
        self._fault = fault

    async def parse(self, data: bytes, *, name: str) -> ParsedDocument:
        self.names.append(name)
        await self._fault()
        return await self._jail.parse(data, name=name)


class FaultyStore(PgVectorStore):
    """The real store with a fault before or after its writes."""

    def __init__(
        self, service: Service, *, before: Fault = nothing, after: Fault = nothing
    ) -> None:
        super().__init__(service.pool)
        self._before = before
        self._after = after

    async def replace(
        self,
        scope: Scope,
        index: IndexVersion,
        document: DocumentVersion,
        chunks: Sequence[Chunk],
        vectors: Sequence[Vector],
    ) -> None:
        await self._before()
        await super().replace(scope, index, document, chunks, vectors)
        if chunks:
            await self._after()


def failing(times: int, error: Exception) -> Fault:
    """Fails that often, and never again."""
    left = iter(range(times))

    async def fault() -> None:
        if next(left, None) is not None:
            raise error

    return fault


class Pause:
    """Holds up whoever comes by, until it is told to go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await asyncio.wait_for(self.go.wait(), 60)


def make_worker(service: Service, parser: Parser, *, concurrency: int) -> Worker:
    """A worker that has no data sources to read."""
    return Worker(service, parser, Sync(service, lambda _: None), concurrency=concurrency)


def with_store(service: Service, store: PgVectorStore) -> Service:
    return Service(
        pool=service.pool,
        stores={"pgvector": store},
        embedders=service.embedders,
        blobs=service.blobs,
        queue=service.queue,
    )


async def send(service: Service, base: Scope, text: str, name: str = "fox.txt") -> Added:
    return await service.add_document(base, item_name=name, data=parts(text))


async def look(service: Service, base: Scope, added: Added) -> Document:
    return await service.document(base, added.document_id)


async def found(service: Service, base: Scope, text: str = "fox") -> list[str]:
    return [one.text for one in (await service.retrieve(base, Query(text=text))).passages]


async def chunks(service: Service, base: Scope) -> int:
    return await service.stores["pgvector"].count(base, await service.index_version(base))


async def entries(service: Service, base: Scope) -> dict[UUID, dict[str, Any]]:
    """The ledger by version."""
    async with scoped(service.pool, base) as conn:
        cursor = await conn.execute(
            "SELECT version_id, to_jsonb(l) FROM kb.ledger l WHERE knowledge_base_id = %s",
            [base.knowledge_base_id],
        )
        return {version: row async for version, row in cursor}


async def queued(service: Service, base: Scope) -> list[str]:
    """States of the knowledge base's queue rows."""
    async with service.pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT status::text FROM kb.procrastinate_jobs WHERE args->>'knowledge_base_id' = %s",
            [str(base.knowledge_base_id)],
        )
        return [row[0] async for row in cursor]


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("the connection is lost"),
        OSError("disk"),
        ParserUnavailable(),
        StoreUnavailable(),
    ],
)
async def test_what_may_pass_is_tried_again_and_then_succeeds(
    service: Service, base: Scope, jail: ParserJail, error: Exception
) -> None:
    flaky = make_worker(
        with_store(service, FaultyStore(service, before=failing(1, error))),
        FaultyParser(jail, failing(1, error)),
        concurrency=2,
    )
    added = await send(service, base, "A fox.")
    for attempt in (1, 2):
        await flaky.run(wait=False)
        assert (await look(service, base, added)).status == "running"
        assert await queued(service, base) == ["todo"]
        assert (await entries(service, base))[added.version_id]["attempts"] == attempt
        await hurry(service)
    await flaky.run(wait=False)
    assert (await look(service, base, added)).status == "indexed"
    assert await found(service, base) == ["A fox."]
    assert await queued(service, base) == []


async def test_between_attempts_a_worker_waits(
    service: Service, base: Scope, jail: ParserJail
) -> None:
    parser = FaultyParser(jail, failing(1, ParserUnavailable()))
    await send(service, base, "A fox.")
    for _ in range(3):
        await make_worker(service, parser, concurrency=1).run(wait=False)
    assert parser.names == ["fox.txt"]


async def test_giving_up_is_entered_with_its_reason_and_the_former_version_stays(
    service: Service, worker: Worker, base: Scope, jail: ParserJail
) -> None:
    await send(service, base, "An old fox.")
    await worker.run(wait=False)
    added = await send(service, base, "A new fox.")
    broken = FaultyParser(jail, failing(99, ParserUnavailable("No process.")))
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert (await look(service, base, added)).status in ("pending", "running"), attempt
        await hurry(service)
        await make_worker(service, broken, concurrency=1).run(wait=False)
    document = await look(service, base, added)
    assert (document.status, document.error_code) == ("failed", "parser_unavailable")
    assert "No process." in (document.error or "")
    assert len(broken.names) == MAX_ATTEMPTS
    assert await queued(service, base) == []
    assert await found(service, base) == ["An old fox."]
    assert (await send(service, base, "A new fox.")).queued  # sent again, it gets another chance
    await worker.run(wait=False)
    assert await found(service, base) == ["A new fox."]


async def test_what_nobody_foresaw_fails_the_document_at_once_and_no_other(
    service: Service, base: Scope, jail: ParserJail
) -> None:
    store = FaultyStore(service, before=failing(1, KeyError("what nobody foresaw")))
    added = await send(service, base, "A fox.")
    await make_worker(with_store(service, store), jail, concurrency=1).run(wait=False)
    document = await look(service, base, added)
    assert (document.status, document.error_code) == ("failed", "internal")
    assert await queued(service, base) == []
    other = await send(service, base, "An owl.", "owl.txt")
    await make_worker(with_store(service, store), jail, concurrency=1).run(wait=False)
    assert (await look(service, base, other)).status == "indexed"


async def test_a_blob_that_is_gone_fails_the_document_with_a_sentence(
    service: Service, worker: Worker, base: Scope
) -> None:
    added = await send(service, base, "A fox.")
    await service.blobs.delete(base, (await look(service, base, added)).sha256)
    await worker.run(wait=False)
    document = await look(service, base, added)
    assert (document.status, document.error_code) == ("failed", "unavailable")
    assert "upload it again" in (document.error or "")


async def paused(
    service: Service, base: Scope, jail: ParserJail, *, at: str
) -> tuple[Added, Pause, asyncio.Task[None]]:
    """A document under way, held up in the parser, or before or after the write."""
    pause = Pause()
    parser = FaultyParser(jail, pause if at == "parse" else nothing)
    store = FaultyStore(
        service,
        before=pause if at == "before write" else nothing,
        after=pause if at == "after write" else nothing,
    )
    added = await send(service, base, "A fox.")
    work = make_worker(with_store(service, store), parser, concurrency=1).run(wait=False)
    running = asyncio.create_task(work)
    await asyncio.wait_for(pause.reached.wait(), 60)
    assert (await look(service, base, added)).status == "running"
    return added, pause, running


@pytest.mark.parametrize("at", ["parse", "before write", "after write"])
async def test_a_document_deleted_while_it_is_indexed_leaves_nothing(
    service: Service, base: Scope, jail: ParserJail, at: str
) -> None:
    added, pause, running = await paused(service, base, jail, at=at)
    await service.delete_document(base, added.document_id)
    pause.go.set()
    await running
    assert await chunks(service, base) == 0
    assert await found(service, base) == []
    assert await entries(service, base) == {}
    assert await queued(service, base) == []


@pytest.mark.parametrize("at", ["parse", "before write", "after write"])
async def test_a_knowledge_base_deleted_while_it_is_indexed_leaves_nothing(
    service: Service, base: Scope, jail: ParserJail, at: str
) -> None:
    _, pause, running = await paused(service, base, jail, at=at)
    await service.delete_knowledge_base(base)
    pause.go.set()
    await running
    with pytest.raises(NotFound):
        await service.overview(base)
    assert await queued(service, base) == []


async def test_what_is_deleted_before_its_turn_is_not_even_read(
    service: Service, base: Scope, jail: ParserJail
) -> None:
    parser = FaultyParser(jail)
    added = await send(service, base, "A fox.")
    await service.delete_document(base, added.document_id)
    await make_worker(service, parser, concurrency=1).run(wait=False)
    assert parser.names == []
    assert await queued(service, base) == []


async def test_a_newer_version_spares_the_older_one_its_turn(
    service: Service, base: Scope, jail: ParserJail
) -> None:
    parser = FaultyParser(jail)
    versions = [(await send(service, base, f"Fox {n}.")).version_id for n in range(3)]
    await make_worker(service, parser, concurrency=1).run(wait=False)
    ledger_entries = await entries(service, base)
    states = [ledger_entries[version]["status"] for version in versions]
    assert states == ["superseded", "superseded", "indexed"]
    assert parser.names == ["fox.txt"]
    assert await found(service, base) == ["Fox 2."]


async def test_a_version_that_arrives_while_the_last_is_indexed_comes_after_it(
    service: Service, base: Scope, jail: ParserJail
) -> None:
    _, pause, running = await paused(service, base, jail, at="before write")
    newer = await send(service, base, "A newer fox.")
    beside = make_worker(service, jail, concurrency=1)
    await beside.run(wait=False)
    assert (await look(service, base, newer)).status == "pending"  # its turn has not come
    pause.go.set()
    await running
    await beside.run(wait=False)
    assert (await look(service, base, newer)).status == "indexed"
    assert await found(service, base) == ["A newer fox."]


async def test_uploads_of_one_new_name_at_once_make_one_document(
    service: Service, worker: Worker, base: Scope
) -> None:
    texts = [f"Fox {number}." for number in range(5)]
    added = await asyncio.gather(*(send(service, base, text) for text in texts))
    assert len({one.document_id for one in added}) == 1
    assert len({one.version_id for one in added}) == 5
    same = await asyncio.gather(*(send(service, base, "Owl.", "owl.txt") for _ in range(5)))
    assert len({one.version_id for one in same}) == 1
    assert sum(one.queued for one in same) == 1
    await empty_queue(service, worker)
    overview = await service.overview(base)
    assert (overview.tally.documents, overview.tally.indexed) == (2, 2)
    assert await chunks(service, base) == 2


async def test_a_job_ends_with_its_last_document_and_the_next_one_opens_another(
    service: Service, base: Scope, jail: ParserJail
) -> None:
    _, pause, running = await paused(service, base, jail, at="parse")
    await send(service, base, "An owl.", "owl.txt")
    await send(service, base, "", "empty.txt")
    beside = make_worker(service, jail, concurrency=2)
    await beside.run(wait=False)
    job = await latest(service, base)
    assert counts(job) == (3, 1, 1)
    assert job.job.finished_at is None
    pause.go.set()
    await running
    done = await latest(service, base)
    assert done.job.id == job.job.id
    assert counts(done) == (3, 2, 1)
    assert done.job.finished_at
    await send(service, base, "A cat.", "cat.txt")
    opened = await latest(service, base)
    assert opened.job.id != job.job.id
    assert counts(opened) == (1, 0, 0)
    assert opened.job.finished_at is None
    await beside.run(wait=False)
    assert (await latest(service, base)).job.finished_at


async def latest(service: Service, base: Scope) -> jobs.IndexingJob:
    async with scoped(service.pool, base) as conn:
        (job,) = await jobs.latest(base, conn, limit=1)
    return job


def counts(job: jobs.IndexingJob) -> tuple[int, int, int]:
    """Documents in all, indexed, failed."""
    (source,) = job.sources
    return source.queued, source.indexed, source.failed


async def test_workers_side_by_side_share_the_work_and_do_none_of_it_twice(
    service: Service, base: Scope, jail: ParserJail
) -> None:
    parser = FaultyParser(jail)
    names = [f"{number}.txt" for number in range(12)]
    for name in names:
        await send(service, base, f"Fox of {name}.", name)
    workers = [make_worker(service, parser, concurrency=2) for _ in range(3)]
    await asyncio.gather(*(one.run(wait=False) for one in workers))
    assert sorted(parser.names) == sorted(names)
    assert await chunks(service, base) == 12


async def test_doing_it_twice_is_as_good_as_once(
    service: Service, worker: Worker, base: Scope
) -> None:
    added = await send(service, base, "A fox.")
    index = await service.index_version(base)
    place = Place(index_version_id=index.id, version_id=added.version_id)
    for _ in range(2):
        await worker.index(base, place, 1)
    async with scoped(service.pool, base) as conn:
        await conn.execute(
            "UPDATE kb.ledger SET status = 'running', finished_at = NULL WHERE version_id = %s",
            [added.version_id],
        )
    await worker.run(wait=False)
    assert (await look(service, base, added)).status == "indexed"
    assert await chunks(service, base) == 1
    assert (await latest(service, base)).job.finished_at


TAKE = """
    UPDATE kb.procrastinate_jobs SET status = 'doing', worker_id = %s
    WHERE args->>'knowledge_base_id' = %s
"""


async def taken(service: Service, base: Scope, *, silent_for: float | None) -> None:
    """Make it that a worker took the knowledge base's jobs, and was last heard of so long ago."""
    async with service.pool.connection() as conn:
        row = None
        if silent_for is not None:
            cursor = await conn.execute(
                "INSERT INTO kb.procrastinate_workers (last_heartbeat)"
                " VALUES (now() - make_interval(secs => %s)) RETURNING id",
                [silent_for],
            )
            row = await cursor.fetchone()
        await conn.execute(TAKE, [row and row[0], str(base.knowledge_base_id)])
    async with scoped(service.pool, base) as conn:
        await conn.execute("UPDATE kb.ledger SET status = 'running' WHERE status = 'pending'")


@pytest.mark.parametrize("silent_for", [STALLED_SECONDS + 1, 86400, None])
async def test_what_a_dead_worker_had_under_way_is_taken_up(
    service: Service, worker: Worker, base: Scope, silent_for: float | None
) -> None:
    added = await send(service, base, "A fox.")
    await taken(service, base, silent_for=silent_for)
    await worker.run(wait=False)
    assert (await look(service, base, added)).status == "indexed"
    assert await found(service, base) == ["A fox."]


async def test_what_a_living_worker_has_under_way_is_left_to_it(
    service: Service, worker: Worker, base: Scope
) -> None:
    added = await send(service, base, "A fox.")
    await taken(service, base, silent_for=STALLED_SECONDS - 10)
    await worker.run(wait=False)
    assert (await look(service, base, added)).status == "running"
    assert await queued(service, base) == ["doing"]
    await taken(service, base, silent_for=None)


async def test_a_document_that_kills_its_worker_every_time_is_given_up(
    service: Service, base: Scope, jail: ParserJail
) -> None:
    parser = FaultyParser(jail)
    added = await send(service, base, "A fox.")
    for _ in range(MAX_ATTEMPTS):
        await taken(service, base, silent_for=None)
        await service.queue.revive_stalled()
    await make_worker(service, parser, concurrency=1).run(wait=False)
    document = await look(service, base, added)
    assert (document.status, document.error_code) == ("failed", "workers_died")
    assert parser.names == []
    assert await queued(service, base) == []


async def test_a_revival_that_was_cut_short_itself_does_not_stop_the_next(
    service: Service, worker: Worker, base: Scope
) -> None:
    """Killed in that instant it stays `doing`, and another of its kind may be waiting already."""
    added = await send(service, base, "A fox.")
    await taken(service, base, silent_for=None)
    name = "kb.queue.Queue.work.<locals>.revive_stalled"
    async with service.pool.connection() as conn:
        for status in ("doing", "todo"):
            await conn.execute(
                "INSERT INTO kb.procrastinate_jobs (queue_name, task_name, queueing_lock, status,"
                """ args) VALUES ('default', %s, 'revive_stalled', %s, '{"timestamp": 0}')""",
                [name, status],
            )
    await worker.run(wait=False)
    assert (await look(service, base, added)).status == "indexed"
    async with service.pool.connection() as conn:
        await conn.execute("DELETE FROM kb.procrastinate_jobs WHERE task_name <> 'index_document'")


async def test_two_that_revive_the_same_at_once_do_not_fail(service: Service, base: Scope) -> None:
    for number in range(5):
        await send(service, base, f"Fox {number}.", f"{number}.txt")
    await taken(service, base, silent_for=None)
    await asyncio.gather(*(service.queue.revive_stalled() for _ in range(4)))
    assert await queued(service, base) == ["todo"] * 5


async def test_a_worker_that_is_stopped_while_it_starts_ends(
    service: Service, base: Scope, jail: ParserJail
) -> None:
    """Whatever it is just doing: procrastinate may lose a cancellation."""
    del base
    for milliseconds in range(0, 60, 4):
        worker = make_worker(service, jail, concurrency=1)
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(milliseconds / 1000)
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=60)
        assert done


async def test_a_waiting_worker_begins_as_soon_as_something_arrives(
    service: Service, worker: Worker, base: Scope
) -> None:
    running = asyncio.create_task(worker.run())
    try:
        await asyncio.sleep(0.5)
        added = await send(service, base, "A fox.")
        async with asyncio.timeout(4):  # sooner than the queue is looked at without being told
            while (await look(service, base, added)).status != "indexed":
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
