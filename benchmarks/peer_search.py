"""Hybrid search over HTTP beside LlamaIndex and Haystack in process: same texts, vectors and
PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any
from uuid import uuid4

import numpy as np
import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict
from rich.progress import Progress
from rich.table import Table

from benchmarks import beir
from benchmarks.metrics import ndcg, percentile
from benchmarks.peers.environment import PYTHON, PeersMissing, require
from benchmarks.results_file import put, table_section
from benchmarks.service import ROOT, Running, ServiceFailed, data_folder, running
from benchmarks.surroundings import measured
from benchmarks.terminal import err, out, progress_bars
from kb.auth import operator_scope
from kb.catalog.errors import NotFound
from kb.settings import Settings
from kb.wiring import make_embedders, open_database, open_service
from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder, Vectors
from retrieval.embedding.models import MODELS
from retrieval.ranking import MIN_CANDIDATES
from retrieval.scope import Scope
from retrieval.store import DocumentVersion

MODEL = MODELS[0]
NAME = "peers"
TOP = 10
CANDIDATES = (MIN_CANDIDATES, TOP)  # from each of a peer's retrievers
BATCH = 64
SECRETS = ("password", "passfile")
FASTER = 3.0  # demanded at the median, of peers that take as many candidates as the service
NDCG = 0.72  # demanded
TITLE = "Speed beside LlamaIndex and Haystack"
ABOUT = f"""\
The same texts, vectors and PostgreSQL. The service is asked over HTTP, before and after each of the
others; those in their own process, with so many candidates from each of their retrievers and as
PostgreSQL searches their tables before it has analysed them or after, whichever is faster. The
service takes {MIN_CANDIDATES} candidates from each leg. Beside those that take as many it has to be
three times as fast; beside those that take {TOP} nothing is demanded."""

PEERS = {"LlamaIndex": "llama_index_search.py", "Haystack": "haystack_search.py"}

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Result:
    """How one system did, with so many candidates from each leg or retriever."""

    name: str
    candidates: int
    ndcg: float
    seconds: Sequence[float]

    @property
    def median(self) -> float:
        return percentile(self.seconds, 50)


@app.command(epilog="Example:  `KB_BENCH_DATA=data python -m benchmarks.peer_search`")
def main(
    bench_data: Annotated[
        Path | None,
        typer.Option(envvar=beir.VARIABLE, help=f"Folder that holds {beir.FOLDER}."),
    ] = None,
    peers: Annotated[Path, typer.Option(help="The Python that has the two peers.")] = PYTHON,
    write: Annotated[bool, typer.Option(help="Put the table into RESULTS.md.")] = False,
) -> None:
    """Ask SciFact's 300 questions of three systems that hold the same texts and vectors.

    Each document is one text with one vector, each question's vector is known beforehand: it is
    given to the peers, and in the service's cache, because every question was asked once before.
    The service takes 100 candidates from each leg. Ends with 1 unless it is three times as fast,
    over HTTP and at nDCG@10 0.72, as each peer that takes as many from each of its retrievers. What
    peers do with 10 is in the table, too: then they do less, and nothing is demanded.
    """
    try:
        require(peers)
        results = _measure(beir.load(bench_data), peers)
    except (beir.CollectionMissing, PeersMissing, ServiceFailed) as exc:
        err.print(f"[red]Error:[/] {exc}", soft_wrap=True)
        raise typer.Exit(2) from exc
    table, missed = _table(results), missed_of(results)
    out.print(table)
    for line in missed:
        out.print(line, style="red", soft_wrap=True)
    if write:
        put(table_section(TITLE, ABOUT, table, missed, measured("peer_search")))
    raise typer.Exit(1 if missed else 0)


def _measure(collection: beir.Collection, python: Path) -> list[Result]:
    folder = data_folder("peer-search")
    settings = Settings(data_dir=folder.resolve(), database_url=None, api_key=None)
    embedders = make_embedders(settings)
    questions = list(collection.queries.values())
    with (
        progress_bars() as progress,
        open_database(settings) as database,
        TemporaryDirectory(ignore_cleanup_errors=True) as name,
    ):
        embedder = embedders.get(MODEL)
        texts = [document.markdown for document in collection.documents]
        vectors = _embedded(texts, embedder, folder / "texts.npy", progress)
        asked = np.stack([embedder.embed_query(question) for question in questions])

        async def fill() -> Scope:
            async with open_service(settings, database.dsn, embedders) as service:
                team = operator_scope()
                await service.ensure_team(team)
                with suppress(NotFound):
                    await service.delete_knowledge_base(
                        await service.find_knowledge_base(team, NAME)
                    )
                made = await service.create_knowledge_base(team, name=NAME, embedding_model=MODEL)
                scope = team.knowledge_base(made.knowledge_base.id)
                index = await service.index_version(scope)
                bar = progress.add_task("Filling kb", total=len(texts))
                for document, text, vector in zip(
                    collection.documents, texts, vectors, strict=True
                ):
                    await service.store(index).replace(
                        scope, index, _document(document.id), [_chunk(text)], [vector]
                    )
                    progress.advance(bar)
                return scope

        scope = asyncio.run(fill())
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")  # as it does by itself, within minutes
        material = Path(name)
        ids = [document.id for document in collection.documents]
        (material / "texts.json").write_text(
            json.dumps({"ids": ids, "texts": texts, "questions": questions}), "utf-8"
        )
        np.save(material / "texts.npy", vectors)
        np.save(material / "questions.npy", asked)
        progress.stop()
        ways = [(peer, candidates) for peer in PEERS for candidates in CANDIDATES]
        peers: list[Result] = []
        # Drawing takes a core that the service uses.
        with running(folder) as service, progress_bars(auto_refresh=False) as asking:
            bar = asking.add_task("Asking", total=2 * len(ways) + 1)
            ours = [_ours(service, scope, collection)]
            for peer, candidates in ways:
                asking.update(bar, advance=1, refresh=True)
                peers.append(_peer(peer, candidates, python, material, database.dsn, collection))
                asking.update(bar, advance=1, refresh=True)
                ours.append(_ours(service, scope, collection))
            asking.update(bar, advance=1, refresh=True)
    together = [second for one in ours for second in one.seconds]
    return [replace(ours[0], seconds=together), *peers]


def _embedded(texts: Sequence[str], embedder: Embedder, cache: Path, progress: Progress) -> Vectors:
    bar = progress.add_task("Embedding", total=len(texts))
    if cache.exists():
        progress.update(bar, completed=len(texts))
        return np.load(cache)
    parts: list[Vectors] = []
    for start in range(0, len(texts), BATCH):
        parts.append(embedder.embed_passages(texts[start : start + BATCH]))
        progress.advance(bar, len(parts[-1]))
    vectors = np.concatenate(parts)
    np.save(cache, vectors)
    return vectors


def _document(name: str) -> DocumentVersion:
    return DocumentVersion(
        document_id=uuid4(),
        version_id=uuid4(),
        version_number=1,
        item_name=name,
        ingested_at=datetime.now(UTC),
    )


def _chunk(text: str) -> Chunk:
    return Chunk(
        position=0, text=text, char_start=0, char_end=len(text), category="CompositeElement"
    )


def _ours(service: Running, scope: Scope, collection: beir.Collection) -> Result:
    connection = HTTPConnection(service.url.removeprefix("http://"), timeout=60)
    headers = {
        "authorization": f"Bearer {service.api_key}",
        "content-type": "application/json",
    }

    def ask(question: str) -> list[str]:
        body = json.dumps({"query": question, "num_results": TOP})
        path = f"/v1/{scope.knowledge_base_id}/retrieve"
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != HTTPStatus.OK:
            raise ServiceFailed(f"/retrieve answers {response.status}: {answer.decode()}")
        return [one["metadata"]["item_name"] for one in json.loads(answer)["results"]]

    for question in collection.queries.values():  # from now on its vector is known
        ask(question)
    rankings: list[list[str]] = []
    seconds: list[float] = []
    for question in collection.queries.values():
        start = perf_counter()
        rankings.append(ask(question))
        seconds.append(perf_counter() - start)
    connection.close()
    return Result("kb, over HTTP", MIN_CANDIDATES, _quality(rankings, collection), seconds)


def _peer(
    name: str,
    candidates: int,
    python: Path,
    material: Path,
    dsn: str,
    collection: beir.Collection,
) -> Result:
    address = conninfo_to_dict(dsn)
    script = ROOT / "benchmarks" / "peers" / PEERS[name]
    where = [str(address[part]) for part in ("host", "dbname", "user")]
    done = subprocess.run(
        [str(python), str(script), str(material), *where, str(candidates)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "HAYSTACK_TELEMETRY_ENABLED": "False",
            **{f"PG{part.upper()}": str(address[part]) for part in SECRETS if part in address},
        },
    )
    if done.returncode:
        raise ServiceFailed(f"{name} failed: {done.stderr[-2000:]}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Result(
        name,
        candidates,
        _quality(said["rankings"], collection),
        said["seconds"],
    )


def _quality(rankings: Sequence[Sequence[str]], collection: beir.Collection) -> float:
    return fmean(
        ndcg(ranking, collection.judgements[query_id], depth=TOP)
        for query_id, ranking in zip(collection.queries, rankings, strict=True)
    )


def _table(results: Sequence[Result]) -> Table:
    ours = results[0]
    table = Table("SciFact, 5,183 documents", title="Hybrid search, one caller")
    for column in ("candidates", "nDCG@10", "p50, ms", "p95, ms", "p50 of kb's"):
        table.add_column(column, justify="right")
    for one in results:
        table.add_row(
            one.name,
            f"{one.candidates} each",
            f"{one.ndcg:.3f}",
            f"{one.median * 1000:.1f}",
            f"{percentile(one.seconds, 95) * 1000:.1f}",
            f"{one.median / ours.median:.1f}",
        )
    return table


def missed_of(results: Sequence[Result]) -> list[str]:
    """What we demand and did not get, a sentence each; the first result is the service's."""
    ours, *peers = results
    missed = [
        f"Missed: {one.name} with {one.candidates} candidates from each retriever takes"
        f" {one.median / ours.median:.1f} times as long, demanded {FASTER:g}"
        for one in peers
        if one.candidates >= ours.candidates and one.median < FASTER * ours.median
    ]
    if ours.ndcg < NDCG:
        missed.append(f"Missed: nDCG@10 is {ours.ndcg:.3f}, demanded {NDCG:g}")
    return missed


if __name__ == "__main__":
    app()
