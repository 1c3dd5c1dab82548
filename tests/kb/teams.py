"""Teams that no other test knows, and files for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

from kb.service import Service
from retrieval.embedding.models import MODELS
from retrieval.scope import Scope, TeamScope

HANDBOOK = Path(__file__).parents[2] / "examples" / "handbook"


async def new_team(service: Service) -> tuple[TeamScope, str]:
    """A team and a key of it."""
    team = TeamScope(team_id=uuid4())
    await service.ensure_team(team)
    _, secret = await service.create_key(team, name="test")
    return team, secret


async def new_base(service: Service, team: TeamScope, name: str = "handbook") -> Scope:
    """An empty knowledge base."""
    made = await service.create_knowledge_base(team, name=name, embedding_model=MODELS[0])
    return team.knowledge_base(made.knowledge_base.id)


async def parts(*pieces: bytes | str) -> AsyncIterator[bytes]:
    """A file as it arrives."""
    for piece in pieces:
        yield piece.encode() if isinstance(piece, str) else piece
