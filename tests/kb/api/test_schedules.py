"""Scheduled indexing over HTTP: one schedule a knowledge base, and it runs when it is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from retrieval.postgres import scoped
from tests.kb.api.client import BASE, SCHEDULES, Api

FOX = "The quick brown fox jumps over the lazy dog.\n"


@pytest.fixture
async def base(api: Api) -> UUID:
    return await api.create()


async def schedule(api: Api, base: UUID, days: list[int], time: str) -> dict[str, Any]:
    body = {"knowledge_base_uuid": str(base), "days": days, "time": time}
    return (await api.ok("POST", SCHEDULES, json=body))["indexing_info"]


async def of(api: Api, base: UUID) -> dict[str, Any]:
    return (await api.ok("GET", f"{SCHEDULES}/knowledge-base/{base}"))["indexing_info"]


async def test_a_schedule_is_shown_with_its_next_time(api: Api, base: UUID) -> None:
    made = await schedule(api, base, [3, 1, 3], "05:30")
    assert await of(api, base) == made
    assert made["knowledge_base_uuid"] == str(base)
    assert (made["days"], made["time"], made["is_active"]) == ([1, 3], "05:30:00", True)
    assert (made["last_ran_at"], made["deleted_at"]) == (None, None)
    due = datetime.fromisoformat(made["next_run_at"]).astimezone(UTC)
    assert timedelta() < due - datetime.now(UTC) <= timedelta(days=7)
    assert (due.isoweekday() in (1, 3), due.hour, due.minute) == (True, 5, 30)


@pytest.mark.parametrize("sunday", [0, 7])
async def test_both_numbers_that_cron_has_for_sunday_are_taken(
    api: Api, base: UUID, sunday: int
) -> None:
    made = await schedule(api, base, [sunday], "23:59:30")
    assert (made["days"], made["time"]) == ([7], "23:59:30")
    assert datetime.fromisoformat(made["next_run_at"]).astimezone(UTC).isoweekday() == 7


async def test_another_schedule_takes_the_place_of_the_former(api: Api, base: UUID) -> None:
    first = await schedule(api, base, [1], "05:30")
    second = await schedule(api, base, [2], "06:30")
    assert second["uuid"] == first["uuid"]
    assert await of(api, base) == second


async def test_a_deleted_schedule_is_shown_once_more_and_then_gone(api: Api, base: UUID) -> None:
    made = await schedule(api, base, [1], "05:30")
    gone = (await api.ok("DELETE", f"{SCHEDULES}/{made['uuid']}"))["indexing_info"]
    assert (gone["uuid"], gone["is_active"], gone["next_run_at"]) == (made["uuid"], False, None)
    assert gone["deleted_at"]
    assert await api.refused(404, "GET", f"{SCHEDULES}/knowledge-base/{base}")
    assert await api.refused(404, "DELETE", f"{SCHEDULES}/{made['uuid']}")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"days": []}, "1 (Monday) to 7"),
        ({"days": [8]}, "1 (Monday) to 7"),
        ({"days": [-1]}, "1 (Monday) to 7"),
        ({"days": ["monday"]}, "days"),
        ({"days": None}, "days"),
        ({"time": "24:00"}, "HH:MM"),
        ({"time": "5:30"}, "HH:MM"),
        ({"time": "05:30+02:00"}, "HH:MM"),
        ({"time": ""}, "HH:MM"),
        ({"time": None}, "time"),
        ({"knowledge_base_uuid": ""}, "knowledge_base_uuid"),
    ],
)
async def test_what_is_no_schedule_is_refused(
    api: Api, base: UUID, fields: dict[str, Any], says: str
) -> None:
    body = {"knowledge_base_uuid": str(base), "days": [1], "time": "05:30", **fields}
    assert says in await api.refused(400, "POST", SCHEDULES, json=body)
    assert await api.refused(404, "GET", f"{SCHEDULES}/knowledge-base/{base}")
    body = {"knowledge_base_uuid": str(uuid4()), "days": [1], "time": "05:30"}
    assert await api.refused(404, "POST", SCHEDULES, json=body)


async def test_a_schedule_that_was_moved_runs_at_its_new_time_whatever_its_old_one_was(
    api: Api, base: UUID, shelf: Path
) -> None:
    await api.add_source(base, folder_data_source={"path": str(shelf)})
    await api.index()
    now = datetime.now(UTC)
    await schedule(api, base, [(now + timedelta(days=3)).isoweekday()], "05:30")
    made = await schedule(api, base, [(now + timedelta(days=1)).isoweekday()], "05:30")
    (shelf / "fox.txt").write_text(FOX)
    await come(api, base, made)
    for _ in range(2):
        await api.index()
    assert await api.texts(base, "fox") == [FOX.strip()]
    after = await of(api, base)
    assert after["last_ran_at"]
    assert after["next_run_at"] >= made["next_run_at"]
    jobs = (await api.ok("GET", f"{BASE}/{base}/indexing_jobs"))["jobs"]
    assert len(jobs) == 2


async def come(api: Api, base: UUID, made: dict[str, Any]) -> None:
    """Make it the time at which the schedule is due."""
    async with scoped(api.service.pool, api.team.knowledge_base(base)) as conn:
        await conn.execute(
            "UPDATE schedules SET next_run_at = now() - interval '1 minute' WHERE id = %s",
            [made["uuid"]],
        )
    async with api.service.pool.connection() as conn:
        moved = await conn.execute(
            "UPDATE kb.procrastinate_jobs SET scheduled_at = now() - interval '1 minute'"
            " WHERE task_name = 'run_schedule' AND status = 'todo'"
            " AND args->>'schedule_id' = %s AND scheduled_at = %s",
            [made["uuid"], made["next_run_at"]],
        )
        assert moved.rowcount == 1
