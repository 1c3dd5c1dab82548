"""A running service that knows one document, and what its model says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from tests.llm.scripted import Reply, ScriptedServer, calls, says

MODEL = "tiny"
TEXT = """# Front desk

A parcel may wait at the front desk for nine days. Then it goes back to its sender."""
CITED = "A parcel \U0001f4e6 may wait for nine days"
ANSWER = f"{CITED}. Ask at the desk."


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where it is, and how to ask it."""

    origin: str
    secure_origin: str
    """The same over TLS."""

    key: str
    knowledge_base_id: UUID
    upstream: ScriptedServer
    """The model's server."""

    def expect(self, questions: int) -> None:
        """For each, the model searches and then answers; its marker comes in two pieces."""
        search = json.dumps({"query": "how long a parcel may wait"})
        answer = says(CITED[:12], f"{CITED[12:]} [", "1]", ANSWER.removeprefix(CITED))
        self.upstream.requests.clear()
        self.upstream.replies.clear()
        for _ in range(questions):
            self.upstream.replies += [
                Reply(*calls(("knowledge_base_retrieval", search))),
                Reply(*answer),
            ]
