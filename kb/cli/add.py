"""`kb add`: files and folders in, with a progress bar and a summary of what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from kb.catalog.documents import Added, Document
from kb.cli.following import follow_documents
from kb.cli.metadata import read_given
from kb.cli.session import Session, err, fail, out, session
from kb.metadata import add_document
from retrieval.errors import ServiceError
from retrieval.scope import Scope

READ_BYTES = 1024 * 1024


async def add(knowledge_base: str, paths: Sequence[Path], *, metadata: Sequence[str] = ()) -> int:
    """Send, index, and say what became of each file; 1 when one failed.

    `metadata` is given with each, as `key=value`.
    """
    files = _files(paths)
    if not files:
        fail("There are no files in there.")
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        given = await read_given(s, scope, metadata) if metadata else None
        added, refused = await _send(s, scope, files, given)
        queued = [one.document_id for one in added.values() if one.queued]
        done = await follow_documents(s, scope, queued) if queued else []
    return summarise(done, skipped=len(added) - len(queued), refused=refused)


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
    s: Session, scope: Scope, files: dict[str, Path], given: Mapping[str, object] | None
) -> tuple[dict[str, Added], dict[str, str]]:
    added: dict[str, Added] = {}
    refused: dict[str, str] = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
    ) as progress:
        for name, path in progress.track(files.items(), description="Sending"):
            try:
                added[name] = await _send_one(s, scope, name, path, given)
            except (ServiceError, OSError) as exc:
                refused[name] = str(exc)
    return added, refused


async def _send_one(
    s: Session, scope: Scope, name: str, path: Path, given: Mapping[str, object] | None
) -> Added:
    if given is None:
        return await s.service.add_document(scope, item_name=name, data=_parts(path))
    return await add_document(s.service, scope, item_name=name, data=_parts(path), given=given)


async def _parts(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while part := await asyncio.to_thread(file.read, READ_BYTES):
            yield part


def summarise(
    done: Sequence[Document], *, skipped: int = 0, refused: Mapping[str, str] | None = None
) -> int:
    """What became of each; 1 when one failed."""
    indexed = [one for one in done if one.status == "indexed"]
    failed = {one.item_name: one.error or one.status or "" for one in done if one not in indexed}
    failed |= refused or {}
    table = Table("", "Files", "Chunks", "Tokens")
    chunks = sum(one.chunks or 0 for one in indexed)
    tokens = sum(one.tokens or 0 for one in indexed)
    table.add_row("[green]indexed[/]", str(len(indexed)), f"{chunks:,}", f"{tokens:,}")
    table.add_row("skipped, unchanged", str(skipped), "", "")
    table.add_row("[red]failed[/]" if failed else "failed", str(len(failed)), "", "")
    out.print(table)
    for name, reason in failed.items():
        out.print(f"[red]failed[/] {escape(name)}: {escape(reason)}", soft_wrap=True)
    return 1 if failed else 0
