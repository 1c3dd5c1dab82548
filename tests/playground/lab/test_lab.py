"""The lab measures what the service measures, embeds nothing twice, and stops when it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from kb import evaluations
from kb.service import Service
from kb.worker import Worker
from playground.candidates import Candidate, Grid, IndexChoice, InvalidGrid
from playground.corpus import Corpus
from playground.cost import TIMED, cost
from playground.errors import PlaygroundError
from playground.goal import Goal
from playground.halving import ETA, kept, kept_number, limits_on, rungs
from playground.lab import Lab, SweepStopped
from playground.measured import Measured
from playground.pareto import front
from playground.standings import standings
from playground.sweep import Step, sweep
from retrieval.embedding.embedder import Embedder, Vectors
from retrieval.embedding.models import MODELS
from retrieval.eval.errors import UnknownMetric
from retrieval.eval.results import QuestionResult
from retrieval.index import ChunkSettings
from retrieval.query import Query, Reranking
from retrieval.reranking.reranker import Reranker
from retrieval.scope import TeamScope
from tests.kb.teams import new_base, parts
from tests.playground.lab.documents import TEXTS, corpus, questions

MODEL = MODELS[0]
GRID = Grid(
    model_ids=[MODEL.id], strategies=["section", "fixed"], sizes=[100, 200], alphas=[0.0, 0.5]
)


def lab(embedder: Embedder, found: Corpus | None = None) -> Lab:
    return Lab(found or corpus(), lambda model_id, dimensions: embedder)


def candidates() -> list[Candidate]:
    return GRID.candidates(lambda _: MODEL)


def candidate(size: int = 128, alpha: float = 0.5) -> Candidate:
    chunking = ChunkSettings(max_chunk_size=size)
    return Candidate(
        index=IndexChoice(model_id=MODEL.id, chunking=chunking), like=Query(text="-", alpha=alpha)
    )


async def test_a_candidate_comes_to_what_the_service_comes_to(
    service: Service, worker: Worker, team: TeamScope, embedder: Embedder
) -> None:
    scope = await new_base(service, team, name="workshop")
    for name, text in TEXTS.items():
        await service.add_document(scope, item_name=name, data=parts(text))
    await worker.run(wait=False)
    kept_there = await evaluations.add_dataset(service, scope, name="things", questions=questions())
    index = await service.index_version(scope)
    like = Query(text="-", num_results=5, alpha=0.5)
    run = await evaluations.run_here(service, scope, kept_there.id, like=like)
    choice = IndexChoice(model_id=MODEL.id, chunking=index.settings.chunking)
    here = lab(embedder)
    (measured,) = await here.measure(choice, [like], here.corpus.everything)
    for name, estimate in run.estimates.items():
        if name != "latency_ms":
            assert measured.figures[name] == pytest.approx(estimate.mean, abs=1e-6), name
    assert measured.chunks == await service.store(index).count(scope, index)


async def test_no_text_is_embedded_twice(embedder: Embedder) -> None:
    here = lab(embedder)
    ways = [Query(text="-", alpha=alpha) for alpha in (0.0, 1.0)]
    await here.measure(candidate().index, ways, here.corpus.everything)
    before = here.work
    assert before.texts > 8
    await here.measure(candidate().index, ways, here.corpus.everything)
    assert here.work == before


async def test_a_larger_chunk_around_is_what_is_counted(embedder: Embedder) -> None:
    here = lab(embedder)
    choice = (
        Grid(model_ids=[MODEL.id], strategies=["hierarchical"], sizes=[100])
        .candidates(lambda _: MODEL)[0]
        .index
    )
    ways = [Query(text="-", num_results=2, expand="parent")]
    ways.append(Query(text="-", num_results=2, expand="none"))
    wide, narrow = await here.measure(choice, ways, here.corpus.everything)
    assert wide.figures["tokens"] > 2 * narrow.figures["tokens"]
    assert wide.figures["char_recall"] >= narrow.figures["char_recall"]


class Backwards:
    """A reranker that prefers what came last."""

    model = "backwards"

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        return [place / len(passages) for place in range(len(passages))]


async def test_reranking_is_the_service_s_own(embedder: Embedder) -> None:
    reranker: Reranker = Backwards()
    here = Lab(corpus(), lambda model_id, dimensions: embedder, reranker=reranker)
    ways = [Query(text="-", alpha=0.5), Query(text="-", alpha=0.5, reranking=Reranking())]
    plain, turned = await here.measure(candidate().index, ways, here.corpus.everything)
    assert turned.figures["ndcg@10"] < plain.figures["ndcg@10"]


async def test_a_full_sweep_measures_all_and_ranks_by_the_goal(embedder: Embedder) -> None:
    steps: list[Step] = []
    found = await sweep(lab(embedder), candidates(), Goal(star="char_iou"), tell=steps.append)
    assert len(found) == len(candidates()) == 8
    assert all(one.settled for one in found)
    ious = [one.figures["char_iou"] for one in found]
    assert ious == sorted(ious, reverse=True)
    done = [one.done for one in steps]
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1)
    cheapest = front(found, star="char_iou", price="tokens")
    assert [one.figures["tokens"] for one in cheapest] == sorted(
        one.figures["tokens"] for one in cheapest
    )
    assert cheapest[-1].figures["char_iou"] == ious[0]
    told = standings(found, goal=Goal(star="char_iou"), reference=candidates()[0].name)
    assert sum(one.difference is None for one in told) == 1


async def test_limits_come_before_the_star(embedder: Embedder) -> None:
    goal = Goal(star="char_iou", limits={"tokens": 10.0})
    found = await sweep(lab(embedder), candidates(), goal)
    assert not goal.keeps(found[0])
    assert found[0].figures["tokens"] == min(one.figures["tokens"] for one in found)
    with pytest.raises(UnknownMetric, match="bleu"):
        await sweep(lab(embedder), candidates()[:1], Goal(star="bleu"))


async def test_a_stopped_sweep_leaves_what_it_had(embedder: Embedder) -> None:
    here = lab(embedder)
    kept_so_far: list[Sequence[Measured]] = []

    def keep(found: Sequence[Measured]) -> None:
        kept_so_far.append(found)
        here.stop()

    with pytest.raises(SweepStopped):
        await sweep(here, candidates(), Goal(), keep=keep)
    assert len(kept_so_far) == 1
    assert len(kept_so_far[0]) == 2  # both ways of asking the first index


def measured(name: int, iou: float, recall: float = 1.0, *, share: float = 1.0) -> Measured:
    figures = {"char_iou": iou, "char_recall": recall, "tokens": 100.0, "latency_ms": 1.0}
    result = QuestionResult(
        id="1", question="?", gold=[], tags=[], figures=figures, gold_ranks=[], passages=[]
    )
    return Measured(candidate(100 + name), [result], 1, 1, share=share, settled=share >= 1)


def test_the_best_third_goes_on_in_as_few_indexes() -> None:
    ranked = [measured(number, 1 - number / 100) for number in range(9)]
    assert kept(ranked) == [one.candidate for one in ranked[:3]]
    assert (kept_number(1), kept_number(2), kept_number(9), kept_number(10)) == (1, 2, 3, 4)
    assert ETA == 3


def test_limits_on_a_sample_are_what_the_reference_gains_there() -> None:
    goal = Goal(star="char_iou", limits={"char_recall": 0.8, "tokens": 500.0})
    reference, sampled = measured(0, 0.1, 0.7), measured(0, 0.2, 0.85, share=0.1)
    assert limits_on([sampled], goal=goal, reference=reference) == {
        "char_recall": pytest.approx(0.95),
        "tokens": 500.0,
    }


async def test_halving_drops_losers_on_samples_and_settles_the_rest(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.corpus.LEAST_QUESTIONS", 2)
    here = lab(embedder)
    assert len(rungs(here.corpus)) > 1
    reference, goal = candidate(256), Goal(star="char_iou")
    found = await sweep(here, candidates(), goal, reference=reference, halving=True)
    assert {one.name for one in found} == {one.name for one in (reference, *candidates())}
    settled = [one for one in found if one.settled]
    assert reference.name in {one.name for one in settled}
    assert 2 <= len(settled) < len(found)
    assert found[: len(settled)] == settled
    everything = lab(embedder)
    await sweep(everything, candidates(), goal, reference=reference)
    assert here.work.tokens < everything.work.tokens


def test_too_few_documents_to_be_parted_are_all_seen(embedder: Embedder) -> None:
    assert [one.share for one in rungs(lab(embedder).corpus)] == [1.0]


async def test_the_cost_is_about_what_it_then_is(embedder: Embedder) -> None:
    here = lab(embedder)
    told = cost(here, candidates(), halving=False)
    assert told.answers == 8 * len(questions())
    assert told.seconds > 0
    assert told.money(2.0) == pytest.approx(told.tokens / 500_000)
    assert here.work.texts <= TIMED  # to see how fast that goes; they are kept
    await sweep(here, candidates(), Goal())
    assert 0.5 < here.work.tokens / told.tokens <= 1.2


def test_a_grid_has_each_setting_once_and_says_what_it_lacks() -> None:
    grid = Grid(
        model_ids=[MODEL.id],
        strategies=["section", "fixed"],
        sizes=[128],
        overlaps=[0, 32],
        alphas=[0.0, 0.5],
        fusions=["weighted", "reciprocal_rank"],
    )
    names = [one.name for one in grid.candidates(lambda _: MODEL)]
    assert len(names) == len(set(names)) == 9  # words alone are fused with nothing
    assert "fixed 128, overlap 32 · alpha 0.5, by ranks" in names
    with pytest.raises(InvalidGrid, match="alphas"):
        Grid(model_ids=[MODEL.id], alphas=[]).candidates(lambda _: MODEL)
    assert issubclass(SweepStopped, PlaygroundError)


async def test_semantic_chunking_asks_the_same_embedder(embedder: Embedder) -> None:
    asked: list[int] = []

    class Counting:
        model = embedder.model
        tokenizer = embedder.tokenizer
        count_tokens = embedder.count_tokens
        embed_query = embedder.embed_query

        def embed_passages(self, texts: Sequence[str]) -> Vectors:
            asked.append(len(texts))
            return embedder.embed_passages(texts)

    here = lab(Counting())
    chunking = ChunkSettings(strategy="semantic", max_chunk_size=128, semantic_threshold=0.5)
    choice = IndexChoice(model_id=MODEL.id, chunking=chunking)
    await here.measure(choice, [Query(text="-")], here.corpus.everything)
    assert sum(asked) == here.work.texts
    await asyncio.sleep(0)
