"""What the service costs beside the raw queries it makes: `/retrieve` over HTTP, leg by leg."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import Annotated
from uuid import uuid4

import typer
from rich.progress import Progress
from rich.table import Table

from benchmarks import beir, material
from benchmarks.legs import Legs, LegTimes
from benchmarks.metrics import percentile
from benchmarks.mixture import CHUNKS_IN_DOCUMENT, KNOWN_SENTENCES, Mixture, mix
from benchmarks.service import Running, ServiceFailed, data_folder, running
from benchmarks.terminal import err, out, progress_bars
from kb.auth import operator_scope
from kb.catalog.errors import NotFound
from kb.embedders import Embedders
from kb.service import Service
from kb.settings import Settings
from kb.wiring import Database, make_embedders, open_database, open_service
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import MODELS
from retrieval.index import IndexVersion
from retrieval.scope import Scope
from retrieval.store import DocumentVersion, Vector

MODEL = MODELS[0]
STORE = "pgvector"
WARM_UP = 20  # queries of each client that are not counted
TURN = 10
MAX_RATIO = 1.5

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Target:
    """The corpus that is asked."""

    scope: Scope
    index: IndexVersion


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds that one question took, each way once."""

    http: float
    legs: LegTimes
    embedding: float


@app.command(
    epilog="Examples:  `python -m benchmarks.speed`  "
    "`KB_BENCH_DATA=data python -m benchmarks.speed --chunks 100000 --clients 4`"
)
def main(
    bench_data: Annotated[
        Path | None,
        typer.Option(
            envvar=beir.VARIABLE,
            help=f"Folder that holds {beir.FOLDER}, to make the corpus of; else the handbook is.",
        ),
    ] = None,
    chunks: Annotated[int, typer.Option(min=1, help="Size of the corpus.")] = 20_000,
    clients: Annotated[int, typer.Option(min=1, help="Callers at a time.")] = 1,
    queries: Annotated[int, typer.Option(min=1, help="Questions that are counted.")] = 200,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="The service's data folder instead of one that a second run finds."),
    ] = None,
) -> None:
    """Time questions over HTTP beside the raw queries that answer them.

    Fills an index with recombined sentences, without parsing or much embedding, and starts the
    real service on it. Ten questions are asked over HTTP, the same ten straight to the database,
    then they are embedded, and so on with the next ten: whatever else the machine does hits all
    three ways alike, and none finds the processor's caches just filled by another. Ends with 1
    where the service, without the embedding, takes more than 1.5 times what the raw queries take.
    """
    try:
        source = material.load(bench_data)
        folder = data_dir or data_folder("speed")
        settings = Settings(data_dir=folder.resolve(), database_url=None, api_key=None)
        embedders = make_embedders(settings)
        with open_database(settings) as database:
            target = asyncio.run(_require_corpus(settings, database, embedders, source, chunks))
            with running(folder) as service:
                samples = _measure(
                    service,
                    database,
                    target,
                    embedders.get(MODEL),
                    list(islice(cycle(source.questions), queries)),
                    clients,
                )
    except (beir.CollectionMissing, ServiceFailed) as exc:
        err.print(f"[red]Error:[/] {exc}", soft_wrap=True)
        raise typer.Exit(2) from exc
    ratio = _report(samples, f"{chunks:,} chunks of {source.name} sentences, clients: {clients}")
    raise typer.Exit(1 if ratio > MAX_RATIO else 0)


async def _require_corpus(
    settings: Settings,
    database: Database,
    embedders: Embedders,
    source: material.Material,
    chunks: int,
) -> Target:
    """The corpus of that size, loaded unless it was by a former run."""
    team, name = operator_scope(), f"speed-{source.name}-{chunks}"
    async with open_service(settings, database.dsn, embedders) as service:
        await service.ensure_team(team)
        with suppress(NotFound):
            scope = await service.find_knowledge_base(team, name)
            index = await service.index_version(scope)
            if await service.stores[STORE].count(scope, index) == chunks:
                return Target(scope, index)
            await service.delete_knowledge_base(scope)  # loading it was interrupted
        with progress_bars() as progress:
            bar = progress.add_task("Embedding sentences", total=KNOWN_SENTENCES)
            mixture = mix(
                source.sentences,
                embedders.get(MODEL),
                settings.data_dir,
                lambda done: progress.advance(bar, done),
            )
            made = await service.create_knowledge_base(team, name=name, embedding_model=MODEL)
            scope = team.knowledge_base(made.knowledge_base.id)
            target = Target(scope, await service.index_version(scope))
            await _load(service, target, mixture, chunks, progress)
        return target


