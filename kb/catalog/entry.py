"""A key, and what answers in the knowledge base that is asked with it, in one round trip."""

from __future__ import annotations

from uuid import UUID

from kb.catalog import index_versions, keys
from retrieval.index import IndexVersion
from retrieval.postgres import Pool, fetch_each
from retrieval.scope import TeamScope


async def enter(
    pool: Pool, secret: str, knowledge_base_id: UUID
) -> tuple[TeamScope | None, IndexVersion | None]:
    """The key's team, as `keys.team_of` finds it, and the live index version, if it is theirs."""
    settings, parameters = keys.presented(secret)
    teams, versions = await fetch_each(
        pool,
        settings,
        [keys.QUERIES["team_of"], index_versions.QUERIES["live_of_key"]],
        {**parameters, "id": knowledge_base_id},
    )
    if not teams:
        return None, None
    live = index_versions.index_version(versions[0]) if versions else None
    return TeamScope(team_id=teams[0][0]), live
