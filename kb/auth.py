"""Who is asking. The only place where a request becomes a scope."""

from __future__ import annotations

from kb.catalog.keys import DEFAULT_TEAM, team_of
from retrieval.errors import ServiceError
from retrieval.postgres import Pool
from retrieval.scope import TeamScope


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
        kind, _, secret = (authorization or "").partition(" ")
        scope = await self.key(secret.strip()) if kind.lower() == "bearer" else None
        if scope is None:
            raise Unauthorized("The key is missing, wrong or revoked." if authorization else "")
        return scope


def operator_scope() -> TeamScope:
    """The installation's own team, for whoever may read its data folder and database password."""
    return TeamScope(team_id=DEFAULT_TEAM)
