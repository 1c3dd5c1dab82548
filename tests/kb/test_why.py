"""Why a document is not among the answers: every verdict, from the real service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from ingest.parsing import plain_text
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import CorruptDocument
from kb import index_builds
from kb.catalog.errors import NotFound
from kb.service import Service
from kb.why import Why, why
from kb.worker import Worker
from retrieval.filters import InvalidFilter
from retrieval.query import InvalidQuery, Query, Reranking
from retrieval.scope import Scope, TeamScope
from tests.kb.library import Library
from tests.kb.teams import new_base, new_team, parts

QUESTION = "Which fault does the pump report?"
SENTENCES = {
    "pump.md": "The pump reports the fault E17 when it has no pressure.",
    "valve.md": "The valve beside the pump is opened by hand.",
    "kettle.md": "The kettle in the kitchen boils water in two minutes.",
    "bikes.md": "Bicycles are parked behind the workshop.",
}


class Backwards:
    """A reranker that turns the order around."""

    model = "backwards"

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        del query
        return [place / len(passages) for place in range(len(passages))]


class Plain:
    """Reads text without a child process."""

    async def parse(self, data: bytes, *, name: str) -> ParsedDocument:
        del name
        return plain_text.parse(data)


class Unreadable:
    """A parser that finds nothing: no text, or no document."""

    async def parse(self, data: bytes, *, name: str) -> ParsedDocument:
        del data
        if name.startswith("broken"):
            raise CorruptDocument("It is cut off.")
        return ParsedDocument(text="", blocks=())


async def add(service: Service, scope: Scope, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        await service.add_document(scope, item_name=name, data=parts(text))


@pytest.fixture
async def scope(service: Service, worker: Worker, team: TeamScope) -> Scope:
    """A knowledge base with the four sentences in it."""
    scope = await new_base(service, team)
    await add(service, scope, SENTENCES)
    await worker.run(wait=False)
    return scope


async def ask(
    service: Service, scope: Scope, document: str, question: str = QUESTION, **options: Any
) -> Why:
    return await why(service, scope, Query(text=question, **options), document)


def is_equal(number: object, key: str = "item_name") -> dict[str, Any]:
    return {"equals": {"key": key, "value": number}}


async def test_found_says_at_which_place(service: Service, scope: Scope) -> None:
    found = await ask(service, scope, "pump.md")
    assert (found.verdict, found.rank) == ("found", 1)
    assert found.sentence == "It is number 1."
    assert found.best
    assert found.best.semantic_rank == found.best.lexical_rank == found.best.fused_rank == 1
    document = await service.find_document(scope, "pump.md")
    by_id = await why(service, scope, Query(text=QUESTION), document.id)
    assert by_id == found


async def test_on_an_earlier_page_is_found_too(service: Service, scope: Scope) -> None:
    first = await service.retrieve(scope, Query(text=QUESTION, num_results=2))
    found = await ask(service, scope, "pump.md", num_results=2, cursor=first.next_cursor)
    assert (found.verdict, found.rank) == ("found", 1)
    assert "earlier page" in found.sentence


async def test_another_teams_document_is_as_one_that_never_was(
    service: Service, scope: Scope, worker: Worker
) -> None:
    others, _ = await new_team(service)
    theirs = await new_base(service, others)
    await add(service, theirs, {"secret.md": "Their pump reports faults."})
    await worker.run(wait=False)
    secret = await service.find_document(theirs, "secret.md")
    answers = [
        await why(service, scope, Query(text=QUESTION), one)
        for one in (secret.id, "secret.md", uuid4(), "never.md")
    ]
    assert {answer.verdict for answer in answers} == {"no_such_document"}
    assert all(answer == answers[0] for answer in answers)
    assert answers[0].sentence.startswith("No such document")
    with pytest.raises(NotFound):
        await ask(service, replace(theirs, team_id=scope.team_id), "secret.md")


async def test_not_indexed_yet(service: Service, scope: Scope, worker: Worker) -> None:
    await add(service, scope, {"new.md": "The new pump reports nothing."})
    waiting = await ask(service, scope, "new.md")
    assert (waiting.verdict, waiting.sentence) == ("not_indexed", "It waits to be indexed.")
    assert waiting.best is None
    assert waiting.last
    await worker.run(wait=False)
    assert (await ask(service, scope, "new.md")).verdict == "found"


async def test_failed_and_quarantined_say_where_and_why(service: Service, scope: Scope) -> None:
    library = Library(service, scope, Unreadable())
    await add(service, scope, {"broken.pdf": "x"})
    await library.work()
    failed = await ask(service, scope, "broken.pdf")
    assert failed.verdict == "not_indexed"
    assert "at the stage parse" in failed.sentence
    assert "It is cut off." in failed.sentence
    for number in range(3):
        await add(service, scope, {f"broken-{number}.pdf": "x"})
        await library.work()
    quarantined = await ask(service, scope, "broken-2.pdf")
    assert quarantined.verdict == "not_indexed"
    assert quarantined.document
    assert quarantined.document.error_code == "quarantined"
    assert "failed too often" in quarantined.sentence


async def test_a_document_without_text(service: Service, scope: Scope) -> None:
    library = Library(service, scope, Unreadable())
    await add(service, scope, {"blank.md": "x"})
    await library.work()
    blank = await ask(service, scope, "blank.md")
    assert blank.document
    assert (blank.document.status, blank.verdict) == ("indexed", "no_text")


async def test_an_older_version_that_still_answers_is_named(service: Service, scope: Scope) -> None:
    await add(service, scope, {"broken.md": "The pump of the first version reports faults."})
    await Library(service, scope, Plain()).work()
    await add(service, scope, {"broken.md": "changed"})
    pending = await ask(service, scope, "broken.md")
    assert pending.verdict == "found"
    assert pending.sentence.endswith("That is version 1; the newest, version 2, is pending.")
    await Library(service, scope, Unreadable()).work()
    failed = await ask(service, scope, "broken.md")
    assert failed.verdict == "found"
    assert "the newest, version 2, is failed: " in failed.sentence
    assert "It is cut off." in failed.sentence


async def test_another_index_version_that_lacks_it(
    service: Service, scope: Scope, worker: Worker
) -> None:
    live = await service.index_version(scope)
    other = (await index_builds.build(service, scope, live.settings)).version
    query = Query(text=QUESTION)
    before = await why(service, scope, query, "pump.md", index_version_id=other.id)
    assert before.verdict == "not_indexed"
    assert before.sentence == "Index version 2 does not hold it."
    await worker.run(wait=False)
    after = await why(service, scope, query, "pump.md", index_version_id=other.id)
    assert after.verdict == "found"
    with pytest.raises(NotFound):
        await why(service, scope, query, "pump.md", index_version_id=uuid4())


@pytest.mark.parametrize(
    ("filters", "excluded_by"),
    [
        (is_equal("pump.md"), ["item_name is 'pump.md'"]),
        (
            {
                "and_all": [
                    {"starts_with": {"key": "item_name", "value": "kettle"}},
                    is_equal("TableChunk", "chunk_category"),
                    {"greater_than": {"key": "ingested_timestamp", "value": "2999-01-01"}},
                ]
            },
            [
                "chunk_category is 'TableChunk'",
                "ingested_timestamp is greater than 2999-01-01T00:00:00+00:00",
            ],
        ),
        (
            {"or_all": [is_equal("pump.md"), is_equal(3, "page_number")]},
            ["one of (item_name is 'pump.md'; page_number is 3)"],
        ),
        (
            {
                "must": [{"field": "item_name", "operator": "contains", "value": ".md"}],
                "must_not": [
                    {"field": "item_name", "operator": "eq", "value": "pump.md"},
                    {"field": "item_name", "operator": "in", "value": ["a.md", "kettle.md"]},
                ],
            },
            ["none of (item_name is one of 'a.md', 'kettle.md')"],
        ),
    ],
)
async def test_filtered_names_the_conditions_that_leave_it_out(
    service: Service, scope: Scope, filters: dict[str, Any], excluded_by: list[str]
) -> None:
    filtered = await ask(service, scope, "kettle.md", filters=filters)
    assert filtered.verdict == "filtered"
    assert list(filtered.excluded_by) == excluded_by
    assert all(one in filtered.sentence for one in excluded_by)


async def test_conditions_that_only_together_leave_it_out(
    service: Service, scope: Scope, worker: Worker
) -> None:
    long = "\n\n".join(f"# Part {part}\n\n" + "All about pumps. " * 120 for part in "AB")
    await add(service, scope, {"long.md": long})
    await worker.run(wait=False)
    both = {"and_all": [is_equal("Part A", "section"), is_equal("Part B", "section")]}
    filtered = await ask(service, scope, "long.md", filters=both)
    assert filtered.verdict == "filtered"
    assert filtered.excluded_by == ("all of (section is 'Part A'; section is 'Part B')",)


async def test_a_filter_that_makes_no_sense_is_still_refused(
    service: Service, scope: Scope
) -> None:
    with pytest.raises(InvalidFilter):
        await ask(service, scope, "pump.md", filters=is_equal(1, "nothing"))
    with pytest.raises(InvalidQuery):
        await ask(service, scope, "pump.md", num_results=0)


@pytest.mark.parametrize("alpha", [0.5, 1])
async def test_below_top_k_says_what_would_reach_it(
    service: Service, scope: Scope, alpha: float
) -> None:
    below = await ask(service, scope, "bikes.md", num_results=1, alpha=alpha)
    assert below.verdict == "below_top_k"
    assert below.rank
    assert below.rank > 1
    assert below.num_results == below.rank
    assert f"num_results {below.rank} would reach it" in below.sentence
    assert below.best
    assert below.last
    assert below.last.passage.citation.document.item_name == "pump.md"
    assert below.best.fused_rank == below.rank
    assert below.best.fused_score is not None
    assert below.last.fused_score is not None
    assert below.best.fused_score < below.last.fused_score
    assert below.best.passage.semantic_score is not None
    reached = await ask(service, scope, "bikes.md", num_results=below.rank, alpha=alpha)
    assert (reached.verdict, reached.rank) == ("found", below.rank)
    short = await ask(service, scope, "bikes.md", num_results=below.rank - 1, alpha=alpha)
    assert short.verdict == "below_top_k"


async def test_far_below_the_candidates_of_an_answer(
    service: Service, worker: Worker, team: TeamScope
) -> None:
    """More passages are nearer than either leg goes through for an answer."""
    base = await new_base(service, team)
    sections = "\n\n".join(
        f"# Pump {number}\n\n" + f"Pump {number} reports the fault E{number}. " * 8
        for number in range(150)
    )
    await add(service, base, {"pumps.md": sections, "bikes.md": SENTENCES["bikes.md"]})
    await worker.run(wait=False)
    assert ((await service.find_document(base, "pumps.md")).chunks or 0) > 101
    below = await ask(service, base, "bikes.md", num_results=3)
    assert below.verdict == "below_top_k"
    assert below.rank
    assert below.rank > 101
    assert below.num_results is None
    assert "next_cursor" in below.sentence
    assert below.best
    assert below.best.semantic_rank


async def test_words_alone_do_not_match(service: Service, scope: Scope) -> None:
    none = await ask(service, scope, "bikes.md", "pump", alpha=0)
    assert none.verdict == "no_match"
    assert "alpha 0" in none.sentence


async def test_below_min_score(service: Service, scope: Scope) -> None:
    low = await ask(service, scope, "bikes.md", alpha=1, min_score=0.5)
    assert low.verdict == "below_min_score"
    assert "0.5" in low.sentence
    assert low.best
    assert low.best.passage.semantic_score is not None
    assert low.best.passage.semantic_score < 0.5
    assert low.rank is None


async def test_a_cap_never_leaves_out_all_of_a_document(service: Service, scope: Scope) -> None:
    assert (await ask(service, scope, "pump.md", max_per_document=1)).verdict == "found"


async def test_duplicate_names_the_passage_that_says_the_same(
    service: Service, scope: Scope, worker: Worker
) -> None:
    await add(service, scope, {"zz-copy.md": SENTENCES["pump.md"]})
    await worker.run(wait=False)
    plain = await ask(service, scope, "zz-copy.md")
    assert plain.verdict == "found"
    copied = await ask(service, scope, "zz-copy.md", collapse_duplicates=True)
    assert copied.verdict == "duplicate"
    pump = await service.find_document(scope, "pump.md")
    assert f"says the same as kb://{scope.knowledge_base_id}/documents/{pump.id}" in (
        copied.sentence
    )


async def test_over_the_token_budget(service: Service, scope: Scope) -> None:
    found = await service.retrieve(scope, Query(text=QUESTION))
    second = found.passages[1]
    name = second.citation.document.item_name
    omitted = await ask(service, scope, name, max_tokens=20)
    assert (omitted.verdict, omitted.rank) == ("over_token_budget", 2)
    assert "20 tokens" in omitted.sentence


async def test_reranked_down_and_not_read_by_the_reranker(service: Service, scope: Scope) -> None:
    with_reranker = copy(service)
    with_reranker.reranker = Backwards()
    down = await ask(
        with_reranker, scope, "pump.md", num_results=2, reranking=Reranking(candidates=4)
    )
    assert down.verdict == "reranked_down"
    assert (down.rank, down.num_results) == (4, 4)
    assert down.best
    assert (down.best.fused_rank, down.best.reranked_rank) == (1, 4)
    order = [
        one.citation.document.item_name
        for one in (await service.retrieve(scope, Query(text=QUESTION))).passages
    ]
    unread = await ask(
        with_reranker, scope, order[3], num_results=1, reranking=Reranking(candidates=2)
    )
    assert unread.verdict == "below_top_k"
    assert "the reranker read the best 2 only" in unread.sentence
