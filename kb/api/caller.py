"""Dependencies of the endpoints: the use cases, and the scope of whoever calls."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Path, Request, Response
from fastapi.routing import APIRoute

from kb.auth import Authenticator
from kb.data_sources import DataSources
from kb.indexing_jobs import IndexingJobs
from kb.service import Service
from kb.uploads import Uploads
from retrieval.index import IndexVersion
from retrieval.scope import Scope, TeamScope


async def _service(request: Request) -> Service:  # async, or it would be called on a thread
    return request.app.state.service


async def _sources(request: Request) -> DataSources:
    return request.app.state.data_sources


async def _jobs(request: Request) -> IndexingJobs:
    return request.app.state.indexing_jobs


async def _uploads(request: Request) -> Uploads:
    return request.app.state.uploads


def _authenticator(request: Request) -> Authenticator:
    return request.app.state.authenticator


TheService = Annotated[Service, Depends(_service)]
TheSources = Annotated[DataSources, Depends(_sources)]
TheJobs = Annotated[IndexingJobs, Depends(_jobs)]
TheUploads = Annotated[Uploads, Depends(_uploads)]


class KeyFirst(APIRoute):
    """Looks at the key before the body: without one, nobody makes us read or store anything."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def look_first(request: Request) -> Response:
            await self.look(request, request.headers.get("authorization"))
            return await handle(request)

        return look_first

    async def look(self, request: Request, authorization: str | None) -> None:
        """Leave the team in the request's state. Raises `Unauthorized`."""
        request.state.team = await _authenticator(request).header(authorization)


class KeyAndIndexFirst(KeyFirst):
    """With the key, looks up what answers in the knowledge base of the path: every question needs
    both, and a round trip is a part of the time that an answer takes."""

    async def look(self, request: Request, authorization: str | None) -> None:
        """Leave team and live index version in the request's state. Raises `Unauthorized`."""
        try:
            named = UUID(request.path_params["knowledge_base_uuid"])
        except (KeyError, ValueError):  # none is named, or it will be refused
            await super().look(request, authorization)
            return
        request.state.team, request.state.live = await _authenticator(request).enter(
            authorization, named
        )


# Looked at by then: here it only shows in the OpenAPI document.
Authorization = Annotated[str | None, Header(description="`Bearer <API key>`")]
KnowledgeBaseUuid = Annotated[UUID, Path(description="UUID of a knowledge base")]


# None of these depends on another: to resolve one takes FastAPI far longer than it takes to run.
async def _team(request: Request, authorization: Authorization = None) -> TeamScope:
    del authorization
    return request.state.team


Team = Annotated[TeamScope, Depends(_team)]


async def _knowledge_base(
    request: Request, knowledge_base_uuid: KnowledgeBaseUuid, authorization: Authorization = None
) -> Scope:
    team = await _team(request, authorization)
    return team.knowledge_base(knowledge_base_uuid)


KnowledgeBaseScope = Annotated[Scope, Depends(_knowledge_base)]


@dataclass(frozen=True, slots=True)
class Entered:
    """What `KeyAndIndexFirst` has found."""

    scope: Scope
    live: IndexVersion | None
    service: Service


async def _entered(
    request: Request, knowledge_base_uuid: KnowledgeBaseUuid, authorization: Authorization = None
) -> Entered:
    scope = await _knowledge_base(request, knowledge_base_uuid, authorization)
    return Entered(scope, getattr(request.state, "live", None), await _service(request))


EnteredKnowledgeBase = Annotated[Entered, Depends(_entered)]
