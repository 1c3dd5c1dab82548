"""The real app on a real server, in front of a model's server that does what a test writes down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from kb.gateway.chat_model import ChatModel
from kb.gateway.description import describe
from kb.gateway.gateway import Gateway
from kb.gateway.upstream.client import Patience
from kb.service import Service
from kb.worker import Worker
from retrieval.scope import TeamScope
from tests.kb.gateway.answer import Answer
from tests.kb.gateway.scripted import no_mcp
from tests.kb.gateway.upstream.asking import MODEL, upstream
from tests.kb.gateway.wire.recording import DOORS
from tests.kb.teams import new_base, new_team, parts
from tests.llm.scripted import ScriptedServer, scripted

SETTLING = 5.0  # seconds after which a task that still runs is one that nobody ends


@dataclass(frozen=True)
class Library:
    """A knowledge base, and a key of its team."""

    team: TeamScope
    secret: str
    base: UUID
    name: str

    @property
    def tool(self) -> dict[str, Any]:
        """The knowledge base as a tool."""
        return {"type": "knowledge_base_retrieval", "knowledge_base_id": str(self.base)}


async def new_library(
    service: Service,
    worker: Worker,
    text: str,
    *,
    name: str = "handbook",
    beside: Library | None = None,
) -> Library:
    """Of a team that no other test knows, or beside another one."""
    team, secret = await new_team(service) if beside is None else (beside.team, beside.secret)
    scope = await new_base(service, team, name)
    await service.add_document(scope, item_name=f"{name}.md", data=parts(text))
    await worker.run(wait=False)
    return Library(team, secret, scope.knowledge_base_id, name)


@dataclass(frozen=True)
class Live:
    """The app, from outside, and the model's server behind it."""

    http: httpx.AsyncClient
    server: ScriptedServer
    library: Library
    before: frozenset[asyncio.Task[Any]]

    def request(self, api: str, **more: Any) -> dict[str, Any]:
        """A question with the knowledge base attached."""
        return {**DOORS[api].request, "tools": [self.library.tool], **more}

    async def ask(self, api: str, **more: Any) -> Answer:
        """What the API says to the question."""
        response = await self.http.post(DOORS[api].path, json=self.request(api, **more))
        return Answer.of(response)

    async def is_at_rest(self) -> None:
        """No task is left of what was asked, no request is open, and the next one is answered."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + SETTLING
        while (left := self._left()) and clock() < deadline:
            await asyncio.sleep(0.01)
        assert left == set()
        assert self.server.under_way == 0
        self.server.replies.clear()
        assert (await self.ask("chat")).status == 200

    def _left(self) -> set[asyncio.Task[Any]]:
        """Tasks that did not run before, the test's own and those of the model's server aside."""
        own = {asyncio.current_task()} | self.server.tasks
        return {task for task in asyncio.all_tasks() - self.before if task not in own}


@asynccontextmanager
async def live(
    app: FastAPI,
    origin: str,
    service: Service,
    library: Library,
    *,
    patience: Patience | None = None,
    **parts: Any,
) -> AsyncGenerator[Live]:
    """With room for one request at the model's server; `parts` replace those of the gateway."""
    before = frozenset(asyncio.all_tasks())
    headers = {"authorization": f"Bearer {library.secret}"}
    async with (
        scripted() as server,
        upstream(server.url, concurrency=1, wait=SETTLING, patience=patience) as complete,
        httpx.AsyncClient(base_url=origin, headers=headers, timeout=60) as http,
    ):
        given: dict[str, Any] = {
            "complete": complete,
            "models": [ChatModel(id=MODEL)],
            "retrieve": service.retrieve_from,
            "describe": partial(describe, service),
            "open_mcp": no_mcp,
        }
        app.state.gateway = Gateway(**{**given, **parts})
        yield Live(http, server, library, before)
