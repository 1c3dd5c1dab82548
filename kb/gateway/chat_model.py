"""A model that answers, as callers of the gateway know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatModel:
    """What is told of it."""

    id: str
    """Its name in requests."""

    context_length: int | None = None
    """Tokens that it reads and writes together, where that is known."""
