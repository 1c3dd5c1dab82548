"""How well the service ranks: BEIR SciFact through the public API, beside published figures."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated

import httpx
import typer
from rich.progress import Progress
from rich.table import Table

from benchmarks import beir
from benchmarks.client import Client, connected, side_by_side, wait_until_indexed
from benchmarks.metrics import ndcg, recall
from benchmarks.service import Running, ServiceFailed, data_folder, running
from benchmarks.terminal import err, out, progress_bars
from benchmarks.yardsticks import YARDSTICKS, Yardstick
from kb.settings import Settings
from kb.wiring import make_embedders
from retrieval.embedding.models import MODELS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = "scifact"
UPLOADS_AT_ONCE = 8
QUERIES_AT_ONCE = 4
NUM_RESULTS = 100  # counts chunks: a document cut in two may take two of the places

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Figures:
    """How one setting ranked, on average over the queries."""

    yardstick: Yardstick
    ndcg: float
    recall: float

    @property
    def missed(self) -> list[str]:
        """What we demand and did not get."""
        wanted, alpha = self.yardstick, self.yardstick.alpha
        return [
            f"alpha {alpha:g}: {name} {figure:.4f}, demanded {demanded}"
            for name, figure, demanded in (
                ("nDCG@10", self.ndcg, wanted.ndcg),
                ("recall@100", self.recall, wanted.recall),
            )
            if figure not in demanded
        ]


@app.command(
    epilog="Examples:  `KB_BENCH_DATA=data python -m benchmarks.quality`  "
    "`python -m benchmarks.quality --bench-data data --limit 500`  "
    "`python -m benchmarks.quality --url http://127.0.0.1:8080 --api-key kb_...`"
)
def main(
    bench_data: Annotated[
        Path | None,
        typer.Option(
            envvar=beir.VARIABLE,
            help=f"Folder that holds {beir.FOLDER} with {', '.join(beir.FILES)}.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="The service's data folder instead of one that a second run finds."),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="A running service to use instead of starting one.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(help="A key of that service.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Upload so many documents only, and demand nothing."),
    ] = None,
) -> None:
    """Load SciFact into the service and compare its rankings with published figures.

    Uploads 5,183 documents, waits until they are indexed (some minutes) and asks the 300 test
    queries by words, by meaning and by both. Ends with 1 where a figure misses what we demand.
    """
    if (url is None) != (api_key is None):
        raise typer.BadParameter("--url and --api-key go together.")
    try:
        collection = beir.load(bench_data)
        if url and api_key:
            figures = asyncio.run(measure(Running(url, api_key), collection, limit))
        else:
            with running(data_dir or data_folder("quality")) as service:
                figures = asyncio.run(measure(service, collection, limit))
    except (beir.CollectionMissing, ServiceFailed) as exc:
        err.print(f"[red]Error:[/] {exc}", soft_wrap=True)
        raise typer.Exit(2) from exc
    out.print(_table(figures))
    for number, one in enumerate(figures, start=1):
        out.print(f"[dim]\\[{number}] {one.yardstick.published.source}[/]", soft_wrap=True)
    if limit is None:
        missed = [line for one in figures for line in one.missed]
        for line in missed:
            out.print(f"[red]Missed:[/] {line}")
        raise typer.Exit(1 if missed else 0)


async def measure(
    service: Running, collection: beir.Collection, limit: int | None
) -> list[Figures]:
    """Load the collection where it is not loaded yet, and ask its queries at every alpha."""
    with progress_bars() as progress:
        async with connected(service) as client:
            chosen = _chosen(collection, limit)
            bases = {
                first: await _require_base(client, chosen, first, progress)
                for first in dict.fromkeys(yardstick.first_tokens for yardstick in YARDSTICKS)
            }
            return [
                await _ask(client, bases[yardstick.first_tokens], collection, yardstick, progress)
                for yardstick in YARDSTICKS
            ]


async def _require_base(
    client: Client, documents: Iterable[beir.Document], first: int | None, progress: Progress
) -> str:
    """The id of a knowledge base with all the documents, or with their first so many tokens."""
    if first is not None:
        tokenizer = _tokenizer()
        documents = [document.first(first, tokenizer) for document in documents]
    base_id = await client.require_knowledge_base(NAME if first is None else f"{NAME}-{first}")
    await _upload(client, base_id, documents, progress)
    await wait_until_indexed(client, base_id, progress)
    await _report_failures(client, base_id)
    return base_id


def _tokenizer() -> Tokenizer:
    """The default model's, as the service counts."""
    settings = Settings(data_dir=data_folder("quality"), database_url=None, api_key=None)
    return make_embedders(settings).get(MODELS[0]).tokenizer


