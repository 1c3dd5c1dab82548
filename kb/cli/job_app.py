"""`kb job` and its help; what each command does is in `kb.cli.jobs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from kb.cli import parameters as given

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Indexing jobs, which `kb jobs` lists."
)

Job = Annotated[UUID, typer.Argument(help="Its id, as `kb jobs` shows.")]


@app.command()
def show(job: Job, json: given.Json = False) -> None:
    """Show how a job fares, source by source, and what failed."""
    from kb.cli import jobs
    from kb.cli.session import run

    run(jobs.show(job, as_json=json))


@app.command()
def cancel(job: Job) -> None:
    """Give up what a job has not done. What it has indexed stays."""
    from kb.cli import jobs
    from kb.cli.session import run

    run(jobs.cancel(job))


@app.command(epilog="Example: kb job report 0192e4a7-... -o report.csv")
def report(
    job: Job,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", dir_okay=False, help="A file, instead of printing it."),
    ] = None,
) -> None:
    """Say what became of every document of a job, as CSV."""
    from kb.cli import jobs
    from kb.cli.session import run

    run(jobs.report(job, output=output))
