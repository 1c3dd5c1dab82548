"""Which passages find which gold, and the rankings that come of it."""

from __future__ import annotations

import pytest

from retrieval.eval.metrics import ndcg, recall
from retrieval.eval.question import Gold
from retrieval.eval.relevance import finds, gold_ranks, judgements, ranking
from retrieval.eval.spans import Place


def gold(start: int, end: int, document: str = "a", grade: int = 1) -> Gold:
    return Gold(document=document, start=start, end=end, grade=grade)


@pytest.mark.parametrize(
    ("passage", "is_found"),
    [
        (Place("a", 0, 500), True),  # all of it
        (Place("a", 0, 110), True),  # half of the gold, which is the shorter
        (Place("a", 0, 109), False),
        (Place("a", 118, 122), True),  # half of the passage, which is the shorter
        (Place("a", 119, 129), False),
        (Place("b", 0, 500), False),
        (Place("a", 105, 105), False),  # nothing at all
    ],
)
def test_a_span_is_found_where_half_of_the_shorter_is_in_both(
    passage: Place, is_found: bool
) -> None:
    assert finds(passage, gold(100, 120)) is is_found


def test_any_passage_finds_a_document() -> None:
    assert finds(Place("a", 7, 9), Gold(document="a"))
    assert not finds(Place("b", 7, 9), Gold(document="a"))


def test_documents_are_ranked_by_their_best_passage() -> None:
    passages = [Place("x", 0, 9), Place("a", 0, 9), Place("x", 9, 18), Place("b", 0, 9)]
    answers = [Gold(document="a"), Gold(document="b", grade=2)]
    assert ranking(passages, answers) == ["x", "a", "b"]
    assert judgements(answers) == {"a": 1, "b": 2}


def test_a_passage_stands_for_each_span_that_it_holds() -> None:
    answers = [gold(0, 10), gold(20, 30, grade=3)]
    ranked = ranking([Place("a", 0, 100)], answers)
    assert ndcg(ranked, judgements(answers), depth=10) == 1
    assert recall(ranked, judgements(answers), depth=2) == 1


def test_a_passage_that_repeats_what_is_found_takes_no_place_and_a_wrong_one_does() -> None:
    answers = [gold(0, 10), gold(80, 90)]
    passages = [Place("a", 0, 20), Place("a", 0, 15), Place("a", 40, 60), Place("a", 70, 95)]
    ranked, judged = ranking(passages, answers), judgements(answers)
    assert [one in judged for one in ranked] == [True, False, True]
    assert gold_ranks(passages, answers) == [1, 4]


def test_gold_that_is_never_found_has_no_rank() -> None:
    assert gold_ranks([Place("a", 0, 20)], [gold(0, 10), gold(50, 60)]) == [1, None]


def test_gold_given_twice_counts_once_with_the_better_grade() -> None:
    assert list(judgements([gold(0, 10), gold(0, 10, grade=4)]).values()) == [4]
