"""What the service costs beside the raw queries of its store, by callers at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from benchmarks import beir, material
from benchmarks.callers import Caller, HttpCaller, Measured, in_turns, repeated
from benchmarks.corpus import MODEL, Target, require_corpus, require_mixture
from benchmarks.metrics import percentile
from benchmarks.raw_pgvector import RawPgvector
from benchmarks.raw_weaviate import RawWeaviate
from benchmarks.results_file import put, table_section
from benchmarks.service import ServiceFailed, data_folder, running
from benchmarks.surroundings import measured
from benchmarks.terminal import err, out, progress_bars
from kb.settings import Settings
from kb.weaviate.embedded import EmbeddedWeaviate
from kb.wiring import make_embedders, open_database, open_service
from retrieval.index import StoreName
from retrieval.store import Vector

TOP = 10
WARM_UP = 64  # questions that are not counted
TURN = 10  # questions of each client one way, then the other
MAX_RATIO = 1.3
TITLE = "Speed"
ABOUT = """\
`/retrieve` over HTTP, in turns with the queries that it puts to its store, put to it directly. The
service, the store and whoever asks share the machine."""

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One store with so many callers."""

    store: StoreName
    clients: int
    http: Measured
    raw: Measured

    @property
    def ratio(self) -> float:
        """Medians."""
        return percentile(self.http.seconds, 50) / percentile(self.raw.seconds, 50)


@dataclass(frozen=True, slots=True)
class RawCaller:
    """Asks the store itself, vectors at hand."""

    raw: RawPgvector | RawWeaviate
    vectors: dict[str, Vector]

    def ask(self, question: str) -> int:
        """How many passages there are."""
        return self.raw.search(question, self.vectors[question], TOP)

    def close(self) -> None:
        """Give the connection back."""
        self.raw.close()


@app.command(
    epilog="Examples:  `KB_BENCH_DATA=data python -m benchmarks.speed`  "
    "`python -m benchmarks.speed --chunks 20000 --stores pgvector --clients 1`"
)
def main(
    context: typer.Context,
    bench_data: Annotated[
        Path | None,
        typer.Option(
            envvar=beir.VARIABLE,
            help=f"Folder that holds {beir.FOLDER}, to make the corpus of; else the handbook is.",
        ),
    ] = None,
    chunks: Annotated[int, typer.Option(min=1, help="Size of the corpus.")] = 100_000,
    stores: Annotated[str, typer.Option(help="Where to keep and search it.")] = "pgvector,weaviate",
    clients: Annotated[
        str, typer.Option(help="Callers at a time, one after the other.")
    ] = "1,8,32",
    queries: Annotated[int, typer.Option(min=1, help="Questions for each of these.")] = 960,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="The service's data folder instead of one that a second run finds."),
    ] = None,
    write: Annotated[bool, typer.Option(help="Put the table into RESULTS.md.")] = False,
) -> None:
    """Time questions over HTTP beside the raw queries that answer them.

    Fills an index with recombined sentences, without parsing or much embedding, and starts the
    real service on it. Ten questions of each caller are asked over HTTP, the same ten straight to
    the store, and so on with the next ten. The vectors of all questions are known on both sides,
    as they are to a service that has been asked before; what the first time takes is shown, too.
    Ends with 1 where the median over HTTP is more than 1.3 times that of the raw queries.
    """
    try:
        rows, first = _measure(
            material.load(bench_data),
            data_dir or data_folder("speed"),
            [_store(one) for one in stores.split(",")],
            [int(one) for one in clients.split(",")],
            chunks,
            queries,
        )
    except (beir.CollectionMissing, ServiceFailed) as exc:
        err.print(f"[red]Error:[/] {exc}", soft_wrap=True)
        raise typer.Exit(2) from exc
    table = _table(rows, chunks)
    said = [
        f"{store}, a question asked for the first time, its vector still to be made: p50"
        f" {percentile(one.seconds, 50) * 1000:.1f} ms"
        for store, one in first.items()
    ]
    missed = [
        f"Missed: {row.store}, {row.clients} at a time: {row.ratio:.2f} times the raw queries,"
        f" demanded at most {MAX_RATIO}"
        for row in rows
        if row.ratio > MAX_RATIO
    ]
    out.print(table)
    for one in said:
        out.print(one, soft_wrap=True)
    for one in missed:
        out.print(one, style="red", soft_wrap=True)
    if write:
        how = measured("speed", context, "chunks", "stores", "clients", "queries")
        put(table_section(TITLE, ABOUT, table, [*said, *missed], how))
    raise typer.Exit(1 if missed else 0)


