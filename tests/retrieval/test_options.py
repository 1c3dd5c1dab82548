"""What a query can ask for besides the best passages: each option on a real index."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder
from retrieval.expansion import Place
from retrieval.fusion import RANK_CONSTANT
from retrieval.postgres import Pool
from retrieval.query import InvalidQuery, Query, Reranking
from retrieval.reranking.reranker import RerankingFailed
from retrieval.retrieval import Retrieval
from retrieval.retriever import retrieve
from retrieval.scope import Scope
from retrieval.stores.pgvector import PgVectorStore
from tests.retrieval.desk import Desk, no_texts
from tests.retrieval.stores.makers import Shelf, make_chunk, make_chunks, make_index

QUESTION = "pump pressure"
PUMPS = [f"Pump {number} keeps the pressure at {number} bar." for number in range(30)]


async def new_desk(pool: Pool, embedder: Embedder) -> Desk:
    return Desk(await Shelf(PgVectorStore(pool), index=make_index()).create(), embedder)


@pytest.fixture(scope="module")
async def desk(pool: Pool, embedder: Embedder) -> AsyncIterator[Desk]:
    """Thirty pumps in three documents, and a menu."""
    desk = await new_desk(pool, embedder)
    for number in range(3):
        await desk.put(f"pumps-{number}.txt", make_chunks(*PUMPS[number::3]))
    await desk.put("menu.txt", make_chunks("Lunch is pea soup.", "Dinner is bread."))
    yield desk
    await desk.shelf.store.drop(desk.shelf.scope, desk.shelf.index)


def texts(found: Retrieval) -> list[str]:
    return [passage.text for passage in found.passages]


async def ask(desk: Desk, **options: Any) -> Retrieval:
    return await desk.retrieve(Query(text=QUESTION, **options))


# Pages


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
@pytest.mark.parametrize("fusion", ["weighted", "reciprocal_rank"])
async def test_pages_follow_each_other_without_gaps_or_repeats(
    desk: Desk, alpha: float, fusion: Any
) -> None:
    everything = texts(await ask(desk, alpha=alpha, fusion=fusion, num_results=100))
    paged: list[str] = []
    cursor, sizes = None, iter([4, 7, 5, 50])
    while True:
        page = await ask(desk, alpha=alpha, fusion=fusion, num_results=next(sizes), cursor=cursor)
        paged += texts(page)
        if (cursor := page.next_cursor) is None:
            break
    assert paged == everything
    assert len(everything) == (30 if alpha == 0 else 32)


async def test_a_cursor_of_another_query_or_of_nobody_is_refused(desk: Desk) -> None:
    cursor = (await ask(desk, num_results=2)).next_cursor
    with pytest.raises(InvalidQuery, match="another query"):
        await ask(desk, cursor=cursor, alpha=0.4)
    for bad in ("", "x", "W10=", "WzEsMl0=", "WyJhIiwgImIiXQ==", "\N{SNOWMAN}"):
        with pytest.raises(InvalidQuery, match="cursor"):
            await ask(desk, cursor=bad)


# What is left out


async def test_a_document_gives_no_more_than_its_share(desk: Desk) -> None:
    found = await ask(desk, num_results=100, max_per_document=2)
    names = [passage.citation.document.item_name for passage in found.passages]
    assert len(names) == 8
    assert {names.count(name) for name in names} == {2}


async def test_passages_under_the_least_score_are_left_out(desk: Desk) -> None:
    everything = await ask(desk, num_results=100, alpha=1)
    limit = everything.passages[9].score
    found = await ask(desk, num_results=100, alpha=1, min_score=limit)
    assert texts(found) == [p.text for p in everything.passages if p.score >= limit]
    assert found.next_cursor is None


async def test_what_says_the_same_is_shown_once(pool: Pool, embedder: Embedder) -> None:
    desk = await new_desk(pool, embedder)
    said = "The pump keeps the pressure at nine bar, whatever the weather does outside the hall."
    for number in range(40):
        await desk.put(f"copy-{number}.txt", make_chunks(said))
    await desk.put("nearly.txt", make_chunks(said.upper() + " Really."))
    await desk.put("other.txt", make_chunks("Another pump has no pressure at all."))
    found = await ask(desk, num_results=5, collapse_duplicates=True)
    assert len(found.passages) == 2
    assert found.next_cursor is None
    assert len((await ask(desk, num_results=5)).passages) == 5


async def test_a_token_budget_names_what_it_left_out(desk: Desk) -> None:
    count = desk.embedder.count_tokens
    everything = await ask(desk, num_results=6)
    budget = sum(count(text) for text in texts(everything)[:3])
    found = await ask(desk, num_results=6, max_tokens=budget)
    assert texts(found) == texts(everything)[:3]
    assert found.truncated
    assert [one.uri for one in found.omitted] == [
        passage.citation.uri for passage in everything.passages[3:]
    ]
    assert {one.part for one in found.omitted} == {"passage"}
    assert not (await ask(desk, num_results=6, max_tokens=10_000)).truncated


async def test_a_budget_for_nothing_shows_nothing_and_says_so(desk: Desk) -> None:
    found = await ask(desk, num_results=3, max_tokens=1)
    assert (found.passages, len(found.omitted)) == ((), 3)


# What is around a passage


@pytest.fixture
async def handbook(pool: Pool, embedder: Embedder) -> Desk:
    """One document of two sections, whose canonical text is `TEXT`."""
    desk = await new_desk(pool, embedder)
    chunks: list[Chunk] = []
    start = 0
    for position, text in enumerate(PARTS):
        section = ("Pumps",) if position < 3 else ("Doors", "Locks")
        chunk = make_chunk(text, position=position, start=start)
        parent = (0, len(TEXT)) if position == 1 else None
        chunks.append(replace(chunk, section_path=section, parent=parent))
        start += len(text) + 1
    await desk.put("handbook.txt", chunks)
    return desk


PARTS = ["Oil the bearings.", "Read the pressure gauge.", "Close the valve.", "Lock it.", "Go."]
TEXT = " ".join(PARTS)


async def around(desk: Desk, expand: Any, question: str = "pressure gauge") -> str | None:
    async def read(scope: Scope, places: Sequence[Place], *, parser: str) -> list[str | None]:
        assert scope == desk.shelf.scope
        return [TEXT[start:end] for _, start, end in places]

    query = Query(text=question, num_results=1, expand=expand)
    (passage,) = (await retrieve([desk.target(query)], query, texts=read)).passages
    return passage.parent_text


async def test_each_expansion_brings_what_it_says(handbook: Desk) -> None:
    assert await around(handbook, "none") is None
    assert await around(handbook, "parent") == TEXT
    assert await around(handbook, "parent", "oil bearings") is None
    assert await around(handbook, "neighbours") == " ".join(PARTS[:3])
    assert await around(handbook, "section") == " ".join(PARTS[:3])
    assert await around(handbook, "section", "lock") == " ".join(PARTS[3:])
    assert await around(handbook, "neighbours", "go") == " ".join(PARTS[3:])


async def test_what_is_around_is_given_up_before_the_passage(handbook: Desk) -> None:
    async def read(scope: Scope, places: Sequence[Place], *, parser: str) -> list[str | None]:
        return [TEXT[start:end] for _, start, end in places]

    budget = handbook.embedder.count_tokens(PARTS[1])
    query = Query(text="pressure gauge", num_results=1, max_tokens=budget)
    found = await retrieve([handbook.target(query)], query, texts=read)
    assert texts(found) == [PARTS[1]]
    assert found.passages[0].parent_text is None
    assert [one.part for one in found.omitted] == ["parent"]


# Fusion by rank


async def test_ranks_are_fused_as_published(desk: Desk) -> None:
    found = await ask(desk, fusion="reciprocal_rank", num_results=100, explain=True)
    for one in found.explanation:
        if one.semantic_rank is None or one.lexical_rank is None:
            continue
        highest = 0.5 / (RANK_CONSTANT + one.semantic_rank) + 0.5 / (
            RANK_CONSTANT + one.lexical_rank
        )
        # Equal scores share the rank of the first of them.
        assert one.fused_score >= highest - 1e-12
    scores = [one.fused_score for one in found.explanation]
    assert scores == sorted(scores, reverse=True)


# Several knowledge bases


async def test_several_knowledge_bases_answer_as_one(
    desk: Desk, pool: Pool, embedder: Embedder
) -> None:
    other = await new_desk(pool, embedder)
    await other.put("spare.txt", make_chunks("The spare pump lost its pressure.", "Ask Jane."))
    both = await new_desk(pool, embedder)
    for number in range(3):
        await both.put(f"pumps-{number}.txt", make_chunks(*PUMPS[number::3]))
    await both.put("menu.txt", make_chunks("Lunch is pea soup.", "Dinner is bread."))
    await both.put("spare.txt", make_chunks("The spare pump lost its pressure.", "Ask Jane."))
    query = Query(text=QUESTION, num_results=100, alpha=1)
    found = await retrieve([desk.target(query), other.target(query)], query, texts=no_texts)
    assert texts(found) == texts(await both.retrieve(query))
    bases = {passage.citation.knowledge_base_id for passage in found.passages}
    assert bases == {desk.shelf.scope.knowledge_base_id, other.shelf.scope.knowledge_base_id}
    assert found.index_versions.keys() == bases


# Reranking


class ByLength:
    """Holds the shortest passage for the best, and says what it was given."""

    model = "by-length"

    def __init__(self) -> None:
        self.read: list[str] = []

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        assert query == QUESTION
        self.read = list(passages)
        return [1 / len(passage) for passage in passages]


class Broken:
    model = "broken"

    async def rerank(self, query: str, passages: Sequence[str]) -> list[float]:
        raise RerankingFailed("It timed out.")


async def test_a_reranker_has_the_last_word_on_its_candidates(desk: Desk) -> None:
    reranker = ByLength()
    query = Query(text=QUESTION, num_results=3, reranking=Reranking(candidates=32))
    found = await desk.retrieve(query, reranker)
    assert texts(found)[:2] == ["Dinner is bread.", "Lunch is pea soup."]
    assert len(reranker.read) == 32
    assert found.passages[0].score == pytest.approx(1 / len("Dinner is bread."))
    assert found.reranked
    assert (found.reranked.model, found.reranked.applied) == ("by-length", True)
    few = Query(text=QUESTION, num_results=3, reranking=Reranking(candidates=1))
    await desk.retrieve(few, reranker)
    assert len(reranker.read) == 4  # one more than asked for: whether there is a next page


async def test_a_reranker_that_fails_leaves_the_fused_order_and_says_so(desk: Desk) -> None:
    query = Query(text=QUESTION, num_results=5, reranking=Reranking())
    found = await desk.retrieve(query, Broken())
    assert texts(found) == texts(await ask(desk, num_results=5))
    assert found.reranked
    assert not found.reranked.applied
    assert "timed out" in (found.reranked.error or "")


async def test_reranking_without_a_reranker_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidQuery, match="no reranker is configured"):
        await ask(desk, reranking=Reranking())


# Explanations


async def test_every_candidate_is_explained(desk: Desk) -> None:
    reranker = ByLength()
    query = Query(
        text=QUESTION,
        num_results=2,
        max_per_document=1,
        reranking=Reranking(candidates=20),
        explain=True,
    )
    found = await desk.retrieve(query, reranker)
    reports = found.explanation
    assert len(reports) == 32
    assert [one.passage.text for one in reports if one.dropped is None] == texts(found)
    said = {one.dropped for one in reports}
    assert "is not among those that the reranker read" in said
    assert "1 of its document are better" in said
    assert any(why and why.startswith("is number ") for why in said)
    assert sorted(one.fused_rank for one in reports) == list(range(1, 33))
    assert [one.reranked_rank for one in reports[:20]] == list(range(1, 21))
    for one in reports:
        assert (one.passage.lexical_score or 0) >= 0
        assert one.semantic_rank is not None


async def test_nothing_is_explained_unasked(desk: Desk) -> None:
    assert (await ask(desk)).explanation == ()


# What cannot be asked


def test_limits_are_at_least_one() -> None:
    with pytest.raises(InvalidQuery, match="max_tokens must be at least 1, not 0"):
        Query(text=QUESTION, max_tokens=0)
    with pytest.raises(InvalidQuery, match="max_per_document must be at least 1, not -1"):
        Query(text=QUESTION, max_per_document=-1)


@pytest.mark.parametrize("candidates", [0, 201])
def test_candidates_have_their_range(candidates: int) -> None:
    with pytest.raises(InvalidQuery, match="from 1 to 200"):
        Reranking(candidates=candidates)
