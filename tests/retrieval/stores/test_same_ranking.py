"""Both stores give the same passages for the same questions, fused by the same rules."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import fmean

import pytest

from retrieval.embedding.embedder import Embedder
from retrieval.filters import Condition, Field
from retrieval.postgres import Pool
from retrieval.query import Query
from retrieval.store import Vector
from retrieval.stores.pgvector import PgVectorStore
from retrieval.stores.weaviate import WeaviateStore
from tests.retrieval.desk import Desk
from tests.retrieval.stores.makers import Shelf, make_chunks, make_document

EXAMPLES = Path(__file__).parents[3] / "examples"
QUESTIONS = [
    "How many days of holiday do I have?",
    "What do I do when the pump shows a fault?",
    "Who may enter the laboratory at night?",
    "Where are visitors to sign in?",
    "How is a laser calibrated?",
    "What is the phone number for emergencies?",
    "password reset",
    "travel expenses receipts",
    "Which backup is kept for how long?",
    "first aid",
]


@pytest.fixture(scope="module")
async def desks(
    pool: Pool, weaviate_store: WeaviateStore, embedder: Embedder
) -> AsyncIterator[tuple[Desk, Desk]]:
    """The handbook's paragraphs in either store, with the same vectors."""
    shelves = [await Shelf(store).create() for store in (PgVectorStore(pool), weaviate_store)]
    for path in sorted((EXAMPLES / "handbook" / "source").glob("*.md")):
        texts = [one for one in path.read_text().split("\n\n") if len(one.split()) >= 8]
        vectors: list[Vector] = list(embedder.embed_passages(texts))
        document = make_document(path.name)
        for shelf in shelves:
            await shelf.put(document, make_chunks(*texts), vectors)
    pgvector, weaviate = (Desk(shelf, embedder) for shelf in shelves)
    yield pgvector, weaviate
    for shelf in shelves:
        await shelf.store.drop(shelf.scope, shelf.index)


def questions() -> list[str]:
    """Those of the demo, and some in other styles."""
    rows = tomllib.loads((EXAMPLES / "questions.toml").read_text())["questions"]
    return [*(row["question"] for row in rows), *QUESTIONS]


@pytest.mark.parametrize(("alpha", "alike"), [(0.0, 0.9), (0.5, 0.9), (1.0, 0.99)])
async def test_both_stores_find_the_same_passages(
    desks: tuple[Desk, Desk], alpha: float, alike: float
) -> None:
    """By words nearly: Weaviate compares lengths with the true average, we with the chunk size.

    These paragraphs are a third of a chunk's size, which is as far as the two come apart.
    """
    shared: list[float] = []
    first: list[bool] = []
    for question in questions():
        ours, theirs = [
            [passage.text for passage in await desk.ask(question, alpha=alpha)] for desk in desks
        ]
        assert len(ours) == len(theirs)
        shared.append(len(set(ours) & set(theirs)) / len(ours))
        first.append(ours[0] == theirs[0])
    assert fmean(shared) >= alike
    assert fmean(first) >= 0.85


async def test_pages_of_an_answer_neither_repeat_nor_leave_out_a_passage(
    desks: tuple[Desk, Desk],
) -> None:
    whole = [one.text for one in await desks[1].ask(QUESTIONS[1], num_results=40)]
    paged: list[str] = []
    cursor = None
    while len(paged) < 40:
        query = Query(text=QUESTIONS[1], num_results=8, cursor=cursor)
        page = await desks[1].retrieve(query)
        paged += [one.text for one in page.passages]
        cursor = page.next_cursor
    assert paged == whole


async def test_a_filter_leaves_the_same_passages_in_both(desks: tuple[Desk, Desk]) -> None:
    only = Condition(Field("item_name", "string"), "starts_with", "volume-4")
    vector = desks[0].embedder.embed_query(QUESTIONS[1])
    texts = [await desk.shelf.by_meaning(vector, filters=only) for desk in desks]
    assert texts[0][:10] == texts[1][:10]
    assert set(texts[0]) == set(texts[1])
