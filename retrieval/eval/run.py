"""A run: every question of a dataset asked, and its answer held against the gold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from retrieval.eval import metrics
from retrieval.eval.question import Question, Span
from retrieval.eval.relevance import finds, gold_ranks, judgements, ranking
from retrieval.eval.results import FoundPassage, QuestionResult
from retrieval.eval.spans import Place, precision_omega, span_scores
from retrieval.passage import Passage
from retrieval.query import Query
from retrieval.retrieval import Retrieval

AT_ONCE = 4
DEPTHS = (1, 3, 5, 10, 20, 50, 100)
METRICS = (
    *(f"{name}@{depth}" for depth in DEPTHS for name in ("recall", "precision", "ndcg")),
    *("mrr", "map"),
    *("char_recall", "char_precision", "char_iou", "precision_omega"),
    *("tokens", "latency_ms"),
)
"""What a run can have figures of: those that its depth and its gold allow."""

Answer = Callable[[Query], Awaitable[Retrieval]]
"""The read path, whatever it is made of."""

Progress = Callable[[int], Awaitable[None]]
"""Told how many questions have been asked."""


async def run(
    questions: Sequence[Question],
    answer: Answer,
    *,
    like: Query,
    count_tokens: Callable[[str], int],
    chunks: Mapping[str, Sequence[Span]] | None = None,
    at_once: int = AT_ONCE,
    on_progress: Progress | None = None,
) -> list[QuestionResult]:
    """Ask each question as `like` is asked; results come in the questions' order.

    The gold must have been found (`resolved`). `chunks` are the spans of all chunks of documents by
    item name, for PrecisionOmega. Latency is what a caller sees with `at_once` under way. The first
    error ends the run, as an average over some of the questions would be wrong.
    """
    waiting = iter(enumerate(questions))
    found: dict[int, QuestionResult] = {}

    async def ask_on() -> None:
        for number, question in waiting:
            begun = time.perf_counter()
            retrieval = await answer(replace(like, text=question.question))
            seconds = time.perf_counter() - begun
            found[number] = await asyncio.to_thread(
                judge,
                question,
                retrieval,
                seconds=seconds,
                num_results=like.num_results,
                count_tokens=count_tokens,
                chunks=chunks,
            )
            if on_progress is not None:
                await on_progress(len(found))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(ask_on())
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__
    return [found[number] for number in range(len(questions))]


def judge(
    question: Question,
    retrieval: Retrieval,
    *,
    seconds: float,
    num_results: int,
    count_tokens: Callable[[str], int],
    chunks: Mapping[str, Sequence[Span]] | None = None,
) -> QuestionResult:
    """One answer held against the question's gold, which must have been found (`resolved`)."""
    places = [_place(passage) for passage in retrieval.passages]
    figures = _ranked(question, places, num_results)
    figures |= _covered(question, [_read(one) for one in retrieval.passages], chunks)
    texts = [one.text if one.parent_text is None else one.parent_text for one in retrieval.passages]
    figures["tokens"] = sum(map(count_tokens, texts))
    figures["latency_ms"] = round(seconds * 1000, 3)
    return QuestionResult(
        id=question.id,
        question=question.question,
        gold=question.gold,
        tags=question.tags,
        figures=figures,
        gold_ranks=gold_ranks(places, question.gold),
        passages=[
            FoundPassage(
                document=place.document,
                start=place.start,
                end=place.end,
                score=passage.score,
                is_relevant=any(finds(place, gold) for gold in question.gold),
            )
            for place, passage in zip(places, retrieval.passages, strict=True)
        ],
        degraded=_degraded(retrieval),
    )


def _degraded(retrieval: Retrieval) -> str | None:
    helpers = (retrieval.reranked, retrieval.understood)
    return " ".join(one.error for one in helpers if one and one.error) or None


def _ranked(question: Question, places: Sequence[Place], num_results: int) -> dict[str, float]:
    ranked, judged = ranking(places, question.gold), judgements(question.gold)
    figures: dict[str, float] = {}
    for depth in DEPTHS:
        if depth <= num_results:
            figures[f"recall@{depth}"] = metrics.recall(ranked, judged, depth=depth)
            figures[f"precision@{depth}"] = metrics.precision(ranked, judged, depth=depth)
            figures[f"ndcg@{depth}"] = metrics.ndcg(ranked, judged, depth=depth)
    figures["mrr"] = metrics.reciprocal_rank(ranked, judged)
    figures["map"] = metrics.average_precision(ranked, judged)
    return figures


def _covered(
    question: Question, read: Sequence[Place], chunks: Mapping[str, Sequence[Span]] | None
) -> dict[str, float]:
    """Figures by characters; none where whole documents are asked for."""
    gold = [Place(one.document, *one.span) for one in question.gold if one.span is not None]
    if len(gold) < len(question.gold):
        return {}
    scores = span_scores(gold, read)
    figures = {
        "char_recall": scores.recall,
        "char_precision": scores.precision,
        "char_iou": scores.iou,
    }
    if chunks is not None:
        figures["precision_omega"] = precision_omega(
            gold,
            [
                Place(name, *span)
                for name in {one.document for one in gold}
                for span in chunks.get(name, ())
            ],
        )
    return figures


def _place(passage: Passage) -> Place:
    """What it was found by."""
    citation = passage.citation
    return Place(citation.document.item_name, citation.char_start, citation.char_end)


def _read(passage: Passage) -> Place:
    """What is returned: the text around it, where that comes with it."""
    if passage.parent is None or passage.parent_text is None:
        return _place(passage)
    return Place(passage.citation.document.item_name, *passage.parent)
