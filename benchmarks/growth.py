"""What becomes of speed and recall as a knowledge base grows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import Progress
from rich.table import Table

from benchmarks import beir, material
from benchmarks.callers import HttpCaller, Measured, in_turns
from benchmarks.corpus import MODEL, Target, document_name, require_corpus, require_mixture
from benchmarks.metrics import percentile
from benchmarks.mixture import Mixture
from benchmarks.results_file import put, table_section
from benchmarks.service import Running, ServiceFailed, data_folder, running
from benchmarks.surroundings import measured
from benchmarks.terminal import err, out, progress_bars
from kb.settings import Settings
from kb.wiring import make_embedders, open_database, open_service
from retrieval.embedding.embedder import Vectors

TOP = 10
TURN = 10
MAX_GROWTH = 2.0  # of the 95th percentile, from the smallest to the largest
MIN_RECALL = 0.95
TITLE = "Growth"
ABOUT = """\
The same questions of ever more chunks in PostgreSQL, over HTTP, in turns. Recall is the share of
the ten nearest chunks, by exact comparison of all vectors, that a search by meaning returns."""

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One size."""

    chunks: int
    measured: Measured
    recall: float


@app.command(
    epilog="Examples:  `KB_BENCH_DATA=data python -m benchmarks.growth`  "
    "`python -m benchmarks.growth --sizes 1000,10000`"
)
def main(
    context: typer.Context,
    bench_data: Annotated[
        Path | None,
        typer.Option(
            envvar=beir.VARIABLE,
            help=f"Folder that holds {beir.FOLDER}, to make the corpora of; else the handbook is.",
        ),
    ] = None,
    sizes: Annotated[str, typer.Option(help="Chunks.")] = "10000,100000,500000",
    data_dir: Annotated[
        Path | None,
        typer.Option(help="The service's data folder instead of one that a second run finds."),
    ] = None,
    write: Annotated[bool, typer.Option(help="Put the table into RESULTS.md.")] = False,
) -> None:
    """Time the same questions over HTTP in knowledge bases of growing size, all in PostgreSQL.

    Recall is the share of the ten nearest chunks, by exact comparison of all vectors, that a search
    by meaning returns. Ends with 1 where the 95th percentile of the largest is more than twice that
    of the smallest, or where recall is below 0.95.
    """
    try:
        rows = _measure(
            material.load(bench_data),
            data_dir or data_folder("speed"),
            [int(one) for one in sizes.split(",")],
        )
    except (beir.CollectionMissing, ServiceFailed) as exc:
        err.print(f"[red]Error:[/] {exc}", soft_wrap=True)
        raise typer.Exit(2) from exc
    smallest, *_ = p95 = [percentile(row.measured.seconds, 95) for row in rows]
    table = Table("chunks", title=f"Hybrid search over HTTP, one caller, {TOP} passages")
    for column in ("p50, ms", "p95, ms", "p95 of the smallest's", f"recall@{TOP} by meaning"):
        table.add_column(column, justify="right")
    for row, slow in zip(rows, p95, strict=True):
        table.add_row(
            f"{row.chunks:,}",
            f"{percentile(row.measured.seconds, 50) * 1000:.1f}",
            f"{slow * 1000:.1f}",
            f"{slow / smallest:.2f}",
            f"{row.recall:.3f}",
        )
    out.print(table)
    missed = [f"Missed: recall at {row.chunks:,} chunks" for row in rows if row.recall < MIN_RECALL]
    if p95[-1] > MAX_GROWTH * smallest:
        missed.append("Missed: growth of the 95th percentile")
    for what in missed:
        out.print(what, style="red", soft_wrap=True)
    if write:
        put(table_section(TITLE, ABOUT, table, missed, measured("growth", context, "sizes")))
    raise typer.Exit(1 if missed else 0)


def _measure(source: material.Material, folder: Path, sizes: Sequence[int]) -> list[Row]:
    settings = Settings(data_dir=folder.resolve(), database_url=None, api_key=None)
    embedders = make_embedders(settings)
    embedder = embedders.get(MODEL)
    questions = source.questions
    with open_database(settings) as database, progress_bars() as progress:
        mixture = require_mixture(source, embedder, settings.data_dir, progress)

        async def fill() -> list[Target]:
            async with open_service(settings, database.dsn, embedders) as service:
                return [
                    await require_corpus(
                        service,
                        mixture,
                        f"{source.name}-{size}-pgvector",
                        store="pgvector",
                        chunks=size,
                        progress=progress,
                    )
                    for size in sizes
                ]

        targets = asyncio.run(fill())
        asked = np.stack([embedder.embed_query(question) for question in questions])
        exact = nearest(mixture, asked, sizes, progress)
        progress.stop()  # drawing takes a core that the service uses
        with running(folder) as service:
            bases = [target.scope.knowledge_base_id for target in targets]
            hybrid = [partial(HttpCaller, service, base, TOP) for base in bases]
            recalls = [
                recall(_by_meaning(service, base, questions), wanted)
                for base, wanted in zip(bases, exact, strict=True)
            ]
            times = [Measured() for _ in sizes]
            for counted in ([Measured() for _ in sizes], times):  # a first time warms up
                ways = list(zip(hybrid, counted, strict=True))
                in_turns(ways, questions, clients=1, turn=TURN, on_turn=lambda: None)
    return [Row(*row) for row in zip(sizes, times, recalls, strict=True)]


def _by_meaning(service: Running, base_id: object, questions: Sequence[str]) -> list[list[str]]:
    caller = HttpCaller(service, base_id, TOP, alpha=1.0)
    try:
        return [caller.ask(question) for question in questions]
    finally:
        caller.close()


def nearest(
    mixture: Mixture, asked: Vectors, sizes: Sequence[int], progress: Progress
) -> list[list[list[str]]]:
    """The documents of the nearest chunks of each question, by size, exactly."""
    largest = max(sizes)
    bar = progress.add_task("Comparing all vectors", total=largest)
    names: list[str] = []
    parts: list[Vectors] = []
    for number, (_, vectors) in enumerate(mixture.documents(largest)):
        names += [document_name(number)] * len(vectors)
        parts.append(asked @ np.stack(vectors).T)
        progress.advance(bar, len(vectors))
    scores = np.concatenate(parts, axis=1)
    return [
        [[names[place] for place in np.argpartition(-row[:size], TOP)[:TOP]] for row in scores]
        for size in sizes
    ]


def recall(found: Sequence[Sequence[str]], exact: Sequence[Sequence[str]]) -> float:
    """The share of the exact ones that are among those found, as often as they are named."""
    shares: list[float] = []
    for mine, wanted in zip(found, exact, strict=True):
        left = list(mine)
        hits = 0
        for name in wanted:
            if name in left:
                left.remove(name)
                hits += 1
        shares.append(hits / len(wanted))
    return float(np.mean(shares))


if __name__ == "__main__":
    app()
