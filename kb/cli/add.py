"""`kb add`: files and folders in, with a progress bar and a summary of what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from kb.catalog.documents import Added, Document
from kb.cli.session import Session, err, fail, out, session
from kb.wiring import open_worker
from retrieval.errors import ServiceError
from retrieval.scope import Scope

POLL_SECONDS = 0.3
READ_BYTES = 1024 * 1024


async def add(knowledge_base: str, paths: Sequence[Path]) -> int:
    """Send, index, and say what became of each file; 1 when one failed."""
    files = _files(paths)
    if not files:
        fail("There are no files in there.")
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=err,
        ) as progress:
            added, refused = await _send(s, scope, files, progress)
            queued = [one.document_id for one in added.values() if one.queued]
            done = await _index(s, scope, queued, progress) if queued else []
    skipped = [name for name, one in added.items() if not one.queued]
    return _summarise(done, skipped, refused)


def _files(paths: Sequence[Path]) -> dict[str, Path]:
    """Files by item name: a file's own name, or its path from the folder that was given."""
    found: dict[str, Path] = {}
    for name, path in _named(paths):
        if name in found and found[name].resolve() != path.resolve():
            fail(f"Two files would both be called {name!r}: {found[name]} and {path}.")
        found[name] = path
    return found


def _named(paths: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    for path in paths:
        if not path.is_dir():
            yield path.name, path
            continue
        root = path.resolve()
        for file in sorted(root.rglob("*")):
            inner = file.relative_to(root)
            if file.is_file() and not any(part.startswith(".") for part in inner.parts):
                yield f"{root.name}/{inner.as_posix()}", file


async def _send(
    s: Session, scope: Scope, files: dict[str, Path], progress: Progress
) -> tuple[dict[str, Added], dict[str, str]]:
    added: dict[str, Added] = {}
    refused: dict[str, str] = {}
    task = progress.add_task("Sending", total=len(files))
    for name, path in files.items():
        try:
            added[name] = await s.service.add_document(scope, item_name=name, data=_parts(path))
        except (ServiceError, OSError) as exc:
            refused[name] = str(exc)
        progress.advance(task)
    return added, refused


async def _parts(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while part := await asyncio.to_thread(file.read, READ_BYTES):
            yield part


async def _index(
    s: Session, scope: Scope, ids: Sequence[UUID], progress: Progress
) -> list[Document]:
    task = progress.add_task("Indexing", total=len(ids))
    async with _working(s) as working:
        while True:
            documents = await s.service.documents(scope, ids)
            pending = [one for one in documents if one.status in ("pending", "running")]
            progress.update(task, completed=len(ids) - len(pending))
            if not pending:
                return documents
            if working.done():
                working.result()
            await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def _working(s: Session) -> AsyncGenerator[asyncio.Task[None]]:
    """A worker beside us, so that no `kb up` needs to run; where one does, they share the work."""
    async with open_worker(s.settings, s.service) as worker:
        task = asyncio.create_task(worker.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _summarise(done: Sequence[Document], skipped: Sequence[str], refused: dict[str, str]) -> int:
    indexed = [one for one in done if one.status == "indexed"]
    failed = {one.item_name: one.error or one.status or "" for one in done if one not in indexed}
    failed |= refused
    table = Table("", "Files", "Chunks", "Tokens")
    chunks = sum(one.chunks or 0 for one in indexed)
    tokens = sum(one.tokens or 0 for one in indexed)
    table.add_row("[green]indexed[/]", str(len(indexed)), f"{chunks:,}", f"{tokens:,}")
    table.add_row("skipped, unchanged", str(len(skipped)), "", "")
    table.add_row("[red]failed[/]" if failed else "failed", str(len(failed)), "", "")
    out.print(table)
    for name, reason in failed.items():
        out.print(f"[red]failed[/] {escape(name)}: {escape(reason)}", soft_wrap=True)
    return 1 if failed else 0
