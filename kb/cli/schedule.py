"""`kb schedule set`, `kb schedule show`, `kb schedule remove`."""

from __future__ import annotations

from datetime import time

from rich.table import Table

from kb import schedules
from kb.catalog.schedules import Schedule
from kb.cli.session import fail, out, session

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


async def put(knowledge_base: str, *, days: str, at: time) -> None:
    """Index the data sources then, from now on."""
    chosen = [day.strip().lower() for day in days.split(",")]
    if not set(chosen) <= set(DAYS):
        fail(f"--days has some of {','.join(DAYS)}, with commas between them.")
    numbers = [DAYS.index(day) + 1 for day in chosen]
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        found = await schedules.schedule(s.service, scope, days=numbers, at=at)
    out.print(f"Scheduled. The next run is on {_moment(found)}; a `kb up` or `kb worker` does it.")


async def show(knowledge_base: str, *, as_json: bool) -> None:
    """Days, time, the last run and the next."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        found = await schedules.of(s.service, scope)
    if as_json:
        from kb.api.schedules import ScheduledIndexing  # not for a table: it loads the API

        out.print_json(data=ScheduledIndexing.of(found).model_dump(mode="json"))
        return
    table = Table(show_header=False, box=None)
    table.add_row("Days", ", ".join(_days(found)))
    table.add_row("Time", f"{found.time:%H:%M} UTC")
    ran = found.last_ran_at
    table.add_row("Last run", f"{ran:%Y-%m-%d %H:%M} UTC" if ran else "none yet")
    table.add_row("Next run", _moment(found))
    out.print(table)


async def remove(knowledge_base: str) -> None:
    """End it."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        found = await schedules.of(s.service, scope)
        await schedules.delete(s.service, s.team, found.id)
    out.print("Removed the schedule.")


def _days(found: Schedule) -> list[str]:
    return [DAYS[number - 1] for number in found.days]


def _moment(found: Schedule) -> str:
    return f"{found.next_run_at:%a %Y-%m-%d %H:%M} UTC"