async def _load(
    service: Service, target: Target, mixture: Mixture, chunks: int, progress: Progress
) -> None:
    bar = progress.add_task("Loading chunks", total=chunks)
    for number, (made, vectors) in enumerate(mixture.documents(chunks)):
        document = DocumentVersion(
            document_id=uuid4(),
            version_id=uuid4(),
            version_number=1,
            item_name=f"mixture-{number}.txt",
            ingested_at=datetime.now(UTC),
        )
        await service.stores[STORE].replace(target.scope, target.index, document, made, vectors)
        progress.advance(bar, CHUNKS_IN_DOCUMENT)


def _measure(
    service: Running,
    database: Database,
    target: Target,
    embedder: Embedder,
    questions: Sequence[str],
    clients: int,
) -> list[Sample]:
    """Ask the questions, shared out among that many clients at a time."""
    vectors = {question: embedder.embed_query(question) for question in set(questions)}
    # Drawn between turns only: drawing takes a core that the service is using.
    with progress_bars(auto_refresh=False) as progress:
        bar = progress.add_task("Asking", total=len(questions) + clients * WARM_UP)

        def ask(mine: Sequence[str]) -> list[Sample]:
            caller = _Caller(service, database, target, embedder)
            try:
                samples: list[Sample] = []
                asked = [*islice(cycle(mine), WARM_UP), *mine]
                for start in range(0, len(asked), TURN):
                    turn = asked[start : start + TURN]
                    samples += caller.ask([(text, vectors[text]) for text in turn])
                    progress.update(bar, advance=len(turn), refresh=True)
                return samples[WARM_UP:]
            finally:
                caller.close()

        shares = [share for n in range(clients) if (share := questions[n::clients])]
        with ThreadPoolExecutor(clients) as threads:
            return [sample for samples in threads.map(ask, shares) for sample in samples]


class _Caller:
    """One client, with a kept connection to the service and one to the database."""

    def __init__(
        self, service: Running, database: Database, target: Target, embedder: Embedder
    ) -> None:
        # The leanest client there is: its own work would be counted as the service's.
        self._http = HTTPConnection(service.url.removeprefix("http://"), timeout=60)
        self._headers = {
            "authorization": f"Bearer {service.api_key}",
            "content-type": "application/json",
        }
        self._path = f"/v1/{target.scope.knowledge_base_id}/retrieve"
        self._legs = Legs(database.dsn, target.scope, target.index)
        self._embedder = embedder

    def ask(self, questions: Sequence[tuple[str, Vector]]) -> list[Sample]:
        """The same questions each way."""
        http = [_timed(partial(self._post, text)) for text, _ in questions]
        legs = [self._legs(text, vector) for text, vector in questions]
        embedding = [_timed(partial(self._embedder.embed_query, text)) for text, _ in questions]
        return [Sample(*times) for times in zip(http, legs, embedding, strict=True)]

    def _post(self, question: str) -> None:
        body = json.dumps({"query": question, "num_results": 10, "alpha": 0.5})
        self._http.request("POST", self._path, body, self._headers)
        response = self._http.getresponse()
        answer = response.read()
        if response.status != HTTPStatus.OK:
            raise ServiceFailed(f"/retrieve answers {response.status}: {answer.decode()}")

    def close(self) -> None:
        """Give both connections back."""
        self._http.close()
        self._legs.close()


def _timed(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _report(samples: Sequence[Sample], title: str) -> float:
    """Print the table, and return how much more the service takes than the raw queries."""
    rows = {
        "/retrieve over HTTP": [sample.http for sample in samples],
        "embedding the query": [sample.embedding for sample in samples],
        "raw semantic leg": [sample.legs.semantic for sample in samples],
        "raw lexical leg": [sample.legs.lexical for sample in samples],
        "raw legs together": [s.legs.semantic + s.legs.lexical for s in samples],
    }
    out.print(f"{title}, questions: {len(samples)}")
    table = Table("What")
    table.add_column("p50, ms", justify="right")
    table.add_column("p95, ms", justify="right")
    for what, seconds in rows.items():
        table.add_row(what, *(f"{percentile(seconds, percent) * 1000:.2f}" for percent in (50, 95)))
    out.print(table)
    http, embedding, *_, legs = (percentile(seconds, 50) for seconds in rows.values())
    ratio = (http - embedding) / legs
    out.print(
        f"p50 of HTTP without embedding, beside the raw legs: ({http * 1000:.2f} -"
        f" {embedding * 1000:.2f}) / {legs * 1000:.2f} = [bold]{ratio:.2f}[/]"
        f" (demanded at most {MAX_RATIO})",
        soft_wrap=True,
    )
    return ratio


if __name__ == "__main__":
    app()
