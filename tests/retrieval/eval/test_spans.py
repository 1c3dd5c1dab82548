"""Metrics by characters, on cases small enough to reckon by hand."""

from __future__ import annotations

import pytest

from retrieval.eval.spans import Place, precision_omega, span_scores

GOLD = [Place("a", 10, 20), Place("b", 0, 10)]


def test_the_gold_itself_is_perfect() -> None:
    scores = span_scores(GOLD, GOLD)
    assert (scores.recall, scores.precision, scores.iou) == (1, 1, 1)


def test_characters_are_counted_by_document() -> None:
    scores = span_scores(GOLD, [Place("a", 15, 35), Place("c", 0, 10)])
    assert scores.recall == pytest.approx(5 / 20)
    assert scores.precision == pytest.approx(5 / 30)
    assert scores.iou == pytest.approx(5 / (30 + 20 - 5))


def test_what_is_returned_twice_is_found_once_and_read_twice() -> None:
    scores = span_scores([Place("a", 0, 10)], [Place("a", 0, 10), Place("a", 0, 10)])
    assert (scores.recall, scores.precision) == (1, 0.5)


def test_gold_that_overlaps_counts_once() -> None:
    gold = [Place("a", 0, 10), Place("a", 5, 15)]
    assert span_scores(gold, [Place("a", 0, 15)]).recall == 1


def test_nothing_retrieved_scores_nothing() -> None:
    scores = span_scores(GOLD, [])
    assert (scores.recall, scores.precision, scores.iou) == (0, 0, 0)


def test_precision_omega_is_that_of_all_chunks_that_hold_a_part() -> None:
    chunks = [Place("a", start, start + 15) for start in range(0, 60, 15)]
    assert precision_omega([Place("a", 10, 20)], chunks) == pytest.approx(10 / 30)
    assert precision_omega(GOLD, [*chunks, Place("b", 0, 20)]) == pytest.approx(20 / 50)
    assert precision_omega(GOLD, [Place("c", 0, 20)]) == 0
