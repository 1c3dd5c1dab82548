"""Metrics of rankings, against values worked out by hand."""

from __future__ import annotations

from math import log2

import pytest

from retrieval.eval.metrics import average_precision, ndcg, precision, recall, reciprocal_rank


def test_ndcg_is_one_for_the_best_ranking_there_is() -> None:
    assert ndcg(["b", "a", "x"], {"a": 1, "b": 2}, depth=10) == pytest.approx(1)


def test_ndcg_discounts_by_the_logarithm_of_the_rank() -> None:
    # Found: 0 + 1/log2(3) = 0.6309 and 1/log2(5) = 0.4307. Best: 1 + 0.6309.
    ranking = ["x", "a", "y", "b"]
    assert ndcg(ranking, {"a": 1, "b": 1}, depth=10) == pytest.approx(1.0616 / 1.6309, abs=1e-4)


def test_ndcg_counts_graded_relevance_as_it_is() -> None:
    # Found: 1 + 3/log2(3). Best: 3 + 1/log2(3).
    found, best = 1 + 3 / log2(3), 3 + 1 / log2(3)
    assert ndcg(["a", "b"], {"a": 1, "b": 3}, depth=10) == pytest.approx(found / best)


def test_ndcg_sees_nothing_below_its_depth() -> None:
    assert ndcg(["x", "a"], {"a": 1}, depth=1) == 0


def test_ndcg_of_a_query_with_more_answers_than_places_can_still_be_one() -> None:
    assert ndcg(["a", "b"], {"a": 1, "b": 1, "c": 1}, depth=2) == pytest.approx(1)


def test_a_query_without_relevant_documents_scores_nothing() -> None:
    assert ndcg(["a"], {"a": 0}, depth=10) == 0
    assert recall(["a"], {"a": 0}, depth=10) == 0


def test_an_empty_ranking_scores_nothing() -> None:
    assert ndcg([], {"a": 1}, depth=10) == 0
    assert recall([], {"a": 1}, depth=10) == 0


def test_recall_is_the_share_of_relevant_documents_within_its_depth() -> None:
    judged = {"a": 1, "b": 2, "c": 1, "d": 0}
    assert recall(["a", "d", "x", "b"], judged, depth=3) == pytest.approx(1 / 3)
    assert recall(["a", "d", "x", "b"], judged, depth=4) == pytest.approx(2 / 3)


def test_precision_counts_places_that_nothing_takes() -> None:
    assert precision(["a", "x", "b"], {"a": 1, "b": 2}, depth=2) == pytest.approx(1 / 2)
    assert precision(["a"], {"a": 1}, depth=5) == pytest.approx(1 / 5)
    assert precision(["a"], {"a": 0}, depth=1) == 0


def test_the_reciprocal_rank_is_that_of_the_first_relevant() -> None:
    assert reciprocal_rank(["x", "d", "a", "b"], {"a": 1, "b": 3, "d": 0}) == pytest.approx(1 / 3)
    assert reciprocal_rank(["x"], {"a": 1}) == 0


def test_average_precision_is_over_all_that_is_relevant_found_or_not() -> None:
    # Precision 1/1 at rank 1 and 2/3 at rank 3; the third is never found.
    judged = {"a": 1, "b": 1, "c": 1}
    assert average_precision(["a", "x", "b"], judged) == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision(["b", "a", "c"], judged) == pytest.approx(1)
    assert average_precision(["a"], {}) == 0
