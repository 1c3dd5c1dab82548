"""The metrics of Chroma's evaluation, on cases small enough to reckon by hand."""

from __future__ import annotations

import pytest

from benchmarks.chroma import Place, Question, score

QUESTION = Question("?", "a", [(10, 20), (40, 50)])
CHUNKS = [Place("a", start, start + 15) for start in range(0, 60, 15)]  # 0, 15, 30, 45


def test_what_holds_all_and_nothing_else_is_perfect() -> None:
    exact = [Place("a", 10, 20), Place("a", 40, 50)]
    scores = score(QUESTION, exact, exact)
    assert (scores.recall, scores.precision, scores.precision_omega, scores.iou) == (1, 1, 1, 1)


def test_what_is_retrieved_is_weighed_by_characters() -> None:
    scores = score(QUESTION, [CHUNKS[1], Place("b", 10, 30)], CHUNKS)
    assert scores.recall == pytest.approx(5 / 20)
    assert scores.precision == pytest.approx(5 / (15 + 20))  # another corpus counts as read
    assert scores.iou == pytest.approx(5 / (35 + 20 - 5))
    assert scores.precision_omega == pytest.approx(20 / 60)  # every chunk holds a part


def test_overlapping_chunks_find_a_character_once_but_are_read_twice() -> None:
    scores = score(QUESTION, [Place("a", 5, 25), Place("a", 10, 20)], [])
    assert scores.recall == pytest.approx(10 / 20)
    assert scores.precision == pytest.approx(10 / 30)


def test_finding_nothing_scores_nothing() -> None:
    scores = score(QUESTION, [Place("b", 10, 20)], CHUNKS)
    assert (scores.recall, scores.precision, scores.iou) == (0, 0, 0)