def _measure(
    source: material.Material,
    folder: Path,
    stores: Sequence[StoreName],
    clients: Sequence[int],
    chunks: int,
    queries: int,
) -> tuple[list[Row], dict[StoreName, Measured]]:
    """A row for each store and number of callers, and what first times took."""
    settings = Settings(
        data_dir=folder.resolve(),
        database_url=None,
        api_key=None,
        store="weaviate" if "weaviate" in stores else "pgvector",
    )
    embedders = make_embedders(settings)
    embedder = embedders.get(MODEL)
    rows: list[Row] = []
    first: dict[StoreName, Measured] = {}
    with open_database(settings) as database:
        with progress_bars() as progress:
            mixture = require_mixture(source, embedder, settings.data_dir, progress)

            async def fill() -> dict[StoreName, Target]:
                async with open_service(settings, database.dsn, embedders) as service:
                    return {
                        store: await require_corpus(
                            service,
                            mixture,
                            f"{source.name}-{chunks}-{store}",
                            store=store,
                            chunks=chunks,
                            progress=progress,
                        )
                        for store in stores
                    }

            targets = asyncio.run(fill())
        vectors = {text: embedder.embed_query(text) for text in set(source.questions)}
        with (
            running(folder, settings={"KB_STORE": settings.store}) as service,
            _raw(settings, database.dsn, vectors) as open_raw,
            progress_bars(auto_refresh=False) as progress,
        ):
            for store, target in targets.items():
                http = partial(HttpCaller, service, target.scope.knowledge_base_id, TOP)
                first[store] = _first_times(http, list(vectors), progress)
                for callers in clients:
                    row = Row(store, callers, Measured(), Measured())
                    _ask(row, http, partial(open_raw, store, target), source, queries, progress)
                    rows.append(row)
    return rows, first


@contextmanager
def _raw(
    settings: Settings, dsn: str, vectors: dict[str, Vector]
) -> Generator[Callable[[StoreName, Target], RawCaller]]:
    """Opens callers of the stores themselves."""
    if settings.store == "pgvector":
        yield lambda _, target: RawCaller(RawPgvector(dsn, target), vectors)
        return
    with EmbeddedWeaviate(settings.data_dir) as address:
        yield lambda store, target: RawCaller(
            RawPgvector(dsn, target) if store == "pgvector" else RawWeaviate(address, target),
            vectors,
        )


def _first_times(
    make: Callable[[], Caller], questions: Sequence[str], progress: Progress
) -> Measured:
    """From then on the service knows all vectors."""
    measured = Measured()
    bar = progress.add_task("Asking for the first time", total=1)
    in_turns([(make, measured)], questions, clients=1, turn=len(questions), on_turn=lambda: None)
    progress.update(bar, advance=1, refresh=True)
    progress.remove_task(bar)
    return measured


def _ask(
    row: Row,
    http: Callable[[], Caller],
    raw: Callable[[], Caller],
    source: material.Material,
    queries: int,
    progress: Progress,
) -> None:
    """Both ways, after a warm-up that is not counted."""
    count = max(queries, TURN * row.clients)
    bar = progress.add_task(f"{row.store}, clients: {row.clients}", total=count)

    def on_turn() -> None:  # drawn between turns only: drawing takes a core that the service uses
        progress.update(bar, advance=TURN * row.clients, refresh=True)

    for questions, ways in (
        (repeated(source.questions, WARM_UP), [(http, Measured()), (raw, Measured())]),
        (repeated(source.questions, count), [(http, row.http), (raw, row.raw)]),
    ):
        in_turns(ways, questions, clients=row.clients, turn=TURN, on_turn=on_turn)
    progress.remove_task(bar)


def _table(rows: Sequence[Row], chunks: int) -> Table:
    table = Table("store", title=f"{chunks:,} chunks, hybrid search, {TOP} passages")
    for column in (
        *("clients", "p50, ms", "p95, ms", "questions/s"),
        *("raw p50, ms", "raw p95, ms", "raw questions/s", "p50 of raw's"),
    ):
        table.add_column(column, justify="right")
    for row in rows:
        figures = [
            text
            for measured in (row.http, row.raw)
            for text in (
                *(f"{percentile(measured.seconds, percent) * 1000:.1f}" for percent in (50, 95)),
                f"{measured.per_second:.1f}",
            )
        ]
        table.add_row(row.store, str(row.clients), *figures, f"{row.ratio:.2f}")
    return table


def _store(name: str) -> StoreName:
    if name not in {"pgvector", "weaviate"}:
        raise typer.BadParameter(f"{name} is none of pgvector, weaviate.")
    return "weaviate" if name == "weaviate" else "pgvector"


if __name__ == "__main__":
    app()
