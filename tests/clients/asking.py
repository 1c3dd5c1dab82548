"""What the programs beside this ask, and how they tell what they heard."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import Any

ORIGIN = os.environ["ORIGIN"]
API_URL = f"{ORIGIN}/v1"
API_KEY = os.environ["API_KEY"]
KNOWLEDGE_BASE = os.environ["KNOWLEDGE_BASE"]
MODEL = os.environ["MODEL"]
QUESTION = "How long may a parcel wait?"
MESSAGES: Any = [{"role": "user", "content": QUESTION}]
RETRIEVAL: Any = {"type": "knowledge_base_retrieval", "knowledge_base_id": KNOWLEDGE_BASE}


@dataclass(frozen=True, slots=True)
class Citation:
    """A passage that supports some of an answer."""

    title: str
    locator: str
    """A URL, or a `kb://` URI."""

    end: int
    """Characters of the answer up to the end of what is supported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One, with the citations that the client's own objects hold."""

    api: str
    streamed: bool
    text: str
    citations: list[Citation]


def tell(*answers: Answer) -> None:
    """To whoever runs the program."""
    json.dump([asdict(one) for one in answers], sys.stdout)
