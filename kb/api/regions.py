"""The regions to choose from: this installation is the only one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from kb.api.caller import KeyFirst, Team

router = APIRouter(prefix="/v2/gen-ai/regions", tags=["regions"], route_class=KeyFirst)


class Region(BaseModel):
    """A region as DigitalOcean renders one. Ours runs no models to chat with."""

    region: str = "local"
    inference_url: str = ""
    stream_inference_url: str = ""
    serves_inference: bool = False
    serves_batch: bool = False


class RegionList(BaseModel):
    """The envelope."""

    regions: list[Region]


@router.get("")
async def list_regions(
    team: Team,
    serves_inference: Annotated[bool, Query(description="Only those that do")] = False,
    serves_batch: Annotated[bool, Query(description="Only those that do")] = False,
) -> RegionList:
    """This installation; a knowledge base keeps whatever region it is given."""
    del team  # anybody with a key may look
    return RegionList(regions=[] if serves_inference or serves_batch else [Region()])
