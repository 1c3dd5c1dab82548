"""Who is asking. The only place where a request becomes a scope."""

from __future__ import annotations

from uuid import UUID

from kb.catalog import entry
from kb.catalog.keys import DEFAULT_TEAM, team_of
from retrieval.errors import ServiceError
from retrieval.index import IndexVersion
from retrieval.postgres import Pool
from retrieval.scope import TeamScope

REFUSED = "The key is missing, wrong or revoked."


class Unauthorized(ServiceError):
    """Send an API key as `Authorization: Bearer <key>`; `kb key create` makes one."""


class Authenticator:
    """Turns API keys into team scopes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def key(self, secret: str) -> TeamScope | None:
        """The key's team, or none for a key that is wrong or revoked."""
        return await team_of(self._pool, secret)

    async def header(self, authorization: str | None) -> TeamScope:
        """The team an Authorization header opens. Raises `Unauthorized`."""
        return _opened(await self.key(_bearer(authorization)))

    async def enter(
        self, authorization: str | None, knowledge_base_id: UUID
    ) -> tuple[TeamScope, IndexVersion | None]:
        """The same, and the live index version of a knowledge base, if it is the team's."""
        team, live = await entry.enter(self._pool, _bearer(authorization), knowledge_base_id)
        return _opened(team), live


def _bearer(authorization: str | None) -> str:
    """The key in the header. Without one, nothing is looked up."""
    kind, _, secret = (authorization or "").partition(" ")
    if kind.lower() != "bearer":
        raise Unauthorized(REFUSED if authorization else "")
    return secret.strip()


def _opened(team: TeamScope | None) -> TeamScope:
    if team is None:
        raise Unauthorized(REFUSED)
    return team


def operator_scope() -> TeamScope:
    """The installation's own team, for whoever may read its data folder and database password."""
    return TeamScope(team_id=DEFAULT_TEAM)
