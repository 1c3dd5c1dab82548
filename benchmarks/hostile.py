"""Hostile files through the whole service: what becomes of each, and what it costs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import httpx
import psutil
import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from benchmarks import attacks
from benchmarks.beir import VARIABLE
from benchmarks.client import Client, connected, side_by_side, wait_until_indexed
from benchmarks.service import ROOT, Running, ServiceFailed, running
from benchmarks.terminal import err, out, progress_bars
from benchmarks.watch import Seen, listening, parsers_left, watching

FOLDER = "poi_robustness"
MUTANTS = 200
UPLOADS_AT_ONCE = 4
MAX_MEMORY = 1_000_000_000
LEFT_SECONDS = 30
UNTYPED = {None, "internal"}  # codes that say nothing

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@app.command(epilog="Example:  `KB_BENCH_DATA=data python -m benchmarks.hostile`")
def main(
    bench_data: Annotated[
        Path | None,
        typer.Option(
            envvar=VARIABLE, help=f"Folder that holds {FOLDER}; without it, that part is left out."
        ),
    ] = None,
) -> None:
    """Upload damaged, swollen and prying files to a fresh service, and watch it.

    Ends with 1 where a document has no outcome or no typed reason, a parser outlives its document,
    anything is fetched from elsewhere, a process takes over 1 GB, or the service no longer answers.
    """
    try:
        with TemporaryDirectory(ignore_cleanup_errors=True) as name:
            folder = Path(name)
            folder.chmod(0o711)  # for root: PostgreSQL's account passes through
            with running(folder) as service, listening(seen := Seen()) as listener:
                made = attacks.generated(listener)
                files = _files(bench_data) | made
                parent = _serving(service.url)
                with watching(seen, parent):
                    documents = asyncio.run(_send(service, files))
                left = parsers_left(parent, LEFT_SECONDS)
    except ServiceFailed as exc:
        err.print(f"[red]Error:[/] {exc}", soft_wrap=True)
        raise typer.Exit(2) from exc
    wrong = _wrong(files, documents, seen, left)
    _print(documents, seen, made)
    for line in wrong:
        out.print(f"[red]Wrong:[/] {escape(line)}", soft_wrap=True)
    raise typer.Exit(1 if wrong else 0)


def _files(bench_data: Path | None) -> dict[str, bytes]:
    handbook = [*(ROOT / "examples" / "handbook").glob("volume-*")]
    real = sorted((bench_data / FOLDER).rglob("*.*")) if bench_data else []
    found = {path.name: path.read_bytes() for path in [*handbook, *real] if path.is_file()}
    return found | dict(attacks.mutants(list(found.items()), MUTANTS))


def _serving(url: str) -> psutil.Process:
    """The process that listens there."""
    port = int(url.rpartition(":")[2])
    for process in psutil.Process().children(recursive=True):
        for connection in process.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                return process
    raise ServiceFailed(f"No process of ours listens on port {port}.")


async def _send(service: Running, files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Upload all and wait for all; every document as it stands then."""
    with progress_bars() as progress:
        async with connected(service) as client:
            base_id = await client.require_knowledge_base("hostile")
            await _upload(client, base_id, files, progress)
            await wait_until_indexed(client, base_id, progress)
            await client.retrieve(base_id, "How long may a parcel wait?", alpha=0.5, num_results=5)
            return await client.documents(base_id)


async def _upload(
    client: Client, base_id: str, files: dict[str, bytes], progress: Progress
) -> None:
    bar = progress.add_task("Uploading", total=len(files))

    async def send(name: str) -> None:
        try:
            await client.upload(base_id, name, files[name])
        except httpx.HTTPStatusError as exc:
            err.print(f"[red]Refused:[/] {escape(name)} {escape(exc.response.text)}")
        progress.advance(bar)

    await side_by_side(send, files, workers=UPLOADS_AT_ONCE)


def _wrong(
    files: dict[str, bytes], documents: list[dict[str, Any]], seen: Seen, left: list[int]
) -> list[str]:
    """Everything that must not be."""
    outcomes = {one["item_name"]: one for one in documents}
    wrong = [f"{name} has no document" for name in files if name not in outcomes]
    for name, one in outcomes.items():
        if one["status"] not in ("indexed", "failed"):
            wrong.append(f"{name} is {one['status']}")
        if one["status"] == "failed" and one["error_code"] in UNTYPED:
            wrong.append(f"{name} failed without a reason: {one['error_details']}")
    wrong += [f"{path} was fetched" for path in seen.fetched]
    wrong += [f"connected to {address}" for address in seen.connections]
    wrong += [f"parser {pid} is still alive" for pid in left]
    for label, memory in seen.most_memory.items():
        if memory > MAX_MEMORY:
            wrong.append(f"the {label} took {memory / 1e6:,.0f} MB")
    return wrong


def _print(documents: list[dict[str, Any]], seen: Seen, shown: Collection[str]) -> None:
    counted = Counter(one["error_code"] or one["status"] for one in documents)
    table = Table("Outcome", title=f"{len(documents)} hostile files")
    table.add_column("Files", justify="right")
    for outcome, number in counted.most_common():
        table.add_row(outcome, str(number))
    out.print(table)
    for one in documents:
        if one["item_name"] in shown:
            said = one["error_details"] or f"{one['status']}, {one['chunks']} chunks"
            out.print(f"{one['item_name']}: {escape(said)}", soft_wrap=True)
    for label, memory in sorted(seen.most_memory.items()):
        out.print(f"Most memory of the {label}: {memory / 1e6:,.0f} MB")


if __name__ == "__main__":
    app()
