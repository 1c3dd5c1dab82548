"""Dependencies of the endpoints: the service, and the scope of whoever calls."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path, Request

from kb.auth import Authenticator
from kb.service import Service
from retrieval.scope import Scope, TeamScope


def _service(request: Request) -> Service:
    return request.app.state.service


def _authenticator(request: Request) -> Authenticator:
    return request.app.state.authenticator


TheService = Annotated[Service, Depends(_service)]


async def _team(
    authenticator: Annotated[Authenticator, Depends(_authenticator)],
    authorization: Annotated[str | None, Header(description="`Bearer <API key>`")] = None,
) -> TeamScope:
    return await authenticator.header(authorization)


Team = Annotated[TeamScope, Depends(_team)]


async def _knowledge_base(
    team: Team,
    knowledge_base_uuid: Annotated[UUID, Path(description="UUID of a knowledge base")],
) -> Scope:
    return team.knowledge_base(knowledge_base_uuid)


KnowledgeBaseScope = Annotated[Scope, Depends(_knowledge_base)]
