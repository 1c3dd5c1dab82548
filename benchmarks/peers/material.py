"""Texts, questions and the vectors of both, as the benchmark lays them out for every system."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

WARM_UP = 20  # questions that are not counted

Search = Callable[[str, list[float]], list[str]]
"""A question and its vector to the ids of texts, best first."""


def read(folder: Path) -> tuple[list[str], list[str], Any, list[str], Any]:
    """Ids, texts and their vectors; questions and theirs."""
    said = json.loads((folder / "texts.json").read_text("utf-8"))
    vectors, asked = np.load(folder / "texts.npy"), np.load(folder / "questions.npy")
    return said["ids"], said["texts"], vectors, said["questions"], asked


def settle(host: str, database: str, user: str) -> None:
    """Have PostgreSQL tidy up after the filling and look at what is there, as it does by itself
    within minutes: until then it goes through whole tables instead of an index."""
    import psycopg

    with psycopg.connect(host=host, dbname=database, user=user, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def measure(search: Search, questions: Sequence[str], vectors: Any) -> None:
    """Print what each question found, and the seconds it took, as a line of JSON."""
    for question, vector in list(zip(questions, vectors, strict=True))[:WARM_UP]:
        search(question, vector.tolist())
    rankings: list[list[str]] = []
    seconds: list[float] = []
    for question, vector in zip(questions, vectors, strict=True):
        asked = vector.tolist()
        start = perf_counter()
        rankings.append(search(question, asked))
        seconds.append(perf_counter() - start)
    json.dump({"rankings": rankings, "seconds": seconds}, sys.stdout)
