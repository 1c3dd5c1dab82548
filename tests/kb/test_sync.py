"""Data sources read again: what is new, changed, gone, unreadable, and nothing else."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from psycopg import OperationalError

from ingest.parsing.jail import ParserJail
from ingest.sources.errors import FetchTimeout, FolderNotAllowed, UnexpectedStatus
from ingest.sources.source import Failed, Found, Incomplete, Memory, SourceItem, Unchanged
from kb.catalog.errors import NotFound
from kb.indexing_jobs import IndexingJobs
from kb.job_bodies import IndexingJobBody
from kb.reports import as_csv
from kb.service import Service
from kb.sync import Sync
from kb.vault import Vault
from kb.worker import Worker
from retrieval.scope import TeamScope
from tests.kb.library import VAULT, Library, counts
from tests.kb.teams import new_base


@pytest.fixture(scope="module")
async def jail() -> AsyncIterator[ParserJail]:
    async with ParserJail() as jail:
        yield jail


@pytest.fixture
async def library(
    service: Service, team: TeamScope, jail: ParserJail, tmp_path: Path
) -> AsyncIterator[Library]:
    library = Library(service, await new_base(service, team), jail, folders=[tmp_path])
    await library.work()  # what other tests left
    yield library
    await library.work()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("fox", "owl", "cat"):
        (folder / f"{name}.txt").write_text(f"The {name} sleeps.")
    return folder


async def test_a_new_source_is_indexed_at_once(library: Library, folder: Path) -> None:
    await library.add_folder(folder)
    await library.work()
    job = await library.newest()
    assert (job.phase, job.status) == ("BATCH_JOB_PHASE_SUCCEEDED", "INDEX_JOB_STATUS_COMPLETED")
    assert counts(job) == {"indexed": 3, "failed": 0, "removed": 0, "skipped": 0}
    assert (await library.find("owl"))[0] == "The owl sleeps."
    (source, _, newest) = (await library.sources.list_all(library.scope))[0]
    assert source.settings == {"path": str(folder)}
    assert newest
    assert newest.indexed == 3


async def test_an_unchanged_source_has_no_changes_and_embeds_nothing(
    library: Library, folder: Path
) -> None:
    await library.add_folder(folder)
    await library.work()
    job = await library.sync()
    assert (job.phase, job.status) == ("BATCH_JOB_PHASE_SUCCEEDED", "INDEX_JOB_STATUS_NO_CHANGES")
    assert counts(job) == {"indexed": 0, "failed": 0, "removed": 0, "skipped": 3}
    assert (job.chunks, job.embedded_chunks, job.total_tokens) == (0, 0, "0")


async def test_a_file_touched_with_the_same_bytes_is_no_change(
    library: Library, folder: Path
) -> None:
    await library.add_folder(folder)
    await library.work()
    (folder / "fox.txt").write_text("The fox sleeps.")
    job = await library.sync()
    assert job.status == "INDEX_JOB_STATUS_NO_CHANGES"
    assert (await library.documents())["fox.txt"].version_number == 1


async def test_what_is_new_changed_and_gone_is_all_that_is_done(
    library: Library, folder: Path
) -> None:
    await library.add_folder(folder)
    await library.work()
    (folder / "fox.txt").write_text("The fox hunts.")
    (folder / "owl.txt").unlink()
    (folder / "dog.txt").write_text("The dog barks.")
    job = await library.sync()
    assert job.status == "INDEX_JOB_STATUS_COMPLETED"
    assert counts(job) == {"indexed": 2, "failed": 0, "removed": 1, "skipped": 1}
    assert sorted(await library.documents()) == ["cat.txt", "dog.txt", "fox.txt"]
    assert await library.find("owl") == []
    assert await library.find("fox") == ["The fox hunts."]


async def test_one_file_of_500_embeds_only_its_changed_chunks(
    library: Library, folder: Path
) -> None:
    for number in range(497):
        (folder / f"{number}.txt").write_text(f"Part {number} is on shelf {number * 7}.")
    await library.add_folder(folder)
    await library.work()
    sections = [f"# Pump {n}\n\n" + f"Pump {n} has a valve. " * 40 for n in range(6)]
    (folder / "fox.md").write_text("\n\n".join(sections))
    first = await library.sync()
    assert first.chunks == first.embedded_chunks >= 6
    sections[3] = "# Pump 3\n\n" + "Pump 3 has no valve. " * 40
    (folder / "fox.md").write_text("\n\n".join(sections))
    job = await library.sync()
    assert counts(job) == {"indexed": 1, "failed": 0, "removed": 0, "skipped": 500}
    assert 0 < job.embedded_chunks < job.chunks / 2


async def test_a_file_that_cannot_be_read_by_the_parser_fails_alone(
    library: Library, folder: Path
) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    await library.add_folder(folder)
    await library.work()
    job = await library.newest()
    assert job.status == "INDEX_JOB_STATUS_PARTIAL"
    assert counts(job) == {"indexed": 3, "failed": 1, "removed": 0, "skipped": 0}
    rows = await report(library, job.uuid)
    broken = next(row for row in rows if row["item_name"] == "broken.pdf")
    assert (broken["outcome"], broken["stage"]) == ("failed", "parse")
    assert broken["error_code"] == "corrupt_document"


async def report(library: Library, job_id: UUID) -> list[dict[str, str]]:
    token = library.jobs.report_token(library.scope, job_id)
    _, rows = await library.jobs.signed_report(token)
    return list(csv.DictReader(io.StringIO("".join(as_csv(rows)))))


async def test_what_a_job_came_to_stays_as_it_was(library: Library, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 broken in yet another way")
    await library.add_folder(folder)
    await library.work()
    first = await library.newest()
    before = await report(library, first.uuid)
    (folder / "broken.pdf").unlink()
    (folder / "fox.txt").write_text("The fox hunts.")
    await library.sync()
    after = IndexingJobBody.of(await library.jobs.get(library.scope, first.uuid))
    assert after == first
    assert await report(library, first.uuid) == before


async def test_bytes_that_failed_three_times_are_in_quarantine_until_they_change(
    library: Library, folder: Path
) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 broken in another way")
    await library.add_folder(folder)
    await library.work()
    for _ in range(2):
        assert (await library.sync()).status == "INDEX_JOB_STATUS_PARTIAL"
        assert (await library.documents())["broken.pdf"].error_code == "corrupt_document"
    await library.sync()
    document = (await library.documents())["broken.pdf"]
    assert document.error_code == "quarantined"
    assert "3 times" in (document.error or "")
    await library.service.index_again(library.scope, document)  # somebody insists
    await library.work()
    assert (await library.documents())["broken.pdf"].error_code == "corrupt_document"
    (folder / "broken.pdf").write_text("Now it is text.")
    assert (await library.sync()).status == "INDEX_JOB_STATUS_COMPLETED"


async def test_two_jobs_of_one_knowledge_base_wait_for_each_other(
    library: Library, folder: Path
) -> None:
    await library.add_folder(folder)
    await library.work()
    (folder / "fox.txt").write_text("The fox hunts.")
    first = await library.jobs.create(library.scope)
    second = await library.jobs.create(library.scope)
    assert (await library.look(second)).phase == "BATCH_JOB_PHASE_PENDING"
    await library.work()
    await library.work()
    assert (await library.look(first)).status == "INDEX_JOB_STATUS_COMPLETED"
    assert (await library.look(second)).status == "INDEX_JOB_STATUS_NO_CHANGES"
    first_end, second_start = (
        (await library.look(first)).finished_at,
        (await library.look(second)).started_at,
    )
    assert first_end
    assert second_start
    assert first_end <= second_start


async def test_a_cancelled_job_does_no_more_and_the_next_one_catches_up(
    library: Library, folder: Path
) -> None:
    await library.add_folder(folder)
    job = (await library.jobs.latest(library.scope))[0]
    cancelled = await library.jobs.cancel(library.scope, job.job.id)
    await library.work()
    assert (await library.look(cancelled)).phase == "BATCH_JOB_PHASE_CANCELLED"
    assert await library.documents() == {}
    again = await library.sync()
    assert counts(again)["indexed"] == 3


async def test_documents_of_a_cancelled_job_are_indexed_by_the_next_one(
    library: Library, folder: Path, service: Service
) -> None:
    await library.add_folder(folder)
    # Read, but not indexed yet.
    job = (await library.jobs.latest(library.scope))[0]
    await Sync(service, library.worker._sync._open).run(  # pyright: ignore[reportPrivateUsage]
        library.scope, job.job.id, is_last=True
    )
    await library.jobs.cancel(library.scope, job.job.id)
    await library.work()
    assert {one.status for one in (await library.documents()).values()} == {"cancelled"}
    assert await library.find("fox") == []
    assert counts(await library.sync())["indexed"] == 3
    assert await library.find("fox") == ["The fox sleeps."]


async def test_a_deleted_source_takes_its_documents_along(library: Library, folder: Path) -> None:
    source = await library.add_folder(folder)
    await library.work()
    blob = (await library.documents())["fox.txt"].sha256
    await library.sources.delete(library.scope, source)
    assert await library.documents() == {}
    await library.work()
    assert await library.find("fox") == []
    assert await library.sources.list_all(library.scope) == []
    with pytest.raises(Exception, match="upload it again"):
        await library.service.blobs.get(library.scope, blob)
    with pytest.raises(NotFound):
        await library.sources.delete(library.scope, source)


async def test_a_folder_that_is_gone_loses_no_document(library: Library, folder: Path) -> None:
    await library.add_folder(folder)
    await library.work()
    folder.rename(folder.with_name("elsewhere"))
    job = await library.sync()
    assert job.status in ("INDEX_JOB_STATUS_PARTIAL", "INDEX_JOB_STATUS_FAILED")
    (source,) = job.data_source_jobs
    assert source.status == "DATA_SOURCE_STATUS_FAILED"
    assert source.error_msg == "folder_unreadable"
    assert len(await library.documents()) == 3
    assert await library.find("fox") == ["The fox sleeps."]


async def test_a_folder_outside_of_the_allowed_ones_is_refused(library: Library) -> None:
    with pytest.raises(FolderNotAllowed, match="KB_SOURCE_FOLDERS"):
        await library.add_folder(Path("/etc"))
    assert await library.sources.list_all(library.scope) == []


class Shelf:
    """A source that says what the test tells it to."""

    def __init__(self, *items: SourceItem | Exception) -> None:
        self.told = items
        self.known: Mapping[str, Memory] = {}

    async def items(self, known: Mapping[str, Memory]) -> AsyncGenerator[SourceItem]:
        self.known = dict(known)
        for item in self.told:
            if isinstance(item, Exception):
                raise item
            yield item


def found(key: str, text: str, *, name: str | None = None) -> Found:
    async def read() -> AsyncIterator[bytes]:
        yield text.encode()

    return Found(key=key, item_name=name or key, memory={"seen": key}, size=None, read=read)


@pytest.fixture
async def shelf(library: Library, folder: Path, jail: ParserJail) -> Shelf:
    """The library's one source, as its worker reads it."""
    shelf = Shelf()
    sync = Sync(library.service, lambda _: shelf)
    library.worker = Worker(library.service, jail, sync, concurrency=2)
    shelf.told = (found("a", "The fox."), found("b", "The owl."))
    await library.add_folder(folder)
    await library.work()
    return shelf


