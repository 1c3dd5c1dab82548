"""`kb jobs`, `kb job show`, `kb job cancel`, `kb job report`."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from rich.markup import escape
from rich.table import Table

from kb.catalog.jobs import IndexingJob
from kb.cli.places import place
from kb.cli.session import Session, fail, out, session
from kb.job_bodies import IndexingJobBody
from kb.reports import as_csv

SHOWN_FAILURES = 20


async def list_all(knowledge_base: str, *, as_json: bool) -> None:
    """A table of the newest."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        found = await s.indexing_jobs.latest(scope)
    if as_json:
        out.print_json(data=[_as_json(one) for one in found])
        return
    if not found:
        out.print("No jobs yet.")
        return
    table = Table("Kind", "Status", "Created", "Took", box=None)
    for count in ("Indexed", "Failed", "Removed", "Unchanged", "Pending"):
        table.add_column(count, justify="right")
    table.add_column("Id", no_wrap=True)
    for one in found:
        table.add_row(
            one.job.kind.replace("_", " "),
            status(one),
            f"{one.job.created_at:%Y-%m-%d %H:%M}",
            _took(one),
            *(f"{count:,}" for count in _counts(one)),
            str(one.job.id),
        )
    out.print(table)


async def show(job_id: UUID, *, as_json: bool) -> None:
    """One job in full."""
    async with session() as s:
        found = await s.indexing_jobs.get(s.team, job_id)
        if as_json:
            out.print_json(data=_as_json(found))
            return
        table = Table(show_header=False, box=None)
        table.add_row("Id", str(found.job.id))
        table.add_row("Kind", found.job.kind.replace("_", " "))
        table.add_row("Status", status(found))
        table.add_row("Created", f"{found.job.created_at:%Y-%m-%d %H:%M:%S}")
        table.add_row("Took", _took(found))
        if (eta := found.eta()) is not None:
            table.add_row("Takes yet", f"{eta.total_seconds():,.0f} s")
        out.print(table)
        await summarise(s, found)


async def cancel(job_id: UUID) -> None:
    """Give up what it has not done."""
    async with session() as s:
        found = await s.indexing_jobs.cancel(s.team, job_id)
    if found.job.cancelled_at is None:
        fail("This job has ended already.")
    out.print("Cancelled. What it has indexed stays.")


async def report(job_id: UUID, *, output: Path | None) -> None:
    """What became of every document, as CSV."""
    async with session() as s:
        lines = as_csv(await s.indexing_jobs.report(s.team, job_id))
    if output is None:
        print(*lines, sep="", end="")  # noqa: T201 for scripts: no wrapping, no markup
        return
    _write(output, "".join(lines))
    out.print(f"Wrote {escape(str(output))}")


async def summarise(s: Session, found: IndexingJob) -> int:
    """What became of each data source, and of what failed; 1 when something did."""
    scope = s.team.knowledge_base(found.job.knowledge_base_id)
    places = {source.id: place(source) for source, _, _ in await s.data_sources.list_all(scope)}
    table = Table("Data source")
    for count in ("Indexed", "Failed", "Removed", "Unchanged", "Skipped"):
        table.add_column(count, justify="right")
    for one in found.sources:
        failed = one.failed + one.unread
        counts = (one.indexed, failed, one.removed, one.unchanged, one.skipped)
        name = places.get(one.data_source_id, str(one.data_source_id))
        table.add_row(escape(name), *(f"{count:,}" for count in counts))
    out.print(table)
    for one in found.sources:
        if one.status == "failed":
            name = places.get(one.data_source_id, str(one.data_source_id))
            out.print(f"[red]failed[/] {escape(name)}: {escape(one.error or '')}", soft_wrap=True)
    await _print_failures(s, found.job.id)
    match status(found):
        case "no changes":
            out.print("Nothing has changed since it was read last.")
        case "cancelled":
            out.print("It was cancelled. What it has indexed stays.")
            return 1
        case "failed" | "partial":
            return 1
        case _:
            pass
    return 0


def status(found: IndexingJob) -> str:
    """As the API has it, in lower case."""
    name = IndexingJobBody.of(found).status.removeprefix("INDEX_JOB_STATUS_")
    return name.lower().replace("_", " ")


async def _print_failures(s: Session, job_id: UUID) -> None:
    rows = await s.indexing_jobs.report(s.team, job_id)
    failed = [row for row in rows if row.outcome == "failed"]
    for row in failed[:SHOWN_FAILURES]:
        name = row.item_name or "the whole"
        out.print(f"[red]failed[/] {escape(name)}: {escape(row.error or '')}", soft_wrap=True)
    if len(failed) > SHOWN_FAILURES:
        more = len(failed) - SHOWN_FAILURES
        out.print(f"... and {more:,} more; all are in: kb job report {job_id}", soft_wrap=True)


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError as exc:
        fail(f"{output} cannot be written: {exc.strerror}.")


def _counts(found: IndexingJob) -> tuple[int, ...]:
    sources = found.sources
    return (
        sum(one.indexed for one in sources),
        sum(one.failed + one.unread for one in sources),
        sum(one.removed for one in sources),
        sum(one.unchanged for one in sources),
        sum(one.under_way for one in sources),
    )


def _took(found: IndexingJob) -> str:
    job = found.job
    if job.started_at is None or job.finished_at is None:
        return ""
    return f"{(job.finished_at - job.started_at).total_seconds():,.1f} s"


def _as_json(found: IndexingJob) -> dict[str, object]:
    return IndexingJobBody.of(found).model_dump(mode="json")
