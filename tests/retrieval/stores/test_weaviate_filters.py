"""Filters in Weaviate: every operator and nesting against the oracle, whatever the characters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.filters import OPERATORS, Condition, Field, Filter, Group, Operator, parse_filter
from retrieval.store import MetadataValue
from retrieval.stores.weaviate import WeaviateStore
from retrieval.stores.weaviate_facts import beyond, equal, escaped
from tests.retrieval.filter_rows import (
    CLAUSE_LISTS,
    OPERATOR_OBJECTS,
    ROWS,
    TYPES,
    Raw,
    Rows,
    oracle,
)
from tests.retrieval.stores.makers import NOON, Shelf, make_chunk, make_document, make_vectors

# What a pattern, a trimmer, a line or our own escapes could take for something else.
HARD = ["*", "?", "\\", "\n", "\r", "\t", " ", "\ue000", "\ue001", ".", "a", "A", "=", "%", "ß"]
TEXTS = st.text(st.sampled_from(HARD), max_size=6)


@pytest.fixture(scope="module")
async def rows(weaviate_store: WeaviateStore) -> AsyncIterator[Rows]:
    rows = await Rows.put(weaviate_store)
    yield rows
    await rows.drop()


@settings(max_examples=100, deadline=None)
@given(raw=OPERATOR_OBJECTS)
async def test_operator_objects_match_what_they_say(rows: Rows, raw: Raw) -> None:
    assert await rows.passing(raw) == oracle(raw)


@settings(max_examples=100, deadline=None)
@given(raw=CLAUSE_LISTS)
async def test_clause_lists_match_what_they_say(rows: Rows, raw: Raw) -> None:
    assert await rows.passing(raw) == oracle(raw)


@pytest.mark.parametrize("field", list(TYPES))
async def test_every_operator_compares_with_every_value_there_is(rows: Rows, field: str) -> None:
    values = {one for row in ROWS for one in values_of(row.values.get(field))}
    for operator in OPERATORS[TYPES[field]]:
        for value in values:
            written = value.isoformat() if isinstance(value, datetime) else value
            clause = {
                "field": field,
                "operator": operator,
                "value": [written] if operator in ("in", "not_in") else written,
            }
            assert await rows.passing({"must": [clause]}) == oracle({"must": [clause]}), clause


def values_of(has: Any) -> list[Any]:
    if has is None:
        return []
    return list(cast("tuple[str, ...]", has)) if isinstance(has, tuple) else [has]


@pytest.mark.parametrize("kind", ["all", "any", "none"])
async def test_empty_groups_and_groups_of_them(rows: Rows, kind: Any) -> None:
    everything, nothing = set(range(len(ROWS))), set[int]()
    empty = Group(kind, ())
    expected = nothing if kind == "any" else everything
    assert await rows.matching(empty) == expected
    assert await rows.matching(Group("none", (empty,))) == everything - expected
    some = parse_filter({"equals": {"key": "item_name", "value": "guide.pdf"}})
    assert some is not None
    named = await rows.matching(some)
    assert await rows.matching(Group("all", (empty, some))) == expected & named
    assert await rows.matching(Group("any", (empty, some))) == expected | named


# Texts


@dataclass(frozen=True)
class Texts:
    """Documents with a text and a list of texts, told apart by the number that is their text."""

    shelf: Shelf
    held: list[str]

    async def matching(self, filters: Filter) -> set[int]:
        found = await self.shelf.search(text="row", limit=1000, filters=filters)
        stored = await self.shelf.read(list(found.lexical))
        return {int(one.chunk.text.removeprefix("row ")) for one in stored}


@pytest.fixture(scope="module")
async def texts(weaviate_store: WeaviateStore) -> AsyncIterator[Texts]:
    """Each hard character alone, before, within and after others."""
    held = ["", "a", "aa", "A", " a", "a ", "a.a", *HARD]
    held += [one + two for one, two in pairwise(HARD)] + [f"a{one}a" for one in HARD]
    held += ["*?\\\n\ue000\ue001", "\ue000" * 7 + "\ue001"]
    shelf = await Shelf(weaviate_store).create()
    for number, text in enumerate(held):
        metadata: dict[str, MetadataValue] = {"title": text, "tags": ("other", text)}
        document = replace(make_document(text), metadata=metadata)
        await shelf.put(document, [make_chunk(f"row {number}")])
    yield Texts(shelf, held)
    await shelf.store.drop(shelf.scope, shelf.index)


FIELDS = [
    Field("item_name", "string"),
    Field("title", "string", is_metadata=True),
    Field("tags", "string_list", is_metadata=True),
]


@settings(max_examples=60, deadline=None)
@given(value=TEXTS, field=st.sampled_from(FIELDS))
async def test_no_character_of_a_text_means_anything_but_itself(
    texts: Texts, value: str, field: Field
) -> None:
    held = [{text, "other"} if field.name == "tags" else {text} for text in texts.held]
    tests: dict[Operator, Callable[[str], bool]] = {
        "eq": lambda one: one == value,
        "contains": lambda one: value in one,
        "starts_with": lambda one: one.startswith(value),
    }
    for operator, holds in tests.items():
        expected = {number for number, ones in enumerate(held) if any(map(holds, ones))}
        found = await texts.matching(Condition(field, operator, value))
        assert found == expected, operator


async def test_every_text_that_is_held_is_found_by_itself(texts: Texts) -> None:
    for number, text in enumerate(texts.held):
        for field in FIELDS:
            assert number in await texts.matching(Condition(field, "eq", text))
            assert number in await texts.matching(Condition(field, "contains", text))


@given(one=TEXTS, other=TEXTS)
def test_escaping_keeps_what_is_in_what(one: str, other: str) -> None:
    assert (escaped(one) in escaped(other)) == (one in other)
    assert escaped(other).startswith(escaped(one)) == other.startswith(one)
    assert not set(escaped(one)) & set("*?\\\n")


async def test_very_long_texts_are_compared_whole(weaviate_store: WeaviateStore) -> None:
    shelf = await Shelf(weaviate_store).create()
    long = "anchor*" * 12_000
    for number, name in enumerate((long, long + "a")):
        await shelf.put(make_document(name), [make_chunk(f"row {number}")])
    for number, name in enumerate((long, long + "a")):
        only = Condition(Field("item_name", "string"), "eq", name)
        assert await shelf.by_words("row", filters=only) == [f"row {number}"]
    both = Condition(Field("item_name", "string"), "contains", "*anchor")
    assert len(await shelf.by_words("row", filters=both)) == 2


# Numbers and moments

YEAR = Field("year", "number", is_metadata=True)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DUE = Field("due", "timestamp", is_metadata=True)
NUMBERS = st.one_of(st.floats(-(2.0**53), 2.0**53), st.integers(-3, 3).map(float), st.just(-0.0))
MOMENTS = st.integers(-(10**16), 2 * 10**17).map(lambda n: EPOCH + timedelta(microseconds=n))
CLOSE = st.integers(-2, 2).map(lambda n: NOON + timedelta(microseconds=n))


@given(one=NUMBERS, other=NUMBERS)
def test_each_number_is_on_the_side_of_another_where_it_belongs(one: float, other: float) -> None:
    check_sides(YEAR, one, other)


@given(one=MOMENTS | CLOSE, other=MOMENTS | CLOSE)
def test_each_moment_is_on_the_side_of_another_where_it_belongs(
    one: datetime, other: datetime
) -> None:
    check_sides(DUE, one, other)


def check_sides(field: Field, one: Any, other: Any) -> None:
    whole = equal(field, one)
    facts = [whole[:end] for end in range(len(whole) - 15, len(whole) + 1)]
    tests: dict[Operator, bool] = {
        "gt": one > other,
        "gte": one >= other,
        "lt": one < other,
        "lte": one <= other,
    }
    for operator, holds in tests.items():
        assert len(set(facts) & set(beyond(field, operator, other))) == holds
    assert (equal(field, one) == equal(field, other)) == (one == other)


async def test_what_a_field_is_called_does_not_matter(weaviate_store: WeaviateStore) -> None:
    """A declared field may have a built-in one's name, and another's as its beginning."""
    shelf = await Shelf(weaviate_store).create()
    metadata: dict[str, MetadataValue] = {"item": "x", "item_name": "y", "page_number": "z"}
    await shelf.put(replace(make_document("guide"), metadata=metadata), [make_chunk("row")])

    async def finds(name: str, value: str, *, is_metadata: bool) -> bool:
        only = Condition(Field(name, "string", is_metadata), "starts_with", value)
        return bool(await shelf.by_words("row", filters=only))

    assert await finds("item", "x", is_metadata=True)
    assert await finds("item_name", "y", is_metadata=True)
    assert await finds("item_name", "guide", is_metadata=False)
    assert not await finds("item_name", "guide", is_metadata=True)
    assert not await finds("item", "", is_metadata=False)


# Selectivity


async def test_a_filter_that_one_chunk_in_a_thousand_passes_finds_them_all(
    weaviate_store: WeaviateStore,
) -> None:
    shelf = await Shelf(weaviate_store).create()
    texts = [f"row {number}" for number in range(3000)]
    chunks = [
        make_chunk(text, position=number, page=1 + (number % 1000 == 7))
        for number, text in enumerate(texts)
    ]
    await shelf.put(make_document(), chunks, make_vectors(len(chunks), seed=2))
    only = parse_filter({"equals": {"key": "page_number", "value": 2}})
    vector = make_vectors(1, seed=3)[0]
    found = await shelf.search(text="row", vector=vector, limit=10, filters=only)
    assert len(found.semantic) == len(found.lexical) == 3
