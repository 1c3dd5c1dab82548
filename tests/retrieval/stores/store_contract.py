"""What every store promises. A test class inherits these and provides `store`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from random import Random
from typing import ClassVar, TypeVar
from uuid import uuid4

import numpy as np
import pytest

from retrieval.filters import parse_filter
from retrieval.index import DEFAULT_VECTOR_STORAGE, VectorStorage
from retrieval.scope import Scope
from retrieval.store import Candidates, DimensionMismatch, IndexNotFound, Store, StoredDocument
from tests.retrieval.stores import reference_bm25
from tests.retrieval.stores.makers import (
    CHUNK_SIZE,
    Shelf,
    make_chunk,
    make_chunks,
    make_document,
    make_index,
    make_scope,
    make_vectors,
    next_version,
)

HALF_PRECISION = 2e-3  # of an inner product of two unit vectors kept in 16 bits a number
WORDS = [
    "anchor",
    "bolt",
    "cable",
    "drill",
    "engine",
    "filter",
    "gasket",
    "hinge",
    "inlet",
    "jack",
    "kettle",
    "lever",
    "motor",
    "nozzle",
    "oil",
    "piston",
    "quartz",
    "rotor",
    "spring",
    "turbine",
]
T = TypeVar("T")


async def or_nothing(answer: Awaitable[T], nothing: T) -> T:
    """A store may say that an index is not there, or that nothing is in it: it shows nothing."""
    try:
        return await answer
    except IndexNotFound:
        return nothing


def strangers_to(scope: Scope) -> list[Scope]:
    """Another team; the same team's other base; another team that names the very same base."""
    return [
        make_scope(),
        make_scope(team_id=scope.team_id),
        make_scope(knowledge_base_id=scope.knowledge_base_id),
    ]


