"""All configured chat models, ready to be asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from kb.gateway.completion import Asked, Part
from kb.gateway.upstream.client import ModelServer, Patience
from kb.gateway.upstream.models import ChatModels
from kb.gateway.upstream.pool import Pool

REMEMBERED_SECONDS = 5.0  # who asks for health again so soon is told the same
IDLE_SECONDS = 30.0  # after which a connection is closed that nobody uses


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHealth:
    """How many of a model's servers answer."""

    id: str
    servers: int
    answering: int


@asynccontextmanager
async def open_upstream(
    models: ChatModels, *, concurrency: int, wait: float, patience: Patience | None = None
) -> AsyncGenerator[Upstream]:
    """The models' servers. `concurrency` is for models that say nothing about it; a request waits
    that many seconds for its turn. Nothing is asked yet: a server may come up later."""
    # As many connections as requests: the models' own bounds are the ones that count.
    limits = httpx.Limits(max_connections=None, keepalive_expiry=IDLE_SECONDS)
    async with httpx.AsyncClient(limits=limits) as http:
        pools = {
            model.id: Pool(
                model.id,
                [ModelServer(http, model, str(url), patience or Patience()) for url in model.urls],
                concurrency=model.concurrency or concurrency,
                wait=wait,
            )
            for model in models
        }
        yield Upstream(models, pools)


class Upstream:
    """A `Complete` for every model."""

    def __init__(self, models: ChatModels, pools: dict[str, Pool]) -> None:
        self.models = models
        self._pools = pools
        self._checking = asyncio.Lock()
        self._checked = float("-inf")
        self._health: list[ModelHealth] = []

    def __call__(self, asked: Asked) -> AsyncGenerator[Part]:
        """Raises UnknownChatModel at once, and all else when the first part is asked for."""
        return self._pools[self.models.by_id(asked.model).id](asked)

    async def health(self) -> list[ModelHealth]:
        """Which models can be asked, as of a few seconds ago at most."""
        async with self._checking:
            if time.monotonic() - self._checked > REMEMBERED_SECONDS:
                async with asyncio.TaskGroup() as group:
                    tasks = {
                        name: group.create_task(pool.answering())
                        for name, pool in self._pools.items()
                    }
                self._health = [
                    ModelHealth(id=name, servers=self._pools[name].size, answering=task.result())
                    for name, task in tasks.items()
                ]
                self._checked = time.monotonic()
            return self._health
