"""Texts, questions and the vectors of both, as the benchmark lays them out for every system."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import psycopg

WARM_UP = 20  # questions that are not counted
TOP = 10  # are weighed

Search = Callable[[str, list[float]], list[str]]
"""A question and its vector to the ids of texts, best first."""


def read(folder: Path) -> tuple[list[str], list[str], Any, list[str], Any]:
    """Ids, texts and their vectors; questions and theirs."""
    said = json.loads((folder / "texts.json").read_text("utf-8"))
    vectors, asked = np.load(folder / "texts.npy"), np.load(folder / "questions.npy")
    return said["ids"], said["texts"], vectors, said["questions"], asked


def measure(
    search: Search, questions: Sequence[str], vectors: Any, *, host: str, database: str, user: str
) -> None:
    """Print what each question found, and the seconds it took, as a line of JSON.

    Within minutes PostgreSQL analyses by itself what was filled in, and may then search it another
    way, faster or slower. So all is asked before and after that, and the faster is told.
    """
    fresh = _asked(search, questions, vectors)
    with psycopg.connect(host=host, dbname=database, user=user, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    analysed = _asked(search, questions, vectors)
    json.dump(min(fresh, analysed, key=lambda one: median(one["seconds"])), sys.stdout)


def _asked(search: Search, questions: Sequence[str], vectors: Any) -> dict[str, Any]:
    for question, vector in list(zip(questions, vectors, strict=True))[:WARM_UP]:
        search(question, vector.tolist())
    rankings: list[list[str]] = []
    seconds: list[float] = []
    for question, vector in zip(questions, vectors, strict=True):
        asked = vector.tolist()
        start = perf_counter()
        rankings.append(search(question, asked))
        seconds.append(perf_counter() - start)
    return {"rankings": rankings, "seconds": seconds}