async def test_what_a_source_remembers_comes_back_to_it(library: Library, shelf: Shelf) -> None:
    await library.sync()
    assert shelf.known == {"a": {"seen": "a"}, "b": {"seen": "b"}}


async def test_an_item_that_fails_now_keeps_what_was_known_of_it(
    library: Library, shelf: Shelf
) -> None:
    shelf.told = (Unchanged(key="a"), Failed(key="b", error=FetchTimeout()))
    job = await library.sync()
    assert job.status == "INDEX_JOB_STATUS_PARTIAL"
    assert counts(job) == {"indexed": 0, "failed": 1, "removed": 0, "skipped": 1}
    assert await library.find("owl") == ["The owl."]


async def test_nothing_is_gone_from_a_source_that_was_not_read_to_its_end(
    library: Library, shelf: Shelf
) -> None:
    for told in (
        (Unchanged(key="a"), Incomplete(error=FetchTimeout())),
        (Unchanged(key="a"), UnexpectedStatus("It answers with status 500.")),
    ):
        shelf.told = told
        job = await library.sync()
        assert job.status == "INDEX_JOB_STATUS_PARTIAL"
        assert sorted(await library.documents()) == ["a", "b"]


async def test_of_two_items_of_one_name_the_first_is_indexed(
    library: Library, shelf: Shelf
) -> None:
    shelf.told = (found("a", "The fox."), found("b", "An impostor.", name="a"))
    job = await library.sync()
    assert counts(job) == {"indexed": 0, "failed": 0, "removed": 1, "skipped": 2}
    assert list(await library.documents()) == ["a"]
    assert await library.find("fox impostor") == ["The fox."]


