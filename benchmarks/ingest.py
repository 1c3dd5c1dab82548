"""How fast documents become searchable: the running service beside LlamaIndex and Haystack."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Annotated, Any

import psutil
import typer
from pypdfium2 import PdfDocument  # pyright: ignore[reportMissingTypeStubs]
from rich.progress import Progress
from rich.table import Table

from benchmarks.beir import VARIABLE
from benchmarks.client import connected, side_by_side
from benchmarks.model_runs import busy, process_of, run_seconds, runs_between
from benchmarks.pdf_extractors import REFERENCED, REPORTS
from benchmarks.peers.environment import PYTHON, PeersMissing, require
from benchmarks.service import ROOT, Running, ServiceFailed, data_folder, running
from benchmarks.terminal import err, out, progress_bars
from benchmarks.watch import Seen, watching
from kb.settings import Settings
from retrieval.cores import usable_cores
from retrieval.embedding.models import MODELS
from retrieval.embedding.prepared import published
from retrieval.embedding.weights import find_model_folder

FOLDERS = (REPORTS, REFERENCED / "sources")
# Their fonts do not say which characters they show. What pypdf makes of them, LlamaIndex's pipeline
# fails on: the whole run ends with a UnicodeEncodeError.
LEFT_OUT = ("skipped_1page.pdf", "skipped_2pages.pdf")
MODEL = MODELS[0]
CHUNK_TOKENS = MODEL.max_tokens - 2  # with the two special tokens it is what we cut to
UPLOADS_AT_ONCE = 4
LOOK_SECONDS = 0.2
FASTER = 2.0  # demanded: chunks per second, of each peer's
BUSY = 0.9  # demanded: of the time, with the model at work
MAX_MEMORY = 1_000_000_000

PEERS = {"LlamaIndex": "llama_index_ingest.py", "Haystack": "haystack_ingest.py"}
ENVIRONMENT = {"HAYSTACK_TELEMETRY_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
DIFFERENCES = (
    "kb parses in confined processes, reads layout, cuts by section, embeds titles with the text,"
    " and stores text, vectors and words in PostgreSQL, reached over HTTP.",
    "LlamaIndex cuts within pages (smaller chunks), embeds a file's path and page with the text,"
    " ten chunks at a time in the order of the text, and keeps vectors in memory.",
    "Haystack cuts every 254 tokens, wherever that falls, embeds 256 chunks at a time, and keeps"
    " them in memory.",
    "A peer's run of the model is of a batch and uses every core; ours is of one text on one core,"
    " several at a time.",
    "Smaller chunks are more chunks: compare pages and tokens per second as well.",
)


@dataclass(frozen=True, slots=True)
class Result:
    """How one system did."""

    name: str
    seconds: float
    pages: int
    chunks: int
    tokens: int
    padded: int
    busy: float
    """Seconds in which the model was running."""
    core_seconds: float
    """The same, for every core that a run may use."""
    processor: float
    """Processor seconds from the system's start to its end, PostgreSQL's not included."""
    memory: Mapping[str, int]

    @property
    def chunks_per_second(self) -> float:
        """From the first byte sent to the last chunk searchable."""
        return self.chunks / self.seconds

    @property
    def busy_share(self) -> float:
        """Of the time, with the model at work."""
        return self.busy / self.seconds


app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@app.command(epilog="Example:  `KB_BENCH_DATA=data python -m benchmarks.ingest --files 4`")
def main(
    bench_data: Annotated[
        Path,
        typer.Option(envvar=VARIABLE, help=f"Folder that holds {FOLDERS[0]} and {FOLDERS[1]}."),
    ],
    peers: Annotated[Path, typer.Option(help="The Python that has the two peers.")] = PYTHON,
    files: Annotated[
        int | None, typer.Option(min=1, help="Take so many of the files, small and large ones.")
    ] = None,
) -> None:
    """Index the same PDF files with each system, one after another, with the same model.

    Ours goes through the running service: uploaded over REST, and done when all is searchable.
    Ends with 1 unless it makes twice the chunks per second of each peer, keeps its model at work
    nine tenths of the time, and no process of it takes over 1 GB.
    """
    try:
        require(peers)
        found = (path for folder in FOLDERS for path in (bench_data / folder).glob("*.pdf"))
        kept = (path for path in found if path.name not in LEFT_OUT)
        paths = sorted(kept, key=lambda path: path.stat().st_size)
        if not paths:
            raise PeersMissing(f"There are no PDF files in {' and '.join(map(str, FOLDERS))}.")
        results = _measure(_some(paths, files or len(paths)), peers)
    except (PeersMissing, ServiceFailed) as exc:
        err.print(f"[red]Error:[/] {exc}", soft_wrap=True)
        raise typer.Exit(2) from exc
    out.print(_table(results))
    precision = Settings().embedding_precision
    out.print(f"[dim]The weights are the same, run in fp32 by the peers, in {precision} by kb.[/]")
    out.print(f"[dim]Left out, because LlamaIndex fails on them: {', '.join(LEFT_OUT)}.[/]")
    for line in DIFFERENCES:
        out.print(f"[dim]{line}[/]", soft_wrap=True)
    missed = _missed(results)
    for line in missed:
        out.print(f"[red]Missed:[/] {line}", soft_wrap=True)
    raise typer.Exit(1 if missed else 0)


def _some(paths: Sequence[Path], number: int) -> list[Path]:
    """So many of them, evenly spread."""
    number = min(number, len(paths))
    return [paths[index * len(paths) // number] for index in range(number)]


def _measure(paths: Sequence[Path], peers: Path) -> list[Result]:
    pages = sum(map(_pages, paths))
    results: list[Result] = []
    with progress_bars() as progress, TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)  # for root: PostgreSQL's account passes through
        bar = progress.add_task("Systems", total=1 + len(PEERS))
        systems = [
            lambda: _ours(folder, paths, pages, progress),
            *(partial(_peer, peer, peers, folder, paths, pages) for peer in PEERS),
        ]
        for system in systems:
            results.append(system())
            progress.console.print(_line(results[-1]))
            progress.advance(bar)
    return results


def _pages(path: Path) -> int:
    document = PdfDocument(path)
    try:
        return len(document)
    finally:
        document.close()


def _ours(folder: Path, paths: Sequence[Path], pages: int, progress: Progress) -> Result:
    log, seen, before = folder / "kb.runs", Seen(), _processor_seconds()
    command = [sys.executable, "-m", "benchmarks.metered", str(log)]
    with (
        running(folder, command=command) as service,
        watching(seen, psutil.Process(process_of(log))),
    ):
        began, ended, chunks = asyncio.run(_index(service, paths, progress))
    return _result(
        "kb",
        log,
        seen,
        began=began,
        ended=ended,
        pages=pages,
        chunks=chunks,
        threads=1,
        before=before,
    )


async def _index(
    service: Running, paths: Sequence[Path], progress: Progress
) -> tuple[float, float, int]:
    """Upload all and wait for all: when that began, when it ended, and the chunks there are."""
    async with connected(service) as client:
        base_id = await client.require_knowledge_base("ingest")
        await client.retrieve(base_id, "Is the model loaded?", alpha=1, num_results=1)
        bar = progress.add_task("kb", total=len(paths))

        async def send(path: Path) -> None:
            await client.upload(base_id, path.name, await asyncio.to_thread(path.read_bytes))

        began = monotonic()
        await side_by_side(send, paths, workers=UPLOADS_AT_ONCE)
        while pending := (await client.knowledge_base(base_id))["documents_pending"]:
            progress.update(bar, completed=len(paths) - pending)
            await asyncio.sleep(LOOK_SECONDS)
        ended = monotonic()
        progress.update(bar, completed=len(paths))
        documents = await client.documents(base_id)
    if failed := [one["item_name"] for one in documents if one["status"] != "indexed"]:
        raise ServiceFailed(f"Not indexed: {', '.join(failed)}.")
    return began, ended, sum(one["chunks"] for one in documents)


def _peer(name: str, python: Path, folder: Path, paths: Sequence[Path], pages: int) -> Result:
    log, seen, before = folder / f"{name}.runs", Seen(), _processor_seconds()
    script = ROOT / "benchmarks" / "peers" / PEERS[name]
    arguments = [str(log), published(MODEL).hub_id, str(_model_folder()), str(CHUNK_TOKENS)]
    with (
        subprocess.Popen(
            [str(python), str(script), *arguments, *map(str, paths)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **ENVIRONMENT},
        ) as process,
        watching(seen, psutil.Process(process.pid)),
    ):
        said, complaints = process.communicate()
    if process.returncode:
        raise ServiceFailed(f"{name} failed: {complaints[-2000:]}")
    done: dict[str, Any] = json.loads(said.splitlines()[-1])
    return _result(name, log, seen, pages=pages, threads=usable_cores(), before=before, **done)


def _result(
    name: str,
    log: Path,
    seen: Seen,
    *,
    began: float,
    ended: float,
    pages: int,
    chunks: int,
    threads: int,
    before: float,
) -> Result:
    runs = runs_between(log, began, ended)
    return Result(
        name=name,
        seconds=ended - began,
        pages=pages,
        chunks=chunks,
        tokens=sum(run.tokens for run in runs),
        padded=sum(run.padded for run in runs),
        busy=busy(runs),
        core_seconds=run_seconds(runs) * threads,
        processor=_processor_seconds() - before,
        memory=seen.most_memory,
    )


def _model_folder() -> Path:
    """The prepared model in full precision, as the peers run it."""
    folder = data_folder("ingest") / "models"
    return find_model_folder(MODEL, model_dir=Settings().model_dir, cache_dir=folder)


def _processor_seconds() -> float:
    """Of all processes that we have started and that have ended, with all of theirs."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _line(result: Result) -> str:
    return f"{result.name}: {result.seconds:.0f} s, {result.chunks_per_second:.1f} chunks/s"


