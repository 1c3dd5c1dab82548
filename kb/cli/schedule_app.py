"""`kb schedule` and its help; what each command does is in `kb.cli.schedule`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from kb.cli import parameters as given

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="When data sources are read by themselves."
)


@app.command("set", epilog="Example: kb schedule set handbook --days mon,wed --at 05:30")
def put(
    knowledge_base: given.KnowledgeBase,
    *,
    days: Annotated[str, typer.Option(help="Days of the week, as mon,tue,wed,thu,fri,sat,sun.")],
    at: Annotated[datetime, typer.Option(formats=["%H:%M"], help="Time of the day, in UTC.")],
) -> None:
    """Have the data sources read on these days, instead of a former schedule."""
    from kb.cli import schedule
    from kb.cli.session import run

    run(schedule.put(knowledge_base, days=days, at=at.time()))


@app.command()
def show(knowledge_base: given.KnowledgeBase, json: given.Json = False) -> None:
    """Show the schedule, its last run and its next."""
    from kb.cli import schedule
    from kb.cli.session import run

    run(schedule.show(knowledge_base, as_json=json))


@app.command()
def remove(knowledge_base: given.KnowledgeBase) -> None:
    """End the schedule."""
    from kb.cli import schedule
    from kb.cli.session import run

    run(schedule.remove(knowledge_base))
