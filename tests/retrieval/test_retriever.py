"""The read path, from a question to cited passages, on a real index and a real model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from math import nan
from uuid import uuid4

import numpy as np
import pytest

from ingest.chunking.settings import chunk_settings
from kb.catalog.errors import NotFound
from kb.service import Service
from kb.worker import Worker
from retrieval.embedding.cached import CachedEmbedder
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import MODELS
from retrieval.filters import Filter
from retrieval.index import IndexVersion
from retrieval.passage import Passage
from retrieval.postgres import Pool
from retrieval.query import MAX_QUERY_CHARACTERS, MAX_RESULTS, InvalidQuery, Query
from retrieval.scope import Scope, TeamScope
from retrieval.store import Blend, Candidates, Reading, StoreQuery
from retrieval.stores.pgvector import PgVectorStore
from tests.retrieval.desk import Desk
from tests.retrieval.stores import reference_bm25
from tests.retrieval.stores.makers import (
    CHUNK_SIZE,
    Shelf,
    make_chunk,
    make_chunks,
    make_document,
    make_index,
    make_scope,
    next_version,
)

FACTS = [
    "The kettle in the kitchen boils water in two minutes.",
    "Visitors sign the book at the reception desk.",
    "Fault code VX-2214 means that the pump has no pressure.",
    "Holidays are asked for two weeks in advance.",
    "Bicycles are parked behind the workshop.",
    "A broken pump is reported to the workshop.",
]


@pytest.fixture
async def desk(pool: Pool, embedder: Embedder) -> AsyncIterator[Desk]:
    """Empty."""
    shelf = await Shelf(PgVectorStore(pool), index=make_index(number=3)).create()
    yield Desk(shelf, embedder)
    await shelf.store.drop(shelf.scope, shelf.index)


@pytest.fixture
async def filled(desk: Desk) -> Desk:
    """Six facts, one a document."""
    for number, fact in enumerate(FACTS):
        await desk.put(f"fact-{number}.txt", make_chunks(fact))
    return desk


def texts(passages: Sequence[Passage]) -> list[str]:
    return [passage.text for passage in passages]


# What alpha means


async def test_by_meaning_alone_ranks_by_cosine(filled: Desk) -> None:
    question = "Where can I leave my bike?"
    passages = await filled.ask(question, alpha=1)
    asked = filled.embedder.embed_query(question)
    cosines = filled.embedder.embed_passages(FACTS) @ asked
    assert texts(passages) == [FACTS[n] for n in np.argsort(-cosines)]
    assert passages[0].text == FACTS[4]
    for passage in passages:
        expected = float(cosines[FACTS.index(passage.text)])
        assert passage.score == passage.semantic_score == pytest.approx(expected, abs=2e-3)
        assert passage.lexical_score is None


async def test_by_words_alone_ranks_by_bm25_and_needs_a_word(filled: Desk) -> None:
    question = "VX-2214 pump"
    passages = await filled.ask(question, alpha=0)
    scores = reference_bm25.scores(question, FACTS, max_chunk_size=CHUNK_SIZE)
    assert texts(passages) == [FACTS[2], FACTS[5]]
    for passage in passages:
        expected = scores[FACTS.index(passage.text)]
        assert passage.score == passage.lexical_score == pytest.approx(expected, abs=1e-4)
        assert passage.semantic_score is None
    assert await filled.ask("Where can I leave my bike?", alpha=0) == ()


async def test_between_the_two_every_passage_has_both_its_exact_scores(filled: Desk) -> None:
    question = "Which fault does the pump report with VX-2214?"
    passages = await filled.ask(question, alpha=0.5)
    bm25 = reference_bm25.scores(question, FACTS, max_chunk_size=CHUNK_SIZE)
    cosines = filled.embedder.embed_passages(FACTS) @ filled.embedder.embed_query(question)
    assert passages[0].text == FACTS[2]
    assert sorted(texts(passages)) == sorted(FACTS)
    for passage in passages:
        number = FACTS.index(passage.text)
        assert passage.semantic_score == pytest.approx(float(cosines[number]), abs=2e-3)
        assert passage.lexical_score == pytest.approx(bm25[number], abs=1e-4)
    scores = [passage.score for passage in passages]
    assert scores == sorted(scores, reverse=True)


async def test_unknown_words_are_answered_by_meaning(filled: Desk) -> None:
    passages = await filled.ask("velocipede", alpha=0.5)
    assert texts(passages) == texts(await filled.ask("velocipede", alpha=1))
    assert {passage.lexical_score for passage in passages} == {0}
    assert await filled.ask("velocipede", alpha=0) == ()


async def test_a_question_of_signs_alone_is_answered_by_meaning(filled: Desk) -> None:
    assert len(await filled.ask("???", alpha=0.5)) == len(FACTS)
    assert await filled.ask("???", alpha=0) == ()


# How many, and in which order


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
async def test_gives_as_many_as_asked_for_or_as_there_are(filled: Desk, alpha: float) -> None:
    question = "the pump, the kettle, the book, holidays, bicycles"
    everything = await filled.ask(question, num_results=MAX_RESULTS, alpha=alpha)
    assert len(everything) == len(FACTS)
    for wanted in range(len(FACTS)):
        passages = await filled.ask(question, num_results=wanted, alpha=alpha)
        assert texts(passages) == texts(everything)[:wanted]


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
async def test_an_empty_knowledge_base_has_no_passages(desk: Desk, alpha: float) -> None:
    assert await desk.ask("pump", alpha=alpha) == ()


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
async def test_equal_passages_come_by_document_and_place_at_every_call(
    desk: Desk, alpha: float
) -> None:
    for name in ("c.txt", "a.txt", "b.txt"):
        await desk.put(name, make_chunks(*["The same sentence about pumps."] * 3))
    first = await desk.ask("pumps", alpha=alpha)
    places = [(p.citation.document.item_name, p.citation.char_start) for p in first]
    assert places == sorted(places)
    assert len(places) == 9
    for _ in range(5):
        assert await desk.ask("pumps", alpha=alpha) == first


async def test_many_questions_at_once_get_the_answers_of_one(filled: Desk) -> None:
    questions = FACTS * 5
    alone = {question: await filled.ask(question) for question in FACTS}
    together = await asyncio.gather(*(filled.ask(question) for question in questions))
    assert together == [alone[question] for question in questions]


async def test_a_filter_holds_for_every_passage(filled: Desk) -> None:
    for alpha in (0, 0.5, 1):
        passages = await filled.ask("the broken pump", alpha=alpha, item_name="fact-5.txt")
        assert texts(passages) == [FACTS[5]]
        assert await filled.ask("the broken pump", alpha=alpha, item_name="fact-9.txt") == ()


async def test_a_chunk_that_only_one_leg_finds_is_scored_by_both(desk: Desk) -> None:
    """More chunks than a leg returns: what the words find is far down in the other ranking."""
    crowd = [f"Pumps and pressure, part {n}: how pumps keep the pressure." for n in range(130)]
    await desk.put("pumps.txt", make_chunks(*crowd))
    await desk.put("menu.txt", make_chunks("Lunch is pea soup, order number QX-77."))
    question = "How do pumps keep the pressure? QX-77"
    passages = await desk.ask(question, num_results=100, alpha=0.01)
    lunch = next(passage for passage in passages if passage.text.startswith("Lunch"))
    cosine = desk.embedder.embed_passages([lunch.text])[0] @ desk.embedder.embed_query(question)
    assert lunch.semantic_score == pytest.approx(float(cosine), abs=2e-3)
    assert lunch.lexical_score is not None
    assert lunch.lexical_score > 0


class ReplacedMeanwhile(PgVectorStore):
    """The real store, at the moment when a document is replaced between search and reading."""

    replacing: Callable[[], Awaitable[None]] | None = None

    async def read(
        self,
        scope: Scope,
        index: IndexVersion,
        query: StoreQuery,
        ids: Sequence[int],
        *,
        best: int,
        blend: Blend,
    ) -> Reading:
        replacing, self.replacing = self.replacing, None
        if replacing:
            await replacing()
        return await super().read(scope, index, query, ids, best=best, blend=blend)


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
async def test_a_document_replaced_meanwhile_is_still_found(
    pool: Pool, embedder: Embedder, alpha: float
) -> None:
    store = ReplacedMeanwhile(pool)
    shelf = await Shelf(store).create()
    document = make_document()
    vectors = list(embedder.embed_passages(["The pump has no pressure."]))
    await shelf.put(document, make_chunks("The pump has no pressure."), vectors)

    async def replace() -> None:
        await shelf.put(next_version(document), make_chunks("The pump has pressure."), vectors)

    store.replacing = replace
    passages = await Desk(shelf, embedder).ask("pump pressure", alpha=alpha)
    assert texts(passages) == ["The pump has pressure."]


class Counted(PgVectorStore):
    """The real store, and which legs each search asked for."""

    legs: list[tuple[bool, bool]]

    async def search(
        self,
        scope: Scope,
        index: IndexVersion,
        query: StoreQuery,
        *,
        limit: int,
        filters: Filter | None,
    ) -> Candidates:
        self.legs.append((query.vector is not None, query.text is not None))
        return await super().search(scope, index, query, limit=limit, filters=filters)


async def test_words_wait_for_no_vector_but_go_with_one_that_is_remembered(
    pool: Pool, embedder: Embedder
) -> None:
    store = Counted(pool)
    desk = Desk(await Shelf(store).create(), CachedEmbedder(embedder, size=4))
    await desk.put("pump.txt", make_chunks("The pump has no pressure."))
    store.legs = []
    first = await desk.ask("pump pressure")
    assert store.legs == [(False, True), (True, False)]
    store.legs = []
    assert await desk.ask("pump pressure") == first
    assert store.legs == [(True, True)]


# What an answer says of itself


async def test_an_answer_names_its_index_version(filled: Desk) -> None:
    for num_results in (0, 2):
        query = Query(text="pump", num_results=num_results)
        answer = await filled.retrieve(query)
        assert answer.index_version == 3
        assert len(answer.passages) == num_results


async def test_a_citation_names_the_span_and_where_a_reader_finds_it(desk: Desk) -> None:
    chunk = make_chunk("Fault VX-2214", start=17, page=4, category="TableChunk")
    document = make_document("pump.pdf", version_number=2)
    await desk.shelf.put(document, [chunk], list(desk.embedder.embed_passages([chunk.text])))
    (passage,) = await desk.ask("VX-2214")
    citation = passage.citation
    assert passage.category == "TableChunk"
    assert citation.document == document
    assert (citation.char_start, citation.char_end, citation.page) == (17, 30, 4)
    assert citation.uri == (
        f"kb://{desk.shelf.scope.knowledge_base_id}/documents/{document.document_id}"
        f"/versions/{document.version_id}?start=17&end=30"
    )


# What cannot be asked


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\N{NO-BREAK SPACE}"])
def test_an_empty_question_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery, match="query is empty"):
        Query(text=text)


def test_a_question_may_be_long_but_not_endless() -> None:
    Query(text="x" * MAX_QUERY_CHARACTERS)
    with pytest.raises(InvalidQuery, match="longer than 10000 characters"):
        Query(text="x" * (MAX_QUERY_CHARACTERS + 1))


@pytest.mark.parametrize("num_results", [-1, MAX_RESULTS + 1])
def test_num_results_has_its_range(num_results: int) -> None:
    with pytest.raises(InvalidQuery, match=f"from 0 to {MAX_RESULTS}, not {num_results}"):
        Query(text="pump", num_results=num_results)


@pytest.mark.parametrize("alpha", [-0.01, 1.01, nan])
def test_alpha_has_its_range(alpha: float) -> None:
    with pytest.raises(InvalidQuery, match=f"alpha must be from 0 to 1, not {alpha}"):
        Query(text="pump", alpha=alpha)


async def test_the_longest_question_is_answered(filled: Desk) -> None:
    text = ("pump kettle " * MAX_QUERY_CHARACTERS)[: MAX_QUERY_CHARACTERS - 1] + "!"
    assert len(await filled.ask(text)) == len(FACTS)


# Through the whole service


GUIDE = """# Laboratory guide

