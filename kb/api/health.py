"""Is it alive, and can it answer? For load balancers and people waiting for a start."""

from __future__ import annotations

from fastapi import APIRouter

from kb import __version__
from kb.api.caller import TheService

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz")
async def readyz(service: TheService) -> dict[str, str]:
    """The database answers too; 503 while it does not."""
    async with service.pool.connection(timeout=3) as conn:
        await conn.execute("SELECT 1 FROM knowledge_bases LIMIT 0")
    return {"status": "ready", "version": __version__}
