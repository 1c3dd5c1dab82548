"""Two runs compared: what changed, whether that is noise, and which questions it was."""

from __future__ import annotations

import pytest

from retrieval.eval.compare import compare
from retrieval.eval.errors import NotComparable, UnknownMetric
from retrieval.eval.question import Gold
from retrieval.eval.results import QuestionResult


def result(number: int, *, document: str = "a", **figures: float) -> QuestionResult:
    named = {name.replace("_at_", "@"): value for name, value in figures.items()}
    return QuestionResult(
        id=str(number),
        question=f"Question {number}?",
        gold=[Gold(document=document)],
        tags=[],
        figures={**named, "latency_ms": 10.0},
        gold_ranks=[1 if figures.get("mrr") else None],
        passages=[],
    )


def run(*values: float) -> list[QuestionResult]:
    return [result(number, mrr=value, tokens=100 * value) for number, value in enumerate(values)]


def test_a_gain_for_all_is_more_than_noise_and_one_for_some_and_loss_for_others_is_not() -> None:
    better = compare(run(*[0.5] * 10), run(*[1.0] * 10)).change("mrr")
    assert (better.before, better.after, better.difference) == (0.5, 1, 0.5)
    assert not better.is_noise
    assert not better.is_worse
    mixed = compare(run(*[0.0, 1.0] * 10), run(*[1.0, 0.0] * 10)).change("mrr")
    assert mixed.is_noise
    assert mixed.low < 0 < mixed.high


def test_less_is_worse_for_a_metric_and_better_for_a_cost() -> None:
    changes = compare(run(*[1.0] * 10), run(*[0.5] * 10))
    assert changes.change("mrr").is_worse
    assert not changes.change("tokens").is_worse
    assert compare(run(*[0.5] * 10), run(*[1.0] * 10)).change("tokens").is_worse


def test_questions_are_told_by_how_much_they_gained_or_lost() -> None:
    found = compare(run(0.0, 0.5, 1.0, 0.2, 0.7), run(1.0, 0.6, 0.0, 0.2, 0.5))
    assert [one.id for one in found.better] == ["0", "1"]
    assert [one.id for one in found.worse] == ["2", "4"]
    assert (found.alike, found.unmatched) == (1, 0)
    assert (found.better[0].ranks_before, found.better[0].ranks_after) == ([None], [1])


def test_a_cost_is_better_where_it_is_less() -> None:
    found = compare(run(0.5, 0.5), run(0.4, 0.6), star="tokens")
    assert [one.id for one in found.better] == ["0"]
    assert [one.id for one in found.worse] == ["1"]


def test_only_questions_with_the_same_gold_are_compared() -> None:
    before = [result(1, mrr=1.0), result(2, mrr=1.0), result(3, mrr=1.0)]
    skipped = result(3).model_copy(update={"skipped": "It is gone.", "figures": {}})
    after = [result(1, mrr=1.0), result(2, mrr=0.0, document="b"), skipped]
    found = compare(before, after)
    assert found.change("mrr").questions == 1
    assert found.unmatched == 3
    with pytest.raises(NotComparable):
        compare(before[:1], after[1:])


def test_figures_that_only_one_run_has_are_left_out() -> None:
    found = compare([result(1, mrr=1.0, ndcg_at_10=1.0)], [result(1, mrr=1.0)])
    assert [one.metric for one in found.changes] == ["mrr", "latency_ms"]
    assert found.star == "mrr"
    with pytest.raises(UnknownMetric, match=r"ndcg@10"):
        compare([result(1, ndcg_at_10=1.0)], [result(1, mrr=1.0)], star="ndcg@10")
