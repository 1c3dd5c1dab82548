"""Why a question fares better or worse, in words that say what happened to its answer."""

from __future__ import annotations

from playground.reasons import differences, why
from retrieval.eval.question import Gold
from retrieval.eval.results import FoundPassage, QuestionResult

GOLD = Gold(document="a.md", start=100, end=200, quote="the answer")


def passage(document: str = "b.md", start: int = 0, end: int = 100) -> FoundPassage:
    found = document == "a.md" and start < 200 and end > 100
    return FoundPassage(document=document, start=start, end=end, score=1.0, is_relevant=found)


def result(
    *passages: FoundPassage,
    rank: int | None,
    mrr: float = 0.5,
    recall: float = 1.0,
    tokens: float = 100.0,
) -> QuestionResult:
    return QuestionResult(
        id="1",
        question="Why?",
        gold=[GOLD],
        tags=[],
        figures={"mrr": mrr, "char_recall": recall, "tokens": tokens, "latency_ms": 1.0},
        gold_ranks=[rank],
        passages=list(passages),
    )


ANSWER = passage("a.md", 90, 210)


def test_an_answer_that_moved_down_names_what_came_before_it() -> None:
    before = result(ANSWER, rank=1)
    after = result(passage("b.md"), passage("c.md"), ANSWER, rank=3)
    assert why(before, after) == (
        "The answer is passage 3; it was passage 1."
        " Passages of b.md and another one come before it."
    )
    assert why(after, before) == "The answer is passage 1; it was passage 3."


def test_an_answer_that_is_lost_or_found() -> None:
    there, gone = result(ANSWER, rank=1), result(passage(), rank=None, recall=0.0)
    assert "no longer found; it was passage 1" in why(there, gone)
    assert "0% of the answer's characters come back; 100% did before." in why(there, gone)
    assert why(gone, there).startswith("The answer is found now, as passage 1.")


def test_an_answer_that_is_cut_and_one_with_more_around_it() -> None:
    whole = result(ANSWER, rank=1)
    cut = result(passage("a.md", 0, 150), passage("a.md", 150, 300), rank=1, recall=0.9)
    assert "The answer stands in 2 passages, before in one passage." in why(whole, cut)
    long = result(passage("a.md", 0, 900), rank=1, tokens=400)
    assert why(whole, long) == "400 tokens come back instead of 100."
    assert why(whole, whole) == "The same passages in another order."


def test_questions_are_told_with_their_reasons() -> None:
    before, after = result(ANSWER, rank=1, mrr=1.0), result(passage(), ANSWER, rank=2)
    found = differences([before], [after], star="mrr")
    assert (found.better, len(found.worse), found.comparison.star) == ([], 1, "mrr")
    assert found.worse[0].why.startswith("The answer is passage 2")