async def test_an_item_that_is_called_otherwise_now_is_another_document(
    library: Library, shelf: Shelf
) -> None:
    shelf.told = (found("a", "The fox.", name="renamed"), Unchanged(key="b"))
    await library.sync()
    assert sorted(await library.documents()) == ["b", "renamed"]
    assert await library.find("fox") == ["The fox."]


async def test_a_database_that_is_away_for_a_moment_is_no_failure_of_the_source(
    library: Library, shelf: Shelf
) -> None:
    shelf.told = (found("c", "The dog."), OperationalError("gone"))
    job = await library.jobs.create(library.scope)
    await library.worker.run(wait=False)
    assert (await library.look(job)).phase == "BATCH_JOB_PHASE_RUNNING"
    shelf.told = (found("c", "The dog."), Unchanged(key="a"), Unchanged(key="b"))
    async with library.service.pool.connection() as conn:
        await conn.execute("UPDATE kb.procrastinate_jobs SET scheduled_at = NULL")
    await library.work()
    done = await library.look(job)
    assert done.status == "INDEX_JOB_STATUS_COMPLETED"
    assert counts(done) == {"indexed": 1, "failed": 0, "removed": 0, "skipped": 2}


async def test_a_report_is_opened_by_its_link_only(library: Library, folder: Path) -> None:
    await library.add_folder(folder)
    await library.work()
    job = await library.newest()
    stranger = IndexingJobs(library.service, Vault(b"another secret"))
    with pytest.raises(Exception, match="link"):
        await library.jobs.signed_report(stranger.report_token(library.scope, job.uuid))
    foreign = VAULT.sign("report", {"team": str(uuid4()), "job": str(job.uuid)})
    with pytest.raises(NotFound):
        await library.jobs.signed_report(foreign)


