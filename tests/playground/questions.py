"""Questions about volumes of the demo's handbook, as the playground's tests keep them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.playground.served import BASES, Served

QUESTIONS = Path(__file__).parents[2] / "examples" / "questions.toml"


def about(volume: str) -> list[dict[str, Any]]:
    """Those whose answer is in it, quoted."""
    rows = tomllib.loads(QUESTIONS.read_text())["questions"]
    return [
        {
            "question": row["question"],
            "gold": [{"document": row["file"], "quote": row["expected"]}],
        }
        for row in rows
        if row["file"].startswith(volume)
    ]


def as_jsonl(volume: str) -> bytes:
    """The same as a file."""
    return "\n".join(map(json.dumps, about(volume))).encode()


def keep(served: Served, kb: UUID, name: str, volume: str) -> None:
    """As a dataset of a knowledge base."""
    with served.up.client(served.key) as http:
        body = {"name": name, "questions": about(volume)}
        made = http.post(f"{BASES}/{kb}/evaluation_datasets", json=body)
        assert made.status_code == 200, made.text


def live_version(served: Served, kb: UUID) -> int:
    """The number of the index version that answers."""
    with served.up.client(served.key) as http:
        listed = http.get(f"{BASES}/{kb}/index_versions").json()["index_versions"]
        return next(one["number"] for one in listed if one["is_live"])
