"""How much of what is read answers, and how much of the answer is read, by characters.

Metrics of Smith and Troynikov, Evaluating Chunking Strategies for Retrieval, Chroma 2024.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from retrieval.eval.question import Span


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A span of a document's canonical text."""

    document: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SpanScores:
    """Of one question."""

    recall: float
    """Share of the gold's characters that were retrieved."""
    precision: float
    """Share of the retrieved characters that are gold; what is returned twice counts twice."""
    iou: float
    """Gold characters retrieved, of all retrieved and all missed."""


def span_scores(gold: Sequence[Place], retrieved: Sequence[Place]) -> SpanScores:
    """How well what was retrieved covers the gold, and nothing else. There must be some gold."""
    wanted = _length(gold)
    hit = _overlap(gold, retrieved)
    total = sum(place.end - place.start for place in retrieved)
    return SpanScores(
        recall=hit / wanted,
        precision=hit / total if total else 0.0,
        iou=hit / (total + wanted - hit),
    )


def precision_omega(gold: Sequence[Place], chunks: Iterable[Place]) -> float:
    """Precision if exactly those of all chunks were retrieved that hold a part of the gold."""
    ideal = [chunk for chunk in chunks if any(shared(chunk, one) for one in gold)]
    return _overlap(gold, ideal) / _length([*ideal, *gold])


def shared(one: Place, other: Place) -> int:
    """Characters that both hold."""
    if one.document != other.document:
        return 0
    return max(0, min(one.end, other.end) - max(one.start, other.start))


def _overlap(gold: Sequence[Place], places: Iterable[Place]) -> int:
    """Characters of the gold that these places hold, each counted once."""
    return _length(
        Place(one.document, max(place.start, one.start), min(place.end, one.end))
        for place in places
        for one in gold
        if shared(place, one)
    )


def _length(places: Iterable[Place]) -> int:
    """Characters under any of the places."""
    by_document = groupby(sorted(places), key=lambda place: place.document)
    return sum(_covered((place.start, place.end) for place in group) for _, group in by_document)


def _covered(spans: Iterable[Span]) -> int:
    """Characters under any of the spans, which come in order."""
    total, reached = 0, 0
    for start, end in spans:
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total
