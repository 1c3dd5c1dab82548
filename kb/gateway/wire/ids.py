"""Ids of what is sent. Nothing is stored under them."""

from __future__ import annotations

from uuid import uuid4


def new_id(prefix: str) -> str:
    """`chatcmpl-`, `msg_` and the like, and what nobody else has."""
    return prefix + uuid4().hex
