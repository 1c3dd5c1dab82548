"""Evaluation on the real service: datasets, runs by a worker and here, comparisons."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from uuid import uuid4

import pytest

from kb import evaluations, index_builds
from kb.catalog.errors import NotFound
from kb.catalog.evaluations import Dataset, DatasetNameTaken
from kb.evaluations import RunNotDone
from kb.service import Service
from kb.worker import Worker
from retrieval.eval.errors import GoldNotFound, InvalidDataset
from retrieval.eval.question import Gold, Question
from retrieval.query import InvalidQuery, Query, Reranking
from retrieval.scope import Scope, TeamScope
from tests.kb.teams import new_base, parts
from tests.kb.wood import ANIMALS, FILES, questions

LIKE = Query(text="-", num_results=5)
QUESTIONS = [Question.model_validate(one) for one in questions()]


@pytest.fixture
async def wood(service: Service, worker: Worker, team: TeamScope) -> Scope:
    """A knowledge base with a document on each animal, indexed."""
    scope = await new_base(service, team, name="wood")
    for name, text in FILES.items():
        await service.add_document(scope, item_name=name, data=parts(text))
    await worker.run(wait=False)
    return scope


async def keep(service: Service, scope: Scope, name: str = "animals") -> Dataset:
    return await evaluations.add_dataset(service, scope, name=name, questions=QUESTIONS)


async def test_gold_is_found_in_the_documents_when_it_is_added(
    service: Service, wood: Scope
) -> None:
    kept = await keep(service, wood)
    assert (kept.name, kept.questions) == ("animals", len(ANIMALS))
    found, listed = await evaluations.get_dataset(service, wood, kept.id)
    assert found == kept
    for question in listed:
        (gold,) = question.gold
        assert gold.span is not None
        document = await service.find_document(wood, gold.document)
        start, end = gold.span
        text = await service.read_text(wood, document.id, document.version_id, start=start, end=end)
        assert text == gold.quote
    assert await evaluations.list_datasets(service, wood) == [kept]


async def test_what_cannot_be_kept_is_refused_and_leaves_nothing(
    service: Service, wood: Scope
) -> None:
    def asking(**gold: object) -> list[Question]:
        return [Question(question="Who?", gold=[Gold.model_validate(gold)])]

    async def add(name: str, given: list[Question]) -> None:
        await evaluations.add_dataset(service, wood, name=name, questions=given)

    with pytest.raises(GoldNotFound, match=r"no indexed document 'yeti\.md'"):
        await add("a", asking(document="yeti.md"))
    with pytest.raises(GoldNotFound, match="does not say 'It flies'"):
        await add("a", asking(document="fox.md", quote="It flies"))
    with pytest.raises(InvalidDataset, match="no question"):
        await add("a", [])
    with pytest.raises(InvalidDataset, match="printable"):
        await add("a\nb", asking(document="fox.md"))
    assert await evaluations.list_datasets(service, wood) == []
    await add("a", asking(document="fox.md"))
    with pytest.raises(DatasetNameTaken):
        await add("a", asking(document="owl.md"))
    other = replace(wood, knowledge_base_id=uuid4())
    with pytest.raises(NotFound):
        await evaluations.list_datasets(service, other)


async def test_a_worker_does_a_run_and_every_question_can_be_looked_at(
    service: Service, worker: Worker, wood: Scope
) -> None:
    kept = await keep(service, wood)
    begun = await evaluations.queue_run(service, wood, kept.id, like=LIKE)
    assert (begun.status, begun.metrics, begun.index_version_number) == ("pending", {}, 1)
    with pytest.raises(RunNotDone, match="pending"):
        await evaluations.compare_runs(service, wood, begun.id, begun.id)
    await worker.run(wait=False)
    done = await evaluations.get_run(service, wood, begun.id)
    assert (done.status, done.asked, done.skipped, done.error) == ("done", len(ANIMALS), 0, None)
    assert done.estimates["recall@5"].mean == 1  # each document is one chunk
    assert done.estimates["precision_omega"].mean < 1
    assert done.estimates["tokens"].mean > 10
    results, total = await evaluations.list_results(service, wood, done.id, limit=3, offset=1)
    assert total == len(ANIMALS)
    assert [one.id for one in results] == list(ANIMALS)[1:4]
    first = results[0]
    assert first.gold_ranks != [None]
    assert first.passages[first.gold_ranks[0] - 1].document == "owl.md"  # pyright: ignore[reportOptionalOperand] - just asserted
    newest, _ = await evaluations.list_runs(service, wood, limit=10, offset=0)
    assert newest == [done]


async def test_questions_are_asked_with_the_options_of_the_run(
    service: Service, wood: Scope
) -> None:
    kept = await keep(service, wood)
    like = replace(
        LIKE, num_results=1, alpha=0.0, filters={"equals": {"key": "item_name", "value": "fox.md"}}
    )
    told: list[tuple[int, int]] = []

    async def tell(done: int, total: int) -> None:
        told.append((done, total))

    done = await evaluations.run_here(service, wood, kept.id, like=like, on_progress=tell)
    assert done.estimates["recall@1"].mean == pytest.approx(1 / len(ANIMALS))
    assert "recall@3" not in done.metrics
    assert done.like == replace(like, text="-")
    assert told[-1] == (len(ANIMALS), len(ANIMALS))


async def test_two_runs_are_compared_question_by_question(service: Service, wood: Scope) -> None:
    kept = await keep(service, wood)
    good = await evaluations.run_here(service, wood, kept.id, like=LIKE)
    narrow = replace(LIKE, filters={"equals": {"key": "item_name", "value": "fox.md"}})
    bad = await evaluations.run_here(service, wood, kept.id, like=narrow)
    found = await evaluations.compare_runs(service, wood, good.id, bad.id)
    assert found.star == "mrr"
    assert {one.id for one in found.worse} == ANIMALS.keys() - {"fox"}
    change = found.change("mrr")
    assert change.is_worse
    assert change.questions == len(ANIMALS)
    back = await evaluations.compare_runs(service, wood, bad.id, good.id, star="recall@5")
    assert len(back.better) == len(ANIMALS) - 1
    assert not back.change("recall@5").is_worse
    scope, same = await evaluations.find_run(service, TeamScope(team_id=wood.team_id), bad.id)
    assert (scope, same) == (wood, bad)
    newest = await evaluations.newest_done(service, wood, kept.id)
    assert newest == bad


async def test_labels_survive_another_chunking_and_a_new_version_of_a_document(
    service: Service, worker: Worker, wood: Scope
) -> None:
    kept = await keep(service, wood)
    before = await evaluations.run_here(service, wood, kept.id, like=LIKE)
    live = (await service.index_version(wood)).settings
    sentences = replace(
        live, chunking=replace(live.chunking, strategy="sentence_window", window_size=1)
    )
    built = await index_builds.build(service, wood, sentences)
    fox = await service.find_document(wood, "fox.md")
    moved = f"# News\n\nA preface that nobody asked for.\n\n{FILES['fox.md']}"
    await service.replace_document(wood, fox.id, data=parts(moved))
    owl = await service.find_document(wood, "owl.md")
    await service.replace_document(wood, owl.id, data=parts("Owls have left the wood for good."))
    await worker.run(wait=False)
    after = await evaluations.run_here(
        service,
        wood,
        kept.id,
        like=replace(LIKE, expand="none"),
        index_version_id=built.version.id,
    )
    assert (after.index_version_number, after.skipped) == (2, 1)
    assert after.index_settings["chunking"]["strategy"] == "sentence_window"
    precise, rough = after.estimates["precision_omega"], before.estimates["precision_omega"]
    assert precise.mean > rough.mean
    results, _ = await evaluations.list_results(service, wood, after.id, limit=100, offset=0)
    by_id = {one.id: one for one in results}
    assert "does not say" in (by_id["owl"].skipped or "")
    fox_span = by_id["fox"].gold[0].span
    assert fox_span
    assert moved[slice(*fox_span)] == f"It {ANIMALS['fox']}."
    compared = await evaluations.compare_runs(service, wood, before.id, after.id)
    assert compared.change("mrr").questions == len(ANIMALS) - 1
    assert compared.unmatched == 1


async def test_questions_can_be_replaced_and_old_runs_stay_comparable_in_what_is_the_same(
    service: Service, wood: Scope
) -> None:
    kept = await keep(service, wood)
    before = await evaluations.run_here(service, wood, kept.id, like=LIKE)
    extra = Question(id="more", question="Who howls?", gold=[Gold(document="wolf.md")])
    replaced = await evaluations.add_dataset(
        service, wood, name="animals", questions=[extra, *QUESTIONS[:6]], replace=True
    )
    assert (replaced.id, replaced.questions) == (kept.id, 7)
    after = await evaluations.run_here(service, wood, kept.id, like=LIKE)
    found = await evaluations.compare_runs(service, wood, before.id, after.id)
    assert (found.change("mrr").questions, found.unmatched) == (6, 3)
    await evaluations.delete_dataset(service, wood, kept.id)
    with pytest.raises(NotFound):
        await evaluations.get_run(service, wood, after.id)


async def test_a_run_that_fails_says_why_and_is_over(
    service: Service, worker: Worker, wood: Scope
) -> None:
    kept = await keep(service, wood)
    unheard_of = replace(LIKE, filters={"equals": {"key": "colour", "value": "red"}})
    begun = await evaluations.queue_run(service, wood, kept.id, like=unheard_of)
    await worker.run(wait=False)
    failed = await evaluations.get_run(service, wood, begun.id)
    assert failed.status == "failed"
    assert "colour" in (failed.error or "")
    assert await evaluations.list_results(service, wood, begun.id, limit=9, offset=0) == ([], 0)
    reranked = await evaluations.run_here(
        service, wood, kept.id, like=replace(LIKE, reranking=Reranking(candidates=7))
    )
    assert reranked.error == str(
        InvalidQuery("reranking: no reranker is configured; leave it out or disable it.")
    )
    assert await evaluations.newest_done(service, wood, kept.id) is None


async def test_a_run_over_an_index_version_that_is_gone_fails_instead_of_asking_another(
    service: Service, worker: Worker, wood: Scope
) -> None:
    kept = await keep(service, wood)
    built = await index_builds.build(service, wood, (await service.index_version(wood)).settings)
    await worker.run(wait=False)
    begun = await evaluations.queue_run(
        service, wood, kept.id, like=LIKE, index_version_id=built.version.id
    )
    await index_builds.discard(service, wood, built.version.id)
    await worker.run(wait=False)
    failed = await evaluations.get_run(service, wood, begun.id)
    assert (failed.status, failed.index_version_id) == ("failed", None)
    assert "Index version 2, which was discarded" in (failed.error or "")
    with pytest.raises(NotFound):
        await evaluations.queue_run(service, wood, kept.id, like=LIKE, index_version_id=uuid4())
    with pytest.raises(NotFound):
        await evaluations.queue_run(service, wood, uuid4(), like=LIKE)


async def test_doing_a_run_twice_enters_it_once(service: Service, wood: Scope) -> None:
    kept = await keep(service, wood)
    done = await evaluations.run_here(service, wood, kept.id, like=LIKE)
    await evaluations.ask_questions(service, wood, done.id)
    assert await evaluations.get_run(service, wood, done.id) == done
    await evaluations.ask_questions(service, wood, uuid4())  # deleted while it was queued


async def test_a_run_that_is_stopped_is_not_under_way_for_ever(
    service: Service, wood: Scope
) -> None:
    kept = await keep(service, wood)

    async def stop(done: int, total: int) -> None:
        task.cancel()

    task = asyncio.create_task(
        evaluations.run_here(service, wood, kept.id, like=LIKE, on_progress=stop)
    )
    with pytest.raises(asyncio.CancelledError):
        await task
    (stopped,), _ = await evaluations.list_runs(service, wood, limit=5, offset=0)
    assert (stopped.status, stopped.error) == ("failed", "It was stopped.")


async def test_a_language_model_writes_questions_that_can_be_run(
    service: Service, worker: Worker, team: TeamScope
) -> None:
    scope = await new_base(service, team, name="tales")
    facts = [
        f"In the year {year} the mill of {year} paid {year + 3} crowns."
        for year in (1650, 1720, 1810)
    ]
    for number, fact in enumerate(facts):
        filling = f"Tale {number} goes on for a while and says little. " * 8
        await service.add_document(scope, item_name=f"{number}.md", data=parts(filling + fact))
    await worker.run(wait=False)

    class Model:
        async def ask(self, role: str, prompt: str, *, max_tokens: int, seconds: float) -> str:
            fact = next(one for one in facts if one in prompt)
            return json.dumps({"question": f"What did {fact.split()[7]} pay?", "quote": fact})

    made = await evaluations.generate(service, scope, Model(), name="made", count=2, seed=4)
    assert made.dataset
    assert made.dataset.questions == 2
    done = await evaluations.run_here(service, scope, made.dataset.id, like=LIKE)
    assert done.estimates["recall@5"].mean == 1
    with pytest.raises(DatasetNameTaken):
        await evaluations.generate(service, scope, Model(), name="made", count=3)
    nothing = await evaluations.generate(
        service, await new_base(service, team), Model(), name="made", count=3
    )
    assert nothing.dataset is None
