"""What the wire formats ask of the gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from kb.gateway.chat_model import ChatModel
from kb.gateway.events import Event
from kb.gateway.turn import Turn
from retrieval.scope import TeamScope


class ChatGateway(Protocol):
    """Runs turns; see `kb.gateway.gateway`."""

    def run(self, team: TeamScope, turn: Turn) -> AsyncGenerator[Event]:
        """What happens during the turn. Closing it ends all that is under way.

        What is wrong with the turn is raised before the first event.
        """
        ...

    def models(self) -> Sequence[ChatModel]:
        """Those that can be asked, the default first."""
        ...