class StoreContract:
    unstorable: ClassVar[type[Exception]]
    """What the store raises for a vector that is none."""

    assumed_chunk_size: ClassVar[int | None] = CHUNK_SIZE
    """What BM25 takes the average length from, where it is not the texts' own."""

    vector_storage: ClassVar[VectorStorage] = DEFAULT_VECTOR_STORAGE

    async def shelf(self, store: Store) -> Shelf:
        index = make_index(vector_storage=self.vector_storage)
        return await Shelf(store, index=index).create()

    # Writing

    async def test_what_is_written_is_found_by_words_and_by_meaning(self, store: Store) -> None:
        shelf = await self.shelf(store)
        vectors = make_vectors(2)
        await shelf.put(make_document(), make_chunks("a red kettle", "a blue motor"), vectors)
        assert await shelf.by_words("kettles") == ["a red kettle"]
        assert await shelf.by_meaning(vectors[1]) == ["a blue motor", "a red kettle"]
        assert await shelf.count() == 2

    async def test_a_query_is_answered_by_the_legs_that_it_asks_for(self, store: Store) -> None:
        shelf = await self.shelf(store)
        vectors = make_vectors(1)
        await shelf.put(make_document(), make_chunks("kettle"), vectors)
        by_words = await shelf.search(text="kettle")
        by_meaning = await shelf.search(vector=vectors[0])
        both = await shelf.search(text="kettle", vector=vectors[0])
        assert (len(by_words.semantic), len(by_words.lexical)) == (0, 1)
        assert (len(by_meaning.semantic), len(by_meaning.lexical)) == (1, 0)
        assert both == Candidates(semantic=by_meaning.semantic, lexical=by_words.lexical)

    async def test_a_new_version_takes_the_place_of_the_old_one(self, store: Store) -> None:
        shelf = await self.shelf(store)
        document, other = make_document(), make_document("other.pdf")
        old, new = make_vectors(5, seed=1), make_vectors(2, seed=2)
        await shelf.put(document, make_chunks(*(f"old kettle {n}" for n in range(5))), old)
        await shelf.put(other, make_chunks("a kettle elsewhere"))
        await shelf.put(next_version(document), make_chunks("new motor", "new hinge"), new)
        assert await shelf.by_words("old kettle") == ["a kettle elsewhere"]
        assert await shelf.by_words("motor") == ["new motor"]
        assert await shelf.count() == 3
        found = await shelf.search(vector=old[0])
        versions = {
            stored.document.version_number
            for stored in await shelf.read(list(found.semantic))
            if stored.document.document_id == document.document_id
        }
        assert versions == {2}

    async def test_the_documents_it_holds_are_told_with_their_chunks(self, store: Store) -> None:
        shelf = await self.shelf(store)
        old, other = make_document("a.md"), make_document("b.md")
        await shelf.put(old, make_chunks("anchor", "bolt", "cable"))
        await shelf.put(other, make_chunks("drill"))
        new = next_version(old)
        await shelf.put(new, make_chunks("anchor", "bolt"))
        held = await store.documents(shelf.scope, shelf.index)
        assert held == [
            StoredDocument(document=new, chunks=2),
            StoredDocument(document=other, chunks=1),
        ]
        for scope in strangers_to(shelf.scope):
            assert await or_nothing(store.documents(scope, shelf.index), []) == []

    async def test_no_chunks_forget_the_document(self, store: Store) -> None:
        shelf = await self.shelf(store)
        document = make_document()
        await shelf.put(document, make_chunks("kettle", "motor"))
        await shelf.put(make_document("kept.pdf"), make_chunks("kettle kept"))
        await shelf.put(next_version(document), [])
        assert await shelf.by_words("kettle motor") == ["kettle kept"]
        assert await shelf.by_meaning(make_vectors(1)[0]) == ["kettle kept"]
        assert await shelf.store.vectors(shelf.scope, shelf.index, document.document_id) == {}
        assert await shelf.count() == 1

    async def test_forgetting_a_document_that_was_never_there_changes_nothing(
        self, store: Store
    ) -> None:
        shelf = await self.shelf(store)
        await shelf.put(make_document(), make_chunks("kettle"))
        await shelf.put(make_document("never.pdf"), [])
        assert await shelf.by_words("kettle") == ["kettle"]
        assert await shelf.count() == 1

    async def test_a_failed_replace_leaves_the_former_chunks_searchable(self, store: Store) -> None:
        shelf = await self.shelf(store)
        document = make_document()
        vectors = make_vectors(3)
        await shelf.put(document, make_chunks("kettle one", "kettle two"), vectors[:2])
        no_vector = np.full_like(vectors[0], np.nan)
        with pytest.raises(self.unstorable):
            await shelf.put(
                next_version(document),
                make_chunks("motor one", "motor two", "motor three"),
                [*vectors[:2], no_vector],
            )
        assert sorted(await shelf.by_words("kettle")) == ["kettle one", "kettle two"]
        assert await shelf.by_words("motor") == []
        assert await shelf.by_meaning(vectors[0]) == ["kettle one", "kettle two"]
        assert await shelf.count() == 2

    async def test_vectors_of_another_size_are_refused_and_nothing_changes(
        self, store: Store
    ) -> None:
        shelf = await self.shelf(store)
        document = make_document()
        vectors = make_vectors(2)
        await shelf.put(document, make_chunks("kettle"), vectors[:1])
        with pytest.raises(DimensionMismatch, match="384 dimensions, not 383"):
            await shelf.put(
                next_version(document), make_chunks("a", "b"), [vectors[0], vectors[1][:-1]]
            )
        assert await shelf.by_words("kettle") == ["kettle"]
        assert await shelf.count() == 1

    async def test_readers_see_the_old_chunks_or_the_new_ones_and_never_none_or_both(
        self, store: Store
    ) -> None:
        shelf = await self.shelf(store)
        document = make_document()
        await shelf.put(document, make_chunks("kettle", "kettle and more"))

        async def rewrite() -> None:
            for number in range(20):
                texts = (f"kettle {number}", f"kettle {number} and more")
                await shelf.put(next_version(document), make_chunks(*texts))

        writing = asyncio.create_task(rewrite())
        searches = 0
        while not writing.done():
            found = await shelf.search(text="kettle", vector=make_vectors(1)[0])
            assert len(found.semantic) == len(found.lexical) == 2
            searches += 1
        await writing
        assert searches > 1

    # Scopes

    async def test_no_other_scope_finds_anything(self, store: Store) -> None:
        shelf = await self.shelf(store)
        vectors = make_vectors(1)
        await shelf.put(make_document(), make_chunks("secret kettle"), vectors)
        for scope in strangers_to(shelf.scope):
            other = shelf.seen_by(scope)
            answer = other.search(text="secret kettle", vector=vectors[0])
            found = await or_nothing(answer, Candidates())
            assert (dict(found.semantic), dict(found.lexical)) == ({}, {})
            assert await or_nothing(other.count(), 0) == 0

    async def test_no_other_scope_reads_a_chunk_by_its_id(self, store: Store) -> None:
        shelf = await self.shelf(store)
        document = make_document()
        await shelf.put(document, make_chunks("secret kettle"))
        ids = list((await shelf.search(text="secret")).lexical)
        assert len(await shelf.read(ids)) == 1
        for scope in strangers_to(shelf.scope):
            other = shelf.seen_by(scope)
            assert await or_nothing(other.read(ids, text="secret"), []) == []
            vectors = store.vectors(scope, shelf.index, document.document_id)
            assert await or_nothing(vectors, {}) == {}

    async def test_no_other_scope_writes(self, store: Store) -> None:
        shelf = await self.shelf(store)
        document = make_document()
        await shelf.put(document, make_chunks("secret kettle"))
        for scope in strangers_to(shelf.scope):
            other = shelf.seen_by(scope)
            for name in (document, make_document("planted.pdf")):
                with pytest.raises(IndexNotFound):
                    await other.put(name, make_chunks("planted kettle"))
            await or_nothing(other.put(next_version(document), []), None)
        assert await shelf.by_words("kettle") == ["secret kettle"]
        assert await shelf.count() == 1

    async def test_no_other_scope_drops_the_index(self, store: Store) -> None:
        shelf = await self.shelf(store)
        empty = await self.shelf(store)
        await shelf.put(make_document(), make_chunks("secret kettle"))
        for scope in strangers_to(shelf.scope):
            await store.drop(scope, shelf.index)
            await store.drop(scope, empty.index)
        assert await shelf.by_words("kettle") == ["secret kettle"]
        assert await empty.count() == 0

    async def test_two_teams_with_the_same_words_each_find_their_own(self, store: Store) -> None:
        first, second = await self.shelf(store), await self.shelf(store)
        vectors = make_vectors(2)
        await first.put(make_document(), make_chunks("kettle of the first"), vectors[:1])
        await second.put(make_document(), make_chunks("kettle of the second"), vectors[1:])
        for vector in vectors:
            assert await first.by_meaning(vector) == ["kettle of the first"]
            assert await second.by_meaning(vector) == ["kettle of the second"]
        assert await first.by_words("kettle second") == ["kettle of the first"]
        assert await second.by_words("kettle first") == ["kettle of the second"]

    # Life and death of an index

    async def test_a_new_index_is_empty(self, store: Store) -> None:
        shelf = await self.shelf(store)
        assert await shelf.search(text="kettle", vector=make_vectors(1)[0]) == Candidates()
        assert await shelf.count() == 0
        assert await store.vectors(shelf.scope, shelf.index, uuid4()) == {}

    async def test_creating_twice_keeps_what_is_there(self, store: Store) -> None:
        shelf = await self.shelf(store)
        await shelf.put(make_document(), make_chunks("kettle"))
        await shelf.create()
        assert await shelf.by_words("kettle") == ["kettle"]

    async def test_creating_at_once_makes_one_index(self, store: Store) -> None:
        shelf = Shelf(store)
        await asyncio.gather(*(shelf.create() for _ in range(6)))
        await shelf.put(make_document(), make_chunks("kettle"))
        assert await shelf.count() == 1

    async def test_a_dropped_index_is_not_found_by_any_call(self, store: Store) -> None:
        shelf = await self.shelf(store)
        document = make_document()
        await shelf.put(document, make_chunks("kettle"))
        await store.drop(shelf.scope, shelf.index)
        vector = make_vectors(1)[0]
        for call in (
            shelf.put(document, make_chunks("kettle")),
            shelf.put(document, []),
            shelf.search(text="kettle"),
            shelf.search(vector=vector),
            shelf.read([1], text="kettle", vector=vector),
            shelf.count(),
            store.documents(shelf.scope, shelf.index),
            store.vectors(shelf.scope, shelf.index, document.document_id),
        ):
            with pytest.raises(IndexNotFound, match=str(shelf.index.id)):
                await call

    async def test_dropping_twice_or_what_never_was_does_nothing(self, store: Store) -> None:
        shelf = await self.shelf(store)
        await store.drop(shelf.scope, shelf.index)
        await store.drop(shelf.scope, shelf.index)
        await store.drop(shelf.scope, make_index())

    async def test_an_index_made_again_after_a_drop_is_empty(self, store: Store) -> None:
        shelf = await self.shelf(store)
        await shelf.put(make_document(), make_chunks("kettle"))
        await store.drop(shelf.scope, shelf.index)
        await shelf.create()
        assert await shelf.count() == 0
        assert await shelf.by_words("kettle") == []

    async def test_the_other_index_version_of_a_knowledge_base_is_left_alone(
        self, store: Store
    ) -> None:
        live = await self.shelf(store)
        second = await Shelf(store, live.scope, make_index(2)).create()
        document = make_document()
        await live.put(document, make_chunks("kettle, live"))
        await second.put(document, make_chunks("kettle, second"))
        assert await live.by_words("kettle") == ["kettle, live"]
        assert await second.by_words("kettle") == ["kettle, second"]
        await store.drop(live.scope, live.index)
        assert await second.by_words("kettle") == ["kettle, second"]

    # Reading back

    async def test_a_chunk_is_read_back_exactly_as_it_was_written(self, store: Store) -> None:
        shelf = await self.shelf(store)
        document = make_document("Ablage/Übersicht 100%.pdf", version_number=7)
        chunk = make_chunk(
            "  Text with\ttabs,\n\nlines and \N{GRINNING FACE} \u200b ",
            position=3,
            start=41,
            page=12,
            category="TableChunk",
            context="Guide > Kapitel „1“ > 100 % {x}",
        )
        await shelf.put(document, [chunk])
        ids = list((await shelf.search(text="tabs")).lexical)
        (stored,) = await shelf.read(ids)
        assert stored.chunk == chunk
        assert stored.document == document
        assert (stored.semantic, stored.lexical) == (None, None)

    @pytest.mark.parametrize(
        "name",
        [
            "it's.pdf",
            'so "called".pdf',
            "100%.pdf",
            "%(team_id)s.pdf",
            "{chunks}.pdf",
            "'; DROP TABLE kb.documents; --",
            "back\\slash",
            "日本語の文書.pdf",
            "\N{FAMILY}\N{ZERO WIDTH JOINER}\N{FAMILY}",
        ],
    )
    async def test_any_characters_in_texts_and_names_survive(self, store: Store, name: str) -> None:
        shelf = await self.shelf(store)
        document = make_document(name)
        await shelf.put(document, make_chunks(f"kettle {name}"))
        named = parse_filter({"equals": {"key": "item_name", "value": name}})
        assert await shelf.by_words("kettle", filters=named) == [f"kettle {name}"]
        assert await shelf.by_words(f"kettle {name}") == [f"kettle {name}"]
        (stored,) = await shelf.read(list((await shelf.search(text="kettle")).lexical))
        assert stored.document == document

    async def test_unknown_ids_are_left_out(self, store: Store) -> None:
        shelf = await self.shelf(store)
        await shelf.put(make_document(), make_chunks("kettle"))
        ids = list((await shelf.search(text="kettle")).lexical)
        found = await shelf.read([*ids, 2**40, 0])
        assert [stored.id for stored in found] == ids
        assert await shelf.read([]) == []

    async def test_vectors_are_kept_by_content_hash(self, store: Store) -> None:
        shelf = await self.shelf(store)
        document = make_document()
        chunks = make_chunks("kettle", "motor")
        vectors = make_vectors(2)
        await shelf.put(document, chunks, vectors)
        await shelf.put(make_document("other.pdf"), make_chunks("hinge"))
        kept = await store.vectors(shelf.scope, shelf.index, document.document_id)
        assert kept.keys() == {chunk.content_hash for chunk in chunks}
        for chunk, vector in zip(chunks, vectors, strict=True):
            assert kept[chunk.content_hash].dtype == np.float32
            assert np.allclose(kept[chunk.content_hash], vector, atol=1e-3)

    async def test_a_vector_written_back_does_not_drift(self, store: Store) -> None:
        shelf = await self.shelf(store)
        document = make_document()
        chunks = make_chunks("kettle")
        await shelf.put(document, chunks)
        first = await store.vectors(shelf.scope, shelf.index, document.document_id)
        await shelf.put(document, chunks, list(first.values()))
        again = await store.vectors(shelf.scope, shelf.index, document.document_id)
        digest = chunks[0].content_hash
        assert np.array_equal(first[digest], again[digest])

    # Scores

    async def test_semantic_scores_are_inner_products(self, store: Store) -> None:
        shelf = await self.shelf(store)
        vectors = make_vectors(40, seed=3)
        texts = [f"chunk {n}" for n in range(40)]
        await shelf.put(make_document(), make_chunks(*texts), vectors)
        asked = make_vectors(1, seed=4)[0]
        expected = {text: float(v @ asked) for text, v in zip(texts, vectors, strict=True)}
        found = await shelf.search(vector=asked)
        stored = await shelf.read(list(found.semantic), vector=asked)
        assert len(stored) == 40
        for one in stored:
            assert one.semantic == pytest.approx(expected[one.chunk.text], abs=HALF_PRECISION)
            assert found.semantic[one.id] == pytest.approx(one.semantic, abs=1e-6)
            assert one.lexical is None
        assert list(found.semantic.values()) == sorted(found.semantic.values(), reverse=True)

    async def test_lexical_scores_are_bm25(self, store: Store) -> None:
        shelf = await self.shelf(store)
        texts = [
            "The kettle boils; kettles, kettle.",
            "Part VX-2214 fits the kettle and the motor.",
            "A motor without anything else, " + "really nothing else, " * 20,
            "Nothing of the kind.",
        ]
        chunks = make_chunks(*texts)
        await shelf.put(make_document(), chunks[:2])
        await shelf.put(make_document("b.pdf"), chunks[2:])
        for query in ("kettle", "motor motor VX-2214", "What else fits the kettle?", "else 2214"):
            expected = reference_bm25.scores(query, texts, max_chunk_size=self.assumed_chunk_size)
            found = await shelf.search(text=query)
            stored = await shelf.read(list(found.lexical), text=query)
            assert {one.chunk.text for one in stored} == {
                text for text, score in zip(texts, expected, strict=True) if score
            }
            for one in stored:
                score = expected[texts.index(one.chunk.text)]
                assert one.lexical == pytest.approx(score, abs=1e-4)
                assert found.lexical[one.id] == pytest.approx(score, abs=1e-4)
                assert one.semantic is None

    async def test_a_chunk_with_none_of_the_words_reads_as_zero(self, store: Store) -> None:
        shelf = await self.shelf(store)
        await shelf.put(make_document(), make_chunks("kettle", "motor"))
        found = await shelf.search(vector=make_vectors(1)[0])
        for text in ("kettle", "words that nobody wrote", "of the"):
            scores = {
                one.chunk.text: one.lexical
                for one in await shelf.read(list(found.semantic), text=text)
            }
            assert scores["motor"] == 0

    async def test_the_context_line_is_searched_but_not_quoted(self, store: Store) -> None:
        shelf = await self.shelf(store)
        chunk = make_chunk("It boils in two minutes.", context="Kitchen > Kettle")
        await shelf.put(make_document(), [chunk])
        assert await shelf.by_words("kettle") == ["It boils in two minutes."]

    async def test_unknown_words_and_stop_words_find_nothing(self, store: Store) -> None:
        shelf = await self.shelf(store)
        await shelf.put(make_document(), make_chunks("the kettle of the kitchen"))
        assert await shelf.by_words("zeppelin") == []
        assert await shelf.by_words("of the and") == []
        assert await shelf.by_words("?!") == []

    async def test_ranks_by_words_as_brute_force_does(self, store: Store) -> None:
        random = Random(5)
        weights = [1 / (rank + 1) for rank in range(len(WORDS))]
        texts = [
            " ".join(random.choices(WORDS, weights, k=random.randint(1, 120))) + f" code-{n}"
            for n in range(200)
        ]
        shelf = await self.shelf(store)
        chunks = make_chunks(*texts)
        for start in range(0, 200, 50):
            some = chunks[start : start + 50]
            await shelf.put(make_document(f"{start}.txt"), some, make_vectors(50, seed=start))
        for _ in range(15):
            query = " ".join(random.choices(WORDS, k=random.randint(1, 6)))
            scores = reference_bm25.scores(query, texts, max_chunk_size=self.assumed_chunk_size)
            for limit in (10, 200):
                best = sorted((score for score in scores if score), reverse=True)[:limit]
                found = await shelf.search(text=query, limit=limit)
                assert list(found.lexical.values()) == pytest.approx(best, abs=1e-4)
                for one in await shelf.read(list(found.lexical)):
                    expected = scores[texts.index(one.chunk.text)]
                    assert found.lexical[one.id] == pytest.approx(expected, abs=1e-4)

    async def test_never_gives_more_than_the_limit(self, store: Store) -> None:
        shelf = await self.shelf(store)
        vectors = make_vectors(30)
        await shelf.put(make_document(), make_chunks(*(["kettle"] * 30)), vectors)
        for limit in (1, 7, 29, 31):
            found = await shelf.search(text="kettle", vector=vectors[0], limit=limit)
            assert len(found.semantic) == len(found.lexical) == min(limit, 30)

    async def test_filters_apply_before_the_limit_in_both_legs(self, store: Store) -> None:
        shelf = await self.shelf(store)
        near, far = make_vectors(2)
        await shelf.put(
            make_document("near.pdf"), make_chunks(*(["kettle kettle"] * 20)), [near] * 20
        )
        await shelf.put(make_document("far.pdf"), make_chunks("one kettle among many words"), [far])
        only = parse_filter({"equals": {"key": "item_name", "value": "far.pdf"}})
        found = await shelf.search(text="kettle", vector=near, limit=3, filters=only)
        assert len(found.semantic) == 1
        assert found.semantic.keys() == found.lexical.keys()
        nobody = parse_filter({"equals": {"key": "item_name", "value": "nobody.pdf"}})
        assert await shelf.search(text="kettle", vector=near, filters=nobody) == Candidates()
