"""Whose data a call may touch. Only `kb.auth` makes one from a request."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamScope:
    """One team's data. The first argument of every catalog call that is not about one base."""

    team_id: UUID

    def knowledge_base(self, knowledge_base_id: UUID) -> Scope:
        """Narrow to one knowledge base of this team, whether or not it exists."""
        return Scope(team_id=self.team_id, knowledge_base_id=knowledge_base_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope(TeamScope):
    """One knowledge base. The first argument of every store call; there is no unscoped read."""

    knowledge_base_id: UUID
