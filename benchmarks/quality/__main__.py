"""The command: measure data sets, show the tables, and say what is missed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.markdown import Markdown

from benchmarks import results_file
from benchmarks.beir import VARIABLE, CollectionMissing
from benchmarks.client import connected
from benchmarks.quality.data_set import DataSet
from benchmarks.quality.demands import checks
from benchmarks.quality.model import FOLDER
from benchmarks.quality.outcome import Outcome
from benchmarks.quality.registry import DATA_SETS
from benchmarks.quality.report import section
from benchmarks.quality.runner import measure
from benchmarks.service import Running, ServiceFailed, data_folder, running
from benchmarks.surroundings import measured
from benchmarks.terminal import err, out, progress_bars
from retrieval.index import STORES, StoreName

ALL_SETS, ALL_STORES = ",".join(DATA_SETS), ",".join(STORES)

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@app.command(
    epilog="Examples:  `KB_BENCH_DATA=data python -m benchmarks.quality --write`  "
    "`python -m benchmarks.quality --bench-data data --only scifact --limit 500`  "
    "`python -m benchmarks.quality --url http://127.0.0.1:8080 --api-key kb_...`"
)
def main(
    context: typer.Context,
    bench_data: Annotated[
        Path | None, typer.Option(envvar=VARIABLE, help="Folder that holds the data sets.")
    ] = None,
    only: Annotated[str, typer.Option(help="These data sets.")] = ALL_SETS,
    stores: Annotated[
        str, typer.Option(help="Where to keep and search the chunks; documents go to the first.")
    ] = ALL_STORES,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="So many documents of each only, and demand nothing."),
    ] = None,
    write: Annotated[bool, typer.Option(help="Put the tables into RESULTS.md.")] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="The service's data folder instead of one that a second run finds."),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="A running service to use instead of starting one.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(help="A key of that service.")] = None,
) -> None:
    """Load data sets into the service, ask their questions in several ways, and compare.

    Ends with 1 where a figure misses what we demand, and with 2 where a data set is missing or the
    service fails.
    """
    if (url is None) != (api_key is None):
        raise typer.BadParameter("--url and --api-key go together.")
    if write and limit is not None:
        raise typer.BadParameter("--write takes whole data sets; leave out --limit.")
    names = _among(only, tuple(DATA_SETS), "--only")
    data_sets = list(_load(names, bench_data))
    plan = Plan(
        stores=_among(stores, STORES, "--stores"),
        limit=limit,
        write=write,
        measured=measured("quality", context, "only", "stores"),
    )
    try:
        if url and api_key:
            missed = asyncio.run(_run(Running(url, api_key), data_sets, plan))
        else:
            settings = {"KB_STORE": plan.stores[-1]}  # our own Weaviate runs where it is asked for
            with running(data_dir or data_folder(FOLDER), settings=settings) as service:
                missed = asyncio.run(_run(service, data_sets, plan))
    except ServiceFailed as exc:
        err.print(f"[red]Error:[/] {exc}", soft_wrap=True)
        raise typer.Exit(2) from exc
    is_complete = len(data_sets) == len(names)
    raise typer.Exit(1 if missed else 0 if is_complete else 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done with each data set."""

    stores: Sequence[StoreName]
    limit: int | None
    write: bool
    measured: str


def _load(names: Sequence[str], folder: Path | None) -> Iterator[DataSet]:
    """Those that are there; the others are named."""
    for name in names:
        try:
            yield DATA_SETS[name](folder)
        except CollectionMissing as exc:
            err.print(f"[red]Left out:[/] {name}: {exc}", soft_wrap=True)


async def _run(service: Running, data_sets: Sequence[DataSet], plan: Plan) -> int:
    """Measure one after the other. How many demands were missed."""
    missed = 0
    async with connected(service) as client:
        for data_set in data_sets:
            with progress_bars() as progress:
                outcome = await measure(
                    client, data_set, stores=plan.stores, limit=plan.limit, progress=progress
                )
            missed += _tell(outcome, plan)
    return missed


def _tell(outcome: Outcome, plan: Plan) -> int:
    """Show the table and what is missed. How many demands were."""
    checked = list(checks(outcome)) if plan.limit is None else []
    text = section(outcome, checked, measured=plan.measured)
    out.print(Markdown(text))
    if plan.write:
        results_file.put(text)
    missed = [one for one in checked if not one.is_met]
    for one in missed:
        out.print(f"[red]Missed:[/] {outcome.data_set.name}: {one.text}", soft_wrap=True)
    return len(missed)


Choice = TypeVar("Choice", bound=str)


def _among(given: str, known: Sequence[Choice], option: str) -> list[Choice]:
    """The names of a list with commas, in the order of those that are known."""
    asked = {one.strip() for one in given.split(",")}
    if unknown := asked.difference(known):
        raise typer.BadParameter(
            f"{', '.join(sorted(unknown))}: not among {', '.join(known)}.", param_hint=option
        )
    return [one for one in known if one in asked]


if __name__ == "__main__":
    app()
