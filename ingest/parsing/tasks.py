"""What the jail can be asked to do with a document, as it travels to the child."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from ingest.parsing.page_image import PageRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseRequest:
    """The whole document's text and structure."""

    name: str
    """File name or URL, which helps to tell its format."""


Task = ParseRequest | PageRequest
_KINDS: dict[str, type[Task]] = {"parse": ParseRequest, "page": PageRequest}


def encode(task: Task) -> bytes:
    """The task as bytes."""
    kind = next(name for name, one in _KINDS.items() if isinstance(task, one))
    return json.dumps([kind, asdict(task)]).encode()


def decode(payload: bytes) -> Task:
    """What the jail encoded."""
    kind, fields = json.loads(payload)
    return _KINDS[kind](**fields)