def _chosen(collection: beir.Collection, limit: int | None) -> list[beir.Document]:
    """All documents, or the first few, those that answer a query before the others."""
    answers = {document for judged in collection.judgements.values() for document in judged}
    return sorted(collection.documents, key=lambda document: document.id not in answers)[:limit]


async def _upload(
    client: Client, base_id: str, wanted: Iterable[beir.Document], progress: Progress
) -> None:
    """Send what is not there yet, or failed; so that an interrupted run goes on where it was."""
    there = {
        document["item_name"]
        for document in await client.documents(base_id)
        if document["status"] != "failed"
    }
    missing = [document for document in wanted if document.item_name not in there]
    bar = progress.add_task("Uploading", total=len(missing))

    async def send(document: beir.Document) -> None:
        try:
            await client.upload(base_id, document.item_name, document.markdown.encode())
        except httpx.HTTPStatusError as exc:
            err.print(f"[red]Refused:[/] {document.item_name} {exc.response.text}")
        progress.advance(bar)

    await side_by_side(send, missing, workers=UPLOADS_AT_ONCE)


async def _report_failures(client: Client, base_id: str) -> None:
    for document in await client.documents(base_id):
        if document["status"] == "failed":
            err.print(f"[red]Failed:[/] {document['item_name']}: {document['error_details']}")


async def _ask(
    client: Client,
    base_id: str,
    collection: beir.Collection,
    yardstick: Yardstick,
    progress: Progress,
) -> Figures:
    bar = progress.add_task(f"Asking, alpha {yardstick.alpha:g}", total=len(collection.queries))
    rankings: dict[str, list[str]] = {}

    async def ask(query_id: str) -> None:
        results = await client.retrieve(
            base_id,
            collection.queries[query_id],
            alpha=yardstick.alpha,
            num_results=NUM_RESULTS,
        )
        rankings[query_id] = list(
            dict.fromkeys(one["metadata"]["item_name"].removesuffix(".md") for one in results)
        )
        progress.advance(bar)

    await side_by_side(ask, collection.queries, workers=QUERIES_AT_ONCE)
    judged = collection.judgements
    return Figures(
        yardstick,
        ndcg=fmean(ndcg(ranking, judged[query], depth=10) for query, ranking in rankings.items()),
        recall=fmean(
            recall(ranking, judged[query], depth=100) for query, ranking in rankings.items()
        ),
    )


def _table(figures: Iterable[Figures]) -> Table:
    table = Table("Ranking", title="BEIR SciFact, 300 test queries")
    table.add_column("nDCG@10", justify="right")
    table.add_column("demanded")
    table.add_column("recall@100", justify="right")
    table.add_column("demanded")
    for number, one in enumerate(figures, start=1):
        wanted, published = one.yardstick, one.yardstick.published
        table.add_row(
            f"[bold]kb, alpha {wanted.alpha:g}[/] ({wanted.what})",
            f"[bold]{one.ndcg:.4f}[/]",
            str(wanted.ndcg),
            f"[bold]{one.recall:.4f}[/]",
            str(wanted.recall),
        )
        table.add_row(
            f"{published.what} [dim]\\[{number}][/]",
            f"{published.ndcg:.4f}",
            "",
            f"{published.recall:.4f}",
            "",
            end_section=True,
        )
    return table


if __name__ == "__main__":
    app()
