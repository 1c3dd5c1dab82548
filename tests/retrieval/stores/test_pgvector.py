"""The PostgreSQL store: the contract, and what only this one can get wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, LiteralString, get_args

import numpy as np
import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from kb.postgres.pool import make_pool
from retrieval.filters import Filter, parse_filter
from retrieval.index import VectorStorage
from retrieval.postgres import Connection, Pool, scoped
from retrieval.store import Blend, Candidates, IndexNotFound, Store, StoreQuery, Vector
from retrieval.stores import pgvector
from retrieval.stores.pgvector import EVERY_CHUNK, FEW, PgVectorStore
from tests.retrieval.stores.makers import (
    Shelf,
    make_chunk,
    make_chunks,
    make_document,
    make_index,
    make_scope,
    make_vectors,
    next_version,
)
from tests.retrieval.stores.store_contract import WORDS, StoreContract, strangers_to


@pytest.fixture
def store(pool: Pool) -> PgVectorStore:
    return PgVectorStore(pool)


@pytest.fixture
async def shelf(store: Store) -> Shelf:
    return await Shelf(store).create()


@pytest.fixture
async def graph_only(dsn: str) -> AsyncIterator[Shelf]:
    """A shelf whose database cannot do without the HNSW graph, as a large one would not."""
    options = "-c enable_seqscan=off -c enable_sort=off"
    pool = make_pool(make_conninfo(dsn, options=options), max_size=4)
    await pool.open(wait=True)
    yield await Shelf(PgVectorStore(pool)).create()
    await pool.close()


class TestPgVectorStore(StoreContract):
    unstorable = psycopg.DataError

    async def test_a_text_that_postgres_refuses_leaves_the_former_chunks(
        self, pool: Pool, store: Store
    ) -> None:
        shelf = await self.shelf(store)
        document = make_document()
        await shelf.put(document, make_chunks("kettle"))
        with pytest.raises(psycopg.DataError):
            await shelf.put(next_version(document), make_chunks("motor", "hinge\0"))
        assert await shelf.by_words("kettle motor hinge") == ["kettle"]
        assert await frequencies_kept(pool, shelf) == await frequencies_counted(pool, shelf)


def table(shelf: Shelf, kind: str) -> sql.Identifier:
    return sql.Identifier("kb", f"{kind}_{shelf.index.id.hex}")


async def rows(conn: Connection, query: str, shelf: Shelf, *values: object) -> list[Any]:
    """`query` may name {chunks}, {words} and {terms}."""
    text = sql.SQL(query).format(  # pyright: ignore[reportArgumentType] written in this file only
        chunks=table(shelf, "chunks"), words=table(shelf, "words"), terms=table(shelf, "terms")
    )
    return await (await conn.execute(text, values)).fetchall()


async def frequencies_kept(pool: Pool, shelf: Shelf) -> dict[int, int]:
    async with scoped(pool, shelf.scope) as conn:
        return dict(await rows(conn, "SELECT term, chunks FROM {terms} WHERE chunks <> 0", shelf))


async def frequencies_counted(pool: Pool, shelf: Shelf) -> dict[int, int]:
    async with scoped(pool, shelf.scope) as conn:
        found = await rows(conn, "SELECT terms FROM {words}", shelf)
    counted = Counter(term for (terms,) in found for term in [*terms, EVERY_CHUNK])
    return dict(counted)


# The second lock: what PostgreSQL itself refuses, should a query ever forget its scope.


async def test_a_query_without_a_condition_sees_its_own_scope_only(
    pool: Pool, shelf: Shelf
) -> None:
    await shelf.put(make_document(), make_chunks("secret kettle"))
    for name in ("chunks", "terms"):
        query = f"SELECT * FROM {{{name}}}"
        async with scoped(pool, shelf.scope) as conn:
            assert await rows(conn, query, shelf)
        for scope in strangers_to(shelf.scope):
            async with scoped(pool, scope) as conn:
                assert await rows(conn, query, shelf) == []


async def test_a_transaction_without_a_scope_sees_nothing(pool: Pool, shelf: Shelf) -> None:
    await shelf.put(make_document(), make_chunks("secret kettle"))
    async with pool.connection() as conn:
        for name in ("chunks", "terms"):
            assert await rows(conn, f"SELECT * FROM {{{name}}}", shelf) == []
            assert await rows(conn, f"DELETE FROM {{{name}}} RETURNING 1", shelf) == []
        assert await rows(conn, "DELETE FROM {words} RETURNING 1", shelf) == []
    assert await shelf.count() == 1
    assert await shelf.by_words("secret") == ["secret kettle"]


async def test_ranking_by_words_uses_the_index_on_terms(pool: Pool, shelf: Shelf) -> None:
    query = "EXPLAIN SELECT id FROM {words} WHERE terms && %s::integer[]"
    async with scoped(pool, shelf.scope) as conn:
        await conn.execute("SET LOCAL enable_seqscan TO off")
        plan = await rows(conn, query, shelf, [1])
    assert any("Bitmap Index Scan" in line for (line,) in plan)


async def test_the_scope_does_not_outlive_its_transaction(pool: Pool, shelf: Shelf) -> None:
    await shelf.put(make_document(), make_chunks("secret kettle"))
    async with pool.connection() as conn:
        async with conn.transaction():
            await conn.execute(
                "SELECT set_config('kb.team_id', %s, true),"
                " set_config('kb.knowledge_base_id', %s, true)",
                [str(shelf.scope.team_id), str(shelf.scope.knowledge_base_id)],
            )
            assert len(await rows(conn, "SELECT 1 FROM {chunks}", shelf)) == 1
        assert await rows(conn, "SELECT 1 FROM {chunks}", shelf) == []


INSERT_CHUNK = """
INSERT INTO {chunks} (
    team_id, knowledge_base_id, document_id, version_id, version_number, item_name, ingested_at,
    position, text, context, char_start, char_end, section_path, category, token_count, source,
    section, language, metadata, content_hash, embedding
) SELECT %s, %s, gen_random_uuid(), gen_random_uuid(), 1, 'x', now(), 0, 'planted', '', 0, 7,
    '{{}}', 'CompositeElement', 1, '', '', 'en', '{{}}', '',
    array_fill(0.5, ARRAY[384])::halfvec(384)