Ask the desk — it opens at eight — when something is missing.

## Passwords

A password is reset at the service desk on floor 2. Bring your badge.

## Prices

| Plan | Price |
|------|-------|
| Small | 10 € |
| Large | 25 € |

## Pumps

Fault VX-2214 means “no pressure”; call the workshop. 😀
"""


@pytest.fixture(scope="module")
async def guide(service: Service, worker: Worker) -> Scope:
    """One document as the service itself parses, chunks and indexes it."""
    team = TeamScope(team_id=uuid4())
    await service.ensure_team(team)
    made = await service.create_knowledge_base(
        team,
        name="guide",
        embedding_model=MODELS[0],
        chunking=chunk_settings(MODELS[0], max_chunk_size=100),
    )
    scope = team.knowledge_base(made.knowledge_base.id)

    async def data() -> AsyncIterator[bytes]:
        for line in (GUIDE * 4).splitlines(keepends=True):
            yield line.encode()

    await service.add_document(scope, item_name="guide.md", data=data())
    await worker.run(wait=False)
    return scope


async def test_reading_a_cited_span_gives_exactly_the_passage(
    service: Service, guide: Scope
) -> None:
    passages = (await service.retrieve(guide, Query(text="How are passwords reset?"))).passages
    assert len(passages) > 3
    assert any("floor 2" in passage.text for passage in passages[:3])
    for passage in passages:
        citation = passage.citation
        read = await service.read_text(
            guide,
            citation.document.document_id,
            citation.document.version_id,
            start=citation.char_start,
            end=citation.char_end,
        )
        assert read == passage.text
        assert citation.document.item_name == "guide.md"
        assert citation.section_path


async def test_another_team_cannot_ask(service: Service, guide: Scope) -> None:
    stranger = make_scope(knowledge_base_id=guide.knowledge_base_id)
    with pytest.raises(NotFound):
        await service.retrieve(stranger, Query(text="How are passwords reset?"))
