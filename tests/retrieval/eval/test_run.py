"""Runs: every question asked as told, every answer held against its gold."""

from __future__ import annotations

import asyncio

import pytest

from retrieval.eval.errors import UnknownMetric
from retrieval.eval.question import Gold, Question, Span
from retrieval.eval.results import QuestionResult, star_of, summary
from retrieval.eval.run import run
from retrieval.query import Query
from retrieval.retrieval import Reranked, Retrieval
from tests.retrieval.eval.answers import BASE, Scripted, passage

LIKE = Query(text="-", num_results=5, alpha=0.25)
SPAN = Question(id="span", question="Where?", gold=[Gold(document="a", start=10, end=20)])
WHOLE = Question(id="whole", question="Which?", gold=[Gold(document="b", grade=2)], tags=["t"])


async def results(
    answer: Scripted, *questions: Question, chunks: dict[str, list[Span]] | None = None
) -> list[QuestionResult]:
    """A character is a token."""
    return await run(questions, answer, like=LIKE, count_tokens=len, chunks=chunks)


async def test_each_question_is_asked_with_the_options_and_results_keep_their_order() -> None:
    answer = Scripted({"Where?": [], "Which?": []})
    found = await results(answer, SPAN, WHOLE)
    assert [one.id for one in found] == ["span", "whole"]
    assert {query.text for query in answer.asked} == {"Where?", "Which?"}
    assert {(query.alpha, query.num_results) for query in answer.asked} == {(0.25, 5)}
    assert all(one.figures["mrr"] == 0 for one in found)
    assert found[1].tags == ["t"]


async def test_an_answer_is_measured_by_rank_and_by_character() -> None:
    answer = Scripted({"Where?": [passage("b", 0, 30), passage("a", 0, 20)]})
    (one,) = await results(answer, SPAN, chunks={"a": [(0, 20), (20, 40)]})
    figures = one.figures
    assert figures["mrr"] == 0.5
    assert (figures["recall@1"], figures["recall@3"]) == (0, 1)
    assert figures["precision@5"] == pytest.approx(1 / 5)
    assert "recall@10" not in figures  # five passages cannot say
    assert figures["char_recall"] == 1
    assert figures["char_precision"] == pytest.approx(10 / 50)
    assert figures["char_iou"] == pytest.approx(10 / 50)
    assert figures["precision_omega"] == pytest.approx(10 / 20)
    assert figures["tokens"] == 50  # a character each
    assert figures["latency_ms"] > 0
    assert one.gold_ranks == [2]
    assert [found.is_relevant for found in one.passages] == [False, True]


async def test_whole_documents_have_no_characters_to_count() -> None:
    (one,) = await results(Scripted({"Which?": [passage("b", 5, 9)]}), WHOLE)
    assert one.figures["ndcg@5"] == 1
    assert not {"char_recall", "precision_omega"} & one.figures.keys()


async def test_what_is_read_is_the_text_around_a_passage_where_that_comes_along() -> None:
    wide = passage("a", 10, 20, parent=(0, 100))
    (one,) = await results(Scripted({"Where?": [wide]}), SPAN)
    assert one.figures["char_precision"] == pytest.approx(10 / 100)
    assert one.figures["tokens"] == 100
    assert one.passages[0].end == 20  # it was found by its own words


async def test_an_answer_without_the_reranker_that_was_asked_for_says_so() -> None:
    async def answer(query: Query) -> Retrieval:
        reranked = Reranked(model="r", applied=query.text == "Where?", error="It is down.")
        if reranked.applied:
            reranked = Reranked(model="r", applied=True)
        return Retrieval(passages=(), index_versions={BASE: 1}, reranked=reranked)

    found = await run([SPAN, WHOLE], answer, like=LIKE, count_tokens=len)
    assert [one.degraded for one in found] == [None, "It is down."]


async def test_no_more_questions_are_under_way_than_allowed_and_progress_is_told() -> None:
    under_way, most = 0, 0

    async def answer(query: Query) -> Retrieval:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1
        return Retrieval(passages=(), index_versions={BASE: 1})

    told: list[int] = []

    async def tell(done: int) -> None:
        told.append(done)

    questions = [WHOLE.model_copy(update={"id": str(number)}) for number in range(20)]
    await run(questions, answer, like=LIKE, count_tokens=len, at_once=3, on_progress=tell)
    assert most == 3
    assert sorted(told) == list(range(1, 21))


async def test_one_answer_that_fails_ends_the_run() -> None:
    with pytest.raises(KeyError, match="Which"):
        await results(Scripted({"Where?": []}), SPAN, WHOLE)


async def test_means_are_over_the_questions_that_have_the_figure() -> None:
    answer = Scripted({"Where?": [passage("a", 10, 20)], "Which?": [passage("x", 0, 4)]})
    gone = QuestionResult.not_asked(WHOLE.model_copy(update={"id": "gone"}), "It is gone.")
    found = summary([*await results(answer, SPAN, WHOLE), gone])
    assert (found["mrr"].mean, found["mrr"].questions) == (0.5, 2)
    assert (found["char_iou"].mean, found["char_iou"].questions) == (1, 1)
    assert found["mrr"].low == 0
    assert found["mrr"].high == 1


def test_the_star_is_the_metric_asked_for_or_the_usual_one() -> None:
    assert star_of({"ndcg@10": 1, "mrr": 1}) == "ndcg@10"
    assert star_of({"ndcg@5": 1, "mrr": 1}) == "mrr"
    assert star_of({"ndcg@5": 1, "mrr": 1}, "ndcg@5") == "ndcg@5"
    with pytest.raises(UnknownMetric, match="'ndcg@7', only ndcg@5, mrr"):
        star_of({"ndcg@5": 1, "mrr": 1}, "ndcg@7")