RETURNING 1
"""
INSERT_WORDS = """
INSERT INTO {words} (
    id, team_id, knowledge_base_id, item_name, ingested_at, category, source, section, metadata,
    terms, weights
)
SELECT coalesce(max(id), 7), %s, %s, 'x', now(), 'CompositeElement', '', '', '{{}}', '{{1}}',
    '{{1:1}}/1000000000'
FROM {chunks}
RETURNING 1
"""
INSERT_TERM = """
INSERT INTO {terms} (term, team_id, knowledge_base_id, chunks)
SELECT 5, %s, %s, 1 RETURNING 1
"""


@pytest.mark.parametrize("insert", [INSERT_CHUNK, INSERT_WORDS, INSERT_TERM])
async def test_a_row_of_another_scope_is_refused(pool: Pool, shelf: Shelf, insert: str) -> None:
    await shelf.put(make_document(), make_chunks("kettle"))
    async with scoped(pool, shelf.scope) as conn:
        await rows(conn, "DELETE FROM {words} RETURNING 1", shelf)
    for scope in strangers_to(shelf.scope):
        foreign = (scope.team_id, scope.knowledge_base_id)
        with pytest.raises(errors.InsufficientPrivilege):  # not the transaction's own scope
            async with scoped(pool, shelf.scope) as conn:
                await rows(conn, insert, shelf, *foreign)
        with pytest.raises(errors.CheckViolation):  # the transaction's, but not the index's
            async with scoped(pool, scope) as conn:
                await rows(conn, insert, shelf, *foreign)
    async with scoped(pool, shelf.scope) as conn:
        own = (shelf.scope.team_id, shelf.scope.knowledge_base_id)
        assert await rows(conn, insert, shelf, *own) == [(1,)]


async def test_a_row_cannot_be_handed_to_another_scope(pool: Pool, shelf: Shelf) -> None:
    await shelf.put(make_document(), make_chunks("kettle"))
    with pytest.raises(errors.InsufficientPrivilege):
        async with scoped(pool, shelf.scope) as conn:
            await rows(
                conn, "UPDATE {chunks} SET team_id = %s RETURNING 1", shelf, make_scope().team_id
            )


# Both legs

NAMED = parse_filter({"equals": {"key": "item_name", "value": "a.txt"}})


async def test_a_question_sent_in_few_digits_scores_as_exactly_as_its_vector_is(
    store: PgVectorStore,
) -> None:
    shelf = await Shelf(store, index=make_index(vector_storage="float")).create()
    question, *vectors = make_vectors(21, seed=3)
    await shelf.put(make_document(), make_chunks(*["kettle"] * 20), vectors)
    found = (await shelf.search(vector=question)).semantic
    exact = sorted((float(np.dot(question, one)) for one in vectors), reverse=True)
    assert list(found.values()) == pytest.approx(exact, abs=2e-7)


@pytest.mark.parametrize("filters", [None, NAMED])
@pytest.mark.parametrize("vector_storage", get_args(VectorStorage))
@pytest.mark.parametrize(("cores", "round_trips"), [(1, 1), (2, 2)])
async def test_both_legs_find_the_same_apart_and_in_one_round_trip(
    store: PgVectorStore,
    monkeypatch: pytest.MonkeyPatch,
    vector_storage: VectorStorage,
    filters: Filter | None,
    cores: int,
    round_trips: int,
) -> None:
    shelf = await Shelf(store, index=make_index(vector_storage=vector_storage)).create()
    for name in ("a.txt", "b.txt"):
        await shelf.put(make_document(name), make_chunks("kettle", "motor", "kettle motor"))
    (vector,) = make_vectors(1, seed=7)
    semantic = (await shelf.search(vector=vector, filters=filters)).semantic
    lexical = (await shelf.search(text="kettle", filters=filters)).lexical
    assert len(semantic) == (6 if filters is None else 3)
    assert len(lexical) == (4 if filters is None else 2)
    asked = watched(monkeypatch)
    monkeypatch.setattr(pgvector, "usable_cores", lambda: cores)
    found = await shelf.search(text="kettle", vector=vector, filters=filters)
    assert (found.semantic, found.lexical) == (semantic, lexical)
    assert found.term_weights
    assert len(asked) == round_trips


async def test_searches_at_the_same_time_take_fewer_round_trips(
    store: PgVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = await Shelf(store).create()
    await shelf.put(make_document(), make_chunks("kettle", "motor"))
    (vector,) = make_vectors(1)
    monkeypatch.setattr(pgvector, "usable_cores", lambda: 2)
    asked = watched(monkeypatch)
    alone = await shelf.search(text="kettle", vector=vector)
    assert len(asked) == 2
    with pytest.raises(IndexNotFound):  # what fails is no longer under way
        await Shelf(store).search(text="kettle", vector=vector)
    asked.clear()
    found = await asyncio.gather(*(shelf.search(text="kettle", vector=vector) for _ in range(4)))
    assert found == [alone] * 4
    assert len(asked) == 2 + 3
    asked.clear()
    assert await shelf.search(text="kettle", vector=vector) == alone
    assert len(asked) == 2


async def test_scores_that_are_known_are_taken_and_chunks_that_are_gone_not_counted(
    shelf: Shelf,
) -> None:
    (vector,) = make_vectors(1, seed=7)
    documents = [make_document(name) for name in ("kept.txt", "gone.txt")]
    for document in documents:
        await shelf.put(document, make_chunks(*["kettle"] * 4))
    all_found = await shelf.search(text="kettle", vector=vector)
    ids = sorted(all_found.semantic)
    assert sorted(all_found.lexical) == ids
    found = Candidates(  # of each document by words, by meaning, by both and by neither
        semantic={one: all_found.semantic[one] for one in ids if one % 4 in (0, 1)},
        lexical={one: all_found.lexical[one] for one in ids if one % 4 in (0, 2)},
        term_weights=all_found.term_weights,
    )
    await shelf.put(documents[1], [])
    readings = [
        await shelf.store.read(
            shelf.scope,
            shelf.index,
            StoreQuery(text="kettle", vector=vector, found=known),
            ids,
            best=3,
            blend=Blend(),
        )
        for known in (found, Candidates(term_weights=all_found.term_weights))
    ]
    assert [reading.found for reading in readings] == [4, 4]
    taken, reckoned = [
        {one.id: (one.semantic, one.lexical) for one in reading.chunks} for reading in readings
    ]
    assert len(taken) == 3
    assert list(taken) == list(reckoned)
    assert [*taken.values()] == [pytest.approx(scores) for scores in reckoned.values()]


async def test_words_that_are_all_common_are_looked_for_in_pairs_if_enough_chunks_hold_them(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgvector, "BUDGET", 1)
    pairs = [f"kettle motor {'hinge ' * n}" for n in range(3)]
    best_alone = make_chunks("motor " * 20, *[f"kettle motor {'hinge ' * 400}"] * 3)
    others = [f"{word} {n}" for word in ("kettle", "motor") for n in range(6)]
    await shelf.put(make_document(), make_chunks(*pairs, *others))
    together = await shelf.search(text="kettle motor", limit=3)
    alone = await shelf.search(text="kettle motor", limit=9)  # as many as hold the rarer word
    assert len(together.lexical) == 3
    assert len(alone.lexical) == 9
    assert dict(sorted(alone.lexical.items(), key=lambda one: -one[1])[:3]) == together.lexical
    apart = await Shelf(shelf.store).create()
    await apart.put(make_document(), make_chunks(*others))
    assert len((await apart.search(text="kettle motor")).lexical) == 6
    assert len((await apart.search(text="kettle")).lexical) == 6
    passed_over = await Shelf(shelf.store).create()
    await passed_over.put(make_document(), best_alone)
    await passed_over.put(make_document(), make_chunks(*others))
    assert len((await passed_over.search(text="kettle motor", limit=3)).lexical) == 3
    best, few = [await passed_over.search(text="kettle motor", limit=n) for n in (9, 3)]
    assert max(best.lexical.values()) > max(few.lexical.values())  # only pairs were looked at


async def test_beside_the_rarest_words_pairs_of_commoner_ones_are_looked_for(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgvector, "BUDGET", 5)
    monkeypatch.setattr(pgvector, "LISTED", 1000)
    looked_at = ["hinge", "kettle motor", "kettle valve", "motor valve"]
    alone = [f"{word} {n}" for word in ("kettle", "motor", "valve", "valve") for n in range(5)]
    await shelf.put(make_document(), make_chunks(*looked_at, *alone, *map(str, range(90))))
    assert sorted(await shelf.by_words("hinge kettle motor valve")) == sorted(looked_at)
    assert len(await shelf.by_words("kettle motor")) == 7, "of two words the rarer one alone"


async def test_words_are_searched_by_their_index_whatever_is_asked_first(dsn: str) -> None:
    pool = make_pool(dsn, max_size=1)
    await pool.open(wait=True)
    try:
        shelf = await Shelf(PgVectorStore(pool)).create()
        texts = [f"kettle motor {n}" for n in range(3_000)]
        for start in range(0, len(texts), 1_000):
            await shelf.put(make_document(), make_chunks(*texts[start : start + 1_000]))
        async with pool.connection() as conn:
            await conn.execute(sql.SQL("ANALYZE {}").format(table(shelf, "words")))
            looked_up = await scans(conn, shelf)  # by writing
        for question in ("kettle", "kettle motor", "kettle 7"):
            assert (await shelf.search(text=question)).lexical
        async with pool.connection() as conn:
            assert await scans(conn, shelf) == looked_up
    finally:
        await pool.close()


async def scans(conn: Connection, shelf: Shelf) -> Any:
    """How often the words were gone through from end to end, or by their ids."""
    await conn.execute("SELECT pg_stat_force_next_flush()")
    await conn.execute("SELECT pg_stat_clear_snapshot()")
    asked = (
        "SELECT seq_scan, (SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s)"
        " FROM pg_stat_user_tables WHERE relname = %s"
    )
    words = f"words_{shelf.index.id.hex}"
    return await (await conn.execute(asked, [f"{words}_pkey", words])).fetchall()


async def test_meaning_is_searched_by_the_graph_before_anything_is_analysed(dsn: str) -> None:
    pool = make_pool(dsn, max_size=1)
    await pool.open(wait=True)
    try:
        shelf = await Shelf(PgVectorStore(pool)).create()
        vectors = make_vectors(FEW + 100)
        for start in range(0, len(vectors), 100):
            texts = [f"kettle {start + n}" for n in range(100)]
            await shelf.put(make_document(), make_chunks(*texts), vectors[start : start + 100])
        searches = 9  # of which PostgreSQL plans the last ones once and for all
        for vector in vectors[:searches]:
            found = await shelf.search(vector=vector)
            assert max(found.semantic.values()) == pytest.approx(1, abs=1e-3)
        async with pool.connection() as conn:
            await conn.execute("SELECT pg_stat_force_next_flush()")
            asked = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s"
            used = await conn.execute(asked, [f"chunks_{shelf.index.id.hex}_embedding_idx"])
            assert await used.fetchall() == [(searches,)]
    finally:
        await pool.close()


def watched(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The queries of each round trip from now on."""
    seen: list[Sequence[str]] = []
    ask = pgvector.fetch_each

    async def fetch_each(
        pool: Pool,
        settings: Any,
        queries: Sequence[LiteralString],
        parameters: Any,
        *,
        keep_plans: bool,
    ) -> list[list[tuple[Any, ...]]]:
        seen.append(queries)
        return await ask(pool, settings, queries, parameters, keep_plans=keep_plans)

    monkeypatch.setattr(pgvector, "fetch_each", fetch_each)
    return seen