def _table(results: Sequence[Result]) -> Table:
    ours = results[0]
    table = Table("Figure", title=f"{ours.pages} pages of PDF, until searchable")
    for result in results:
        table.add_column(result.name, justify="right")
    rows: dict[str, Callable[[Result], str]] = {
        "seconds": lambda one: f"{one.seconds:.1f}",
        "pages/s": lambda one: f"{one.pages / one.seconds:.1f}",
        "chunks": lambda one: f"{one.chunks:,}",
        "chunks/s": lambda one: f"{one.chunks_per_second:.1f}",
        "tokens embedded": lambda one: f"{one.tokens:,}",
        "tokens/s": lambda one: f"{one.tokens / one.seconds:,.0f}",
        "padding on top": lambda one: f"{one.padded / one.tokens - 1:.0%}",
        "time with the model at work": lambda one: f"{one.busy_share:.0%}",
        "cores' time in the model": lambda one: (
            f"{one.core_seconds / one.seconds / usable_cores():.0%}"
        ),
        "chunks per processor second": lambda one: f"{one.chunks / one.processor:.1f}",
        "most memory": lambda one: ", ".join(
            f"{label} {memory / 1e6:,.0f} MB" for label, memory in sorted(one.memory.items())
        ),
        "kb's chunks/s to its own": lambda one: _ratio(
            ours.chunks_per_second, one.chunks_per_second
        ),
        "kb's pages/s to its own": lambda one: _ratio(one.seconds, ours.seconds),
    }
    for label, figure in rows.items():
        table.add_row(label, *map(figure, results))
    return table


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.2f}"


def _missed(results: Sequence[Result]) -> list[str]:
    """What we demand and did not get."""
    ours, *peers = results
    missed = [
        f"kb makes {ours.chunks_per_second / peer.chunks_per_second:.2f} times the chunks per"
        f" second of {peer.name}, demanded {FASTER:g}"
        for peer in peers
        if ours.chunks_per_second < FASTER * peer.chunks_per_second
    ]
    if ours.busy_share < BUSY:
        missed.append(
            f"the model was at work {ours.busy_share:.0%} of the time, demanded {BUSY:.0%}"
        )
    for label, memory in ours.memory.items():
        if memory > MAX_MEMORY:
            missed.append(f"the {label} took {memory / 1e6:,.0f} MB")
    return missed


if __name__ == "__main__":
    app()
