"""Scheduled indexing: data sources read again by themselves, on certain days at a certain time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict

from kb import schedules
from kb.api.caller import KeyFirst, KnowledgeBaseScope, Team, TheService
from kb.catalog.schedules import Schedule

router = APIRouter(
    prefix="/v2/gen-ai/scheduled-indexing", tags=["scheduled indexing"], route_class=KeyFirst
)

SUNDAY = 7
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?", re.ASCII)


def _time_of_day(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise ValueError("is written HH:MM, in UTC, like 05:30")
    return text


class ScheduleRequest(BaseModel):
    """When to index which knowledge base's data sources."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "knowledge_base_uuid": "123e4567-e89b-12d3-a456-426614174000",
                    "days": [1, 3, 5],
                    "time": "05:30",
                }
            ]
        },
    )

    knowledge_base_uuid: UUID
    days: list[int]
    """As cron numbers them: 1 is Monday, and both 7 and 0 are Sunday."""
    time: Annotated[str, AfterValidator(_time_of_day)]
    """HH:MM, in UTC."""


class ScheduledIndexing(BaseModel):
    """A schedule as DigitalOcean renders one."""

    uuid: UUID
    knowledge_base_uuid: UUID
    days: list[int]
    time: str
    is_active: bool
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    last_ran_at: datetime | None
    next_run_at: datetime | None

    @classmethod
    def of(cls, found: Schedule, *, deleted_at: datetime | None = None) -> ScheduledIndexing:
        """One that there is, or that there was."""
        return cls(
            uuid=found.id,
            knowledge_base_uuid=found.knowledge_base_id,
            days=found.days,
            time=found.time.strftime("%H:%M:%S"),
            is_active=found.is_active and deleted_at is None,
            created_at=found.created_at,
            updated_at=found.updated_at,
            deleted_at=deleted_at,
            last_ran_at=found.last_ran_at,
            next_run_at=found.next_run_at if deleted_at is None else None,
        )


class OneSchedule(BaseModel):
    """The envelope of one."""

    indexing_info: ScheduledIndexing


@router.post("")
async def schedule_indexing(
    team: Team, request: ScheduleRequest, service: TheService
) -> OneSchedule:
    """Index a knowledge base's data sources then. It takes the place of a former schedule."""
    found = await schedules.schedule(
        service,
        team.knowledge_base(request.knowledge_base_uuid),
        days=[day or SUNDAY for day in request.days],
        at=time.fromisoformat(request.time),
    )
    return OneSchedule(indexing_info=ScheduledIndexing.of(found))


@router.get("/knowledge-base/{knowledge_base_uuid}")
async def get_schedule(scope: KnowledgeBaseScope, service: TheService) -> OneSchedule:
    """The knowledge base's schedule; 404 where it has none."""
    return OneSchedule(indexing_info=ScheduledIndexing.of(await schedules.of(service, scope)))


@router.delete("/{schedule_uuid}")
async def delete_schedule(team: Team, schedule_uuid: UUID, service: TheService) -> OneSchedule:
    """End a schedule. What runs already runs on."""
    found = await schedules.delete(service, team, schedule_uuid)
    return OneSchedule(indexing_info=ScheduledIndexing.of(found, deleted_at=datetime.now(UTC)))