# Document frequencies


async def test_replacing_at_once_keeps_document_frequencies_exact(pool: Pool, shelf: Shelf) -> None:
    documents = [make_document(f"{n}.txt") for n in range(20)]

    async def write(number: int, round_: int) -> None:
        words = WORDS[number % 7 : number % 7 + 6 + round_]
        texts = [" ".join(words[:n]) for n in range(1, len(words))][: 1 + (number + round_) % 5]
        await shelf.put(documents[number], make_chunks(*texts))

    for round_ in range(3):
        await asyncio.gather(*(write(number, round_) for number in range(20)))
        assert await frequencies_kept(pool, shelf) == await frequencies_counted(pool, shelf)
    await asyncio.gather(*(shelf.put(document, []) for document in documents))
    assert await frequencies_kept(pool, shelf) == {}
    assert await shelf.count() == 0


async def test_writing_the_same_document_at_once_leaves_one_of_the_writes(
    pool: Pool, shelf: Shelf
) -> None:
    document = make_document()
    await asyncio.gather(
        *(shelf.put(document, make_chunks(*[f"kettle {n}"] * (n + 1))) for n in range(8))
    )
    texts = await shelf.by_words("kettle")
    assert len(set(texts)) == 1
    assert len(texts) == int(texts[0].split()[1]) + 1 == await shelf.count()
    assert await frequencies_kept(pool, shelf) == await frequencies_counted(pool, shelf)


