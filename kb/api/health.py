"""Is it alive, and can it answer? For load balancers and people waiting for a start."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from psycopg_pool import PoolTimeout

from kb import __version__
from kb.api.caller import TheService
from kb.service import Service

router = APIRouter(tags=["health"])
READY_SECONDS = 3.0


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz")
async def readyz(service: TheService) -> dict[str, str]:
    """The database answers too; 503 while it does not."""
    asked = asyncio.create_task(_ask(service))
    await asyncio.wait({asked}, timeout=READY_SECONDS)
    if not asked.done():
        asked.cancel()  # not waited for: a database that hangs takes long to let go, too
        raise PoolTimeout
    asked.result()
    return {"status": "ready", "version": __version__}


async def _ask(service: Service) -> None:
    async with service.pool.connection() as conn:
        await conn.execute("SELECT 1 FROM knowledge_bases LIMIT 0")
