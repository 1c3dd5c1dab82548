"""The store in memory keeps every store's promises, so that a sweep ranks as the service does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings

from playground.memory_store import MemoryStore
from tests.retrieval.filter_rows import CLAUSE_LISTS, OPERATOR_OBJECTS, Raw, Rows, oracle
from tests.retrieval.stores.makers import make_chunks, make_document, make_vectors
from tests.retrieval.stores.store_contract import StoreContract


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="module")
async def rows() -> AsyncIterator[Rows]:
    rows = await Rows.put(MemoryStore())
    yield rows
    await rows.drop()


class TestMemoryStore(StoreContract):
    unstorable = ValueError

    async def test_what_is_the_same_scores_the_same_wherever_it_stands(
        self, store: MemoryStore
    ) -> None:
        shelf = await self.shelf(store)
        same, *others = make_vectors(61)
        vectors = [same if place % 7 == 3 else other for place, other in enumerate(others)]
        await shelf.put(make_document(), make_chunks(*(["kettle"] * 60)), vectors)
        asked = make_vectors(1, seed=9)[0]
        found = await shelf.search(vector=asked)
        read = await shelf.read(list(found.semantic), vector=asked)
        scores = {one.semantic for one in read if one.chunk.position % 7 == 3}
        assert len(scores) == 1


@settings(max_examples=150, deadline=None)
@given(raw=OPERATOR_OBJECTS)
async def test_operator_objects_match_what_they_say(rows: Rows, raw: Raw) -> None:
    assert await rows.passing(raw) == oracle(raw)


@settings(max_examples=150, deadline=None)
@given(raw=CLAUSE_LISTS)
async def test_clause_lists_match_what_they_say(rows: Rows, raw: Raw) -> None:
    assert await rows.passing(raw) == oracle(raw)