async def test_a_report_holds_nothing_that_a_spreadsheet_would_run(
    library: Library, folder: Path
) -> None:
    (folder / "=cmd.txt").write_text("The snake.")
    await library.add_folder(folder)
    await library.work()
    rows = await report(library, (await library.newest()).uuid)
    assert "'=cmd.txt" in [row["item_name"] for row in rows]
    assert not any(row["item_name"].startswith("=") for row in rows)


async def test_one_teams_many_files_do_not_hold_up_anothers_one(
    service: Service, library: Library, folder: Path, jail: ParserJail
) -> None:
    for number in range(40):
        (folder / f"{number}.txt").write_text(f"File {number}.")
    await library.add_folder(folder)
    await library.worker._sync.run(  # pyright: ignore[reportPrivateUsage]
        library.scope, (await library.jobs.latest(library.scope))[0].job.id, is_last=True
    )
    other = TeamScope(team_id=uuid4())
    await service.ensure_team(other)
    base = await new_base(service, other)
    order: list[str] = []

    class Watching:
        async def parse(self, data: bytes, *, name: str):
            order.append(name)
            return await jail.parse(data, name=name)

    async def one() -> AsyncIterator[bytes]:
        yield b"The only one."

    await service.add_document(base, item_name="only.txt", data=one())
    await Worker(service, Watching(), Sync(service, lambda _: None), concurrency=1).run(wait=False)
    assert len(order) == 44
    assert order.index("only.txt") < 5


async def test_a_schedule_begins_a_job_when_it_is_due(library: Library, folder: Path) -> None:
    from datetime import time

    from kb import schedules

    await library.add_folder(folder)
    await library.work()
    (folder / "dog.txt").write_text("The dog barks.")
    made = await schedules.schedule(library.service, library.scope, days=[1, 3], at=time(5, 30))
    await library.work()
    assert "dog.txt" not in await library.documents()  # it is not due yet
    async with library.service.pool.connection() as conn:
        await conn.execute(
            "SELECT set_config('kb.team_id', %s, false)", [str(library.scope.team_id)]
        )
        await conn.execute(
            "UPDATE kb.schedules SET next_run_at = now() - interval '1 s' WHERE id = %s", [made.id]
        )
        await conn.execute("UPDATE kb.procrastinate_jobs SET scheduled_at = NULL")
        await conn.execute("SELECT set_config('kb.team_id', '', false)")
    await library.work()
    assert "dog.txt" in await library.documents()
    after = await schedules.of(library.service, library.scope)
    assert after.last_ran_at
    assert after.next_run_at > after.last_ran_at
    assert after.next_run_at.isoweekday() in (1, 3)
    await asyncio.sleep(0)