async def test_a_failed_replace_leaves_document_frequencies_exact(pool: Pool, shelf: Shelf) -> None:
    document = make_document()
    await shelf.put(document, make_chunks("kettle", "kettle motor"))
    before = await frequencies_kept(pool, shelf)
    with pytest.raises(psycopg.DataError):
        await shelf.put(document, make_chunks("hinge"), [np.full(384, np.nan, np.float32)])
    assert await frequencies_kept(pool, shelf) == await frequencies_counted(pool, shelf) == before


async def test_words_of_a_forgotten_document_no_longer_weigh(shelf: Shelf) -> None:
    await shelf.put(make_document(), make_chunks("kettle motor", "motor"))
    alone = await shelf.search(text="kettle motor")
    passing = make_document("passing.txt")
    await shelf.put(passing, make_chunks(*["kettle"] * 9), make_vectors(9))
    assert list((await shelf.search(text="kettle motor")).lexical.values()) != list(
        alone.lexical.values()
    )
    await shelf.put(passing, [])
    assert await shelf.search(text="kettle motor") == alone


# Ways to rank


async def test_a_common_word_brings_nothing_in_beyond_the_budget(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.put(make_document(), make_chunks(*["kettle"] * 8, "motor kettle", "motor"))
    monkeypatch.setattr(pgvector, "BUDGET", 3)
    assert await shelf.by_words("kettle motor") == ["motor kettle", "motor"]
    assert len(await shelf.by_words("kettle")) == 9  # one word is always asked for


async def test_a_filter_that_only_far_chunks_pass_finds_them_through_the_graph(
    graph_only: Shelf, pool: Pool
) -> None:
    near, far = make_vectors(2, seed=9)
    noise = make_vectors(600, seed=10)
    crowd: list[Vector] = []
    for vector in noise:
        mixed = near + 0.2 * vector
        crowd.append((mixed / np.linalg.norm(mixed)).astype(np.float32))
    texts = [f"chunk {n}" for n in range(600)]
    await graph_only.put(make_document("near.txt"), make_chunks(*texts), crowd)
    hidden = [make_chunk(f"far {n}", position=n, page=n) for n in range(5)]
    await graph_only.put(make_document("far.txt"), hidden, [far] * 5)
    async with scoped(pool, graph_only.scope) as conn:
        await conn.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        plan = await rows(
            conn,
            "EXPLAIN SELECT id FROM {chunks} ORDER BY embedding <#> "
            "array_fill(0.5, ARRAY[384])::halfvec(384) LIMIT 5",
            graph_only,
        )
    assert "_embedding_idx" in str(plan)
    only = parse_filter({"greater_than_or_equals": {"key": "page_number", "value": 0}})
    assert len(await graph_only.by_meaning(near, filters=only)) == 5
    found = await graph_only.search(vector=near, limit=10)
    exact = sorted((float(vector @ near) for vector in crowd), reverse=True)[:10]
    assert list(found.semantic.values()) == pytest.approx(exact, abs=2e-3)


async def test_dropping_an_index_does_not_deadlock_with_a_query_under_way(
    pool: Pool, shelf: Shelf
) -> None:
    """A query reads the frequencies first and then the chunks; so a drop must take them."""
    async with scoped(pool, shelf.scope) as conn:
        await rows(conn, "SELECT 1 FROM {terms}", shelf)
        dropping = asyncio.create_task(shelf.store.drop(shelf.scope, shelf.index))
        await asyncio.sleep(0.3)
        await rows(conn, "SELECT 1 FROM {chunks}", shelf)
        assert not dropping.done()
    await asyncio.wait_for(dropping, timeout=10)


async def test_a_small_index_is_ranked_exactly_whatever_repeats_in_it(graph_only: Shelf) -> None:
    """Between clusters of near copies the graph has hardly a way."""
    random = np.random.default_rng(0)
    near = [
        copy / np.linalg.norm(copy)
        for centre in make_vectors(8)
        for copy in centre + 0.01 * random.normal(size=(100, len(centre))).astype(np.float32)
    ]
    await graph_only.put(make_document(), make_chunks(*("copy" for _ in near)), near)
    for vector in make_vectors(20, seed=1):
        found = await graph_only.search(vector=vector, limit=100)
        exact = sorted((float(vector @ copy) for copy in near), reverse=True)[:100]
        assert list(found.semantic.values()) == pytest.approx(exact, abs=2e-3)
