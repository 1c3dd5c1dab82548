"""Strategies and options of chunking: what they promise for any document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import dropwhile, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ingest.chunking import chunk
from ingest.chunking.draft import Draft
from ingest.chunking.fixed import fixed_chunks
from ingest.chunking.settings import chunk_settings
from ingest.errors import ChunkSizeOutOfRange, InvalidChunking
from ingest.parsing.document import ParsedDocument
from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder, Vectors
from retrieval.embedding.models import MODELS
from retrieval.index import CHUNK_STRATEGIES, ChunkSettings, ChunkStrategy
from tests.ingest.makers import documents, heading, make_parsed, table

MODEL = MODELS[0]
CATS = "The cat sleeps on the warm sofa. A cat purrs when it is stroked. Kittens play with wool. "
TAXES = "The tax office sends an invoice. Income tax is due in May. A late payment costs interest. "


@pytest.fixture(scope="module")
def tokenizer(embedder: Embedder) -> Tokenizer:
    return embedder.tokenizer


def no_embedding(texts: Sequence[str]) -> Vectors:
    raise AssertionError(f"nothing to embed here: {texts}")


def some_vectors(texts: Sequence[str]) -> Vectors:
    """Unit vectors that depend on the text alone."""
    rows = [np.random.default_rng(len(text)).normal(size=8) for text in texts]
    return np.array([row / np.linalg.norm(row) for row in rows], np.float32)


def check(document: ParsedDocument, chunks: list[Chunk], size: int, tokenizer: Tokenizer) -> None:
    """Spans read back, in order, nothing left out, none over its limit."""
    assert [one.position for one in chunks] == list(range(len(chunks)))
    for one in chunks:
        assert one.text == document.text[one.char_start : one.char_end] == one.text.strip() != ""
        counted = len(tokenizer.encode(one.indexed_text).ids)
        assert one.token_count == counted <= size
    ends = [0, *(one.char_end for one in chunks)]
    starts = [*(one.char_start for one in chunks), len(document.text)]
    for end, start in zip(ends, starts, strict=True):
        assert not document.text[end:start].strip()


@pytest.mark.parametrize("strategy", CHUNK_STRATEGIES)
@given(document=documents(), size=st.sampled_from([100, 173, 256]))
@settings(max_examples=40, deadline=None)
def test_any_document_is_chunked_as_promised(
    strategy: ChunkStrategy, document: ParsedDocument, size: int, tokenizer: Tokenizer
) -> None:
    chosen = chunk_settings(MODEL, strategy=strategy, max_chunk_size=size)
    chunks = chunk(document, chosen, tokenizer, some_vectors)
    check(document, chunks, size, tokenizer)
    assert chunks == chunk(document, chosen, tokenizer, some_vectors)


# Fixed length


def test_fixed_chunks_are_full_and_cut_between_words(tokenizer: Tokenizer) -> None:
    document = make_parsed(((CATS + TAXES) * 20).strip())
    chunks = list(fixed_chunks(Draft(document, tokenizer, 100), overlap=0))
    assert all(one.token_count > 95 for one in chunks[:-1])
    assert all(document.text[one.char_end : one.char_end + 1] in " \n" for one in chunks)


def test_overlapping_chunks_repeat_that_many_tokens(tokenizer: Tokenizer) -> None:
    document = make_parsed(((CATS + TAXES) * 20).strip())
    draft = Draft(document, tokenizer, 100)
    chunks = list(fixed_chunks(draft, overlap=30))
    for before, after in pairwise(chunks):
        assert 25 <= draft.size(after.char_start, before.char_end) <= 30
    assert chunks[-1].char_end == len(document.text.rstrip())


def test_a_word_longer_than_a_chunk_is_cut_inside(tokenizer: Tokenizer) -> None:
    document = make_parsed("x" * 1000)
    for overlap in (0, 20):
        chunks = list(fixed_chunks(Draft(document, tokenizer, 100), overlap=overlap))
        assert all(after.char_start <= before.char_end for before, after in pairwise(chunks))
        assert chunks[-1].char_end == 1000
        assert all(one.token_count <= 100 for one in chunks)


# Semantic


def test_a_semantic_cut_falls_where_the_subject_changes(embedder: Embedder) -> None:
    document = make_parsed((CATS * 2).strip() + " " + (TAXES * 2).strip())
    chosen = chunk_settings(MODEL, strategy="semantic", max_chunk_size=200, semantic_threshold=0.3)
    chunks = chunk(document, chosen, embedder.tokenizer, embedder.embed_passages)
    assert len(chunks) > 1
    assert not any("cat" in one.text.lower() and "tax" in one.text.lower() for one in chunks)


def test_a_higher_threshold_gives_more_chunks(embedder: Embedder) -> None:
    document = make_parsed(*((CATS + TAXES).strip() for _ in range(6)))
    counts = [
        len(
            chunk(
                document,
                chunk_settings(MODEL, strategy="semantic", semantic_threshold=threshold),
                embedder.tokenizer,
                embedder.embed_passages,
            )
        )
        for threshold in (0.0, 0.5, 1.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_tables_and_headings_are_no_sentences(tokenizer: Tokenizer) -> None:
    document = make_parsed(heading("Prices"), table("| a. b. c | 1 |", "| d. e | 2 |"), "End.")
    chosen = chunk_settings(MODEL, strategy="semantic", semantic_threshold=1.0)
    chunks = chunk(document, chosen, tokenizer, some_vectors)
    assert any("Prices" in one.text and "d. e" in one.text for one in chunks)


@pytest.mark.parametrize("strategy", ["section", "hierarchical", "sentence_window", "fixed"])
def test_only_semantic_chunking_embeds(strategy: ChunkStrategy, tokenizer: Tokenizer) -> None:
    chosen = chunk_settings(MODEL, strategy=strategy)
    assert chunk(make_parsed(CATS.strip()), chosen, tokenizer, no_embedding)


# Hierarchical


@given(document=documents())
@settings(max_examples=40, deadline=None)
def test_every_child_lies_in_its_parent_and_parents_part_the_document(
    tokenizer: Tokenizer, document: ParsedDocument
) -> None:
    chosen = chunk_settings(
        MODEL, strategy="hierarchical", max_chunk_size=100, parent_chunk_size=400
    )
    chunks = chunk(document, chosen, tokenizer, no_embedding)
    parents: list[tuple[int, int]] = []
    for one in chunks:
        assert one.parent
        start, end = one.parent
        assert start <= one.char_start < one.char_end <= end
        assert len(tokenizer.encode(document.text[start:end]).ids) <= 400
        if one.parent not in parents:
            parents.append(one.parent)
    assert parents == sorted(parents)
    assert all(before[1] <= after[0] for before, after in pairwise(parents))


def test_a_parent_may_be_longer_than_the_model_reads(tokenizer: Tokenizer) -> None:
    document = make_parsed(*[(CATS + TAXES).strip()] * 15)
    chosen = chunk_settings(
        MODEL, strategy="hierarchical", max_chunk_size=128, parent_chunk_size=1500
    )
    chunks = chunk(document, chosen, tokenizer, no_embedding)
    assert {one.parent for one in chunks} == {(0, len(document.text.rstrip()))}
    assert len(chunks) > 5


# Sentence windows


def windows(document: ParsedDocument, tokenizer: Tokenizer, window: int = 3) -> list[Chunk]:
    chosen = chunk_settings(MODEL, strategy="sentence_window", window_size=window)
    return chunk(document, chosen, tokenizer, no_embedding)


def around(document: ParsedDocument, one: Chunk) -> str:
    assert one.parent
    return document.text[slice(*one.parent)]


def numbered(first: int, last: int) -> list[str]:
    return [f"Sentence {n} tells of the pump in the north wing." for n in range(first, last + 1)]


def test_a_sentence_is_found_and_those_around_it_are_returned(tokenizer: Tokenizer) -> None:
    document = make_parsed(" ".join(numbered(1, 9)))
    chunks = windows(document, tokenizer, 2)
    assert [one.text for one in chunks] == numbered(1, 9)
    assert around(document, chunks[4]) == " ".join(numbered(3, 7))
    assert around(document, chunks[0]) == " ".join(numbered(1, 3))
    assert around(document, chunks[8]) == " ".join(numbered(7, 9))


def test_a_window_goes_over_paragraphs_and_not_over_headings(tokenizer: Tokenizer) -> None:
    document = make_parsed(
        heading("Pumps"), *numbered(1, 3), heading("Valves"), heading("Red", 2), *numbered(4, 5)
    )
    chunks = windows(document, tokenizer)
    one, two, three, four, five = numbered(1, 5)
    assert [chunk.text for chunk in chunks] == [
        f"Pumps\n\n{one}",
        two,
        three,
        f"Valves\n\nRed\n\n{four}",
        five,
    ]
    pumps, valves = (f"Pumps\n\n{one}\n\n{two}\n\n{three}", f"Valves\n\nRed\n\n{four}\n\n{five}")
    assert [around(document, chunk) for chunk in chunks] == [pumps] * 3 + [valves] * 2


def test_very_short_sentences_share_a_chunk(tokenizer: Tokenizer) -> None:
    first, second = numbered(1, 2)
    document = make_parsed(f"{first} See Fig. 2. It runs. {second}")
    assert [one.text for one in windows(document, tokenizer)] == [
        first,
        f"See Fig. 2. It runs. {second}",
    ]


@given(document=documents(), window=st.integers(1, 10))
@settings(max_examples=40, deadline=None)
def test_every_sentence_lies_in_a_window_of_one_section(
    tokenizer: Tokenizer, document: ParsedDocument, window: int
) -> None:
    for one in (chunks := windows(document, tokenizer, window)):
        assert one.parent
        start, end = one.parent
        assert start <= one.char_start < one.char_end <= end
        assert sum(start <= other.char_start < end for other in chunks) <= 2 * window + 1
        inside = [
            block for block in document.blocks if block.char_start < end and start < block.char_end
        ]
        under = list(dropwhile(lambda block: block.kind == "heading", inside))
        assert all(block.kind != "heading" for block in under)


def test_a_window_of_long_tables_is_narrowed(tokenizer: Tokenizer) -> None:
    rows = [f"| pump {n} | stands in the north wing | {n} bar |" for n in range(600)]
    document = make_parsed(table(*rows))
    chunks = windows(document, tokenizer, 10)
    longest = max(len(tokenizer.encode(around(document, one)).ids) for one in chunks)
    assert 3500 < longest <= 4002


# Minimum size


def sizes(document: ParsedDocument, chunks: list[Chunk], tokenizer: Tokenizer) -> list[int]:
    draft = Draft(document, tokenizer, 256)
    return [draft.size(one.char_start, one.char_end) for one in chunks]


def test_a_chunk_under_the_minimum_joins_the_neighbour_it_fits_best_with(
    tokenizer: Tokenizer,
) -> None:
    """The rest between them fits with either, and makes more even chunks with the shorter."""
    pump, valve = ("The pump runs. " * n for n in (38, 34))
    document = make_parsed(
        heading("A"), pump.strip(), heading("B"), "pump " * 60 + "end", heading("C"), valve.strip()
    )
    apart, joined = (
        chunk(document, chunk_settings(MODEL, min_chunk_size=size), tokenizer, no_embedding)
        for size in (0, 80)
    )
    assert [one.text[0] for one in apart] == ["A", "B", "C"]
    assert [one.text[0] for one in joined] == ["A", "B"]


def test_what_fits_with_neither_neighbour_stays_short(tokenizer: Tokenizer) -> None:
    long = ("The pump runs. " * 58).strip()
    document = make_parsed(
        heading("A"), long, heading("B"), "pump " * 50 + "end", heading("C"), long
    )
    chosen = chunk_settings(MODEL, min_chunk_size=60)
    assert len(chunk(document, chosen, tokenizer, no_embedding)) == 3


@pytest.mark.parametrize("strategy", ["section", "semantic"])
@given(document=documents(), minimum=st.sampled_from([40, 80, 128]))
@settings(max_examples=20, deadline=None)
def test_no_chunk_under_the_minimum_fits_with_a_neighbour(
    strategy: ChunkStrategy, document: ParsedDocument, minimum: int, tokenizer: Tokenizer
) -> None:
    chosen = chunk_settings(MODEL, strategy=strategy, min_chunk_size=minimum)
    chunks = chunk(document, chosen, tokenizer, some_vectors)
    check(document, chunks, 256, tokenizer)
    draft = Draft(document, tokenizer, 256)
    for before, after in pairwise(chunks):
        small = min(sizes(document, [before, after], tokenizer)) < minimum
        room = draft.room(draft.block_at(before.char_start), before.char_start)
        assert not small or draft.size(before.char_start, after.char_end) > room


# Context


@pytest.mark.parametrize("strategy", CHUNK_STRATEGIES)
def test_without_context_only_the_text_is_indexed(
    strategy: ChunkStrategy, tokenizer: Tokenizer
) -> None:
    document = make_parsed(heading("Pumps"), (CATS * 20).strip(), title="Guide")
    chosen = chunk_settings(MODEL, strategy=strategy, context="none")
    chunks = chunk(document, chosen, tokenizer, some_vectors)
    assert {one.context for one in chunks} == {""}
    check(document, chunks, 256, tokenizer)


def test_a_part_of_a_table_has_its_header_row_in_any_case(tokenizer: Tokenizer) -> None:
    rows = ["| pump | bar |", *(f"| P-{n} | {n} |" for n in range(90))]
    document = make_parsed(heading("Pumps"), table(*rows), title="Guide")
    chosen = chunk_settings(MODEL, context="none")
    _, *others = chunk(document, chosen, tokenizer, no_embedding)
    assert {one.context for one in others} == {"| pump | bar |"}


@pytest.mark.parametrize("strategy", CHUNK_STRATEGIES)
@pytest.mark.parametrize(("size", "room"), [(100, 25), (256, 64)])
@given(document=documents())
@settings(max_examples=15, deadline=None)
def test_there_is_room_for_a_line_that_a_language_model_writes(
    strategy: ChunkStrategy, size: int, room: int, document: ParsedDocument, tokenizer: Tokenizer
) -> None:
    chosen = chunk_settings(MODEL, strategy=strategy, max_chunk_size=size, context="llm")
    check(document, chunk(document, chosen, tokenizer, some_vectors), size - room, tokenizer)


# Settings


def test_defaults_fit_the_model() -> None:
    assert chunk_settings(MODEL) == ChunkSettings(max_chunk_size=256)
    assert chunk_settings(MODEL, strategy="hierarchical", max_chunk_size=128) == ChunkSettings(
        strategy="hierarchical", max_chunk_size=128, parent_chunk_size=640
    )
    assert chunk_settings(MODEL, strategy="semantic").semantic_threshold == 0.5
    assert chunk_settings(MODEL, strategy="sentence_window").window_size == 3


def test_a_model_that_reads_pages_gets_chunks_of_a_page_unless_it_is_said() -> None:
    long = replace(MODEL, max_tokens=8192)
    assert chunk_settings(long).max_chunk_size == 800
    assert chunk_settings(long, max_chunk_size=8192).max_chunk_size == 8192


@pytest.mark.parametrize("size", [0, -5, 99, 257])
def test_a_size_the_model_does_not_allow_is_refused_with_the_range(size: int) -> None:
    with pytest.raises(ChunkSizeOutOfRange, match=f"from 100 to 256, not {size}"):
        chunk_settings(MODEL, max_chunk_size=size)


def test_options_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(InvalidChunking, match="over the child's 200 tokens"):
        chunk_settings(MODEL, strategy="hierarchical", max_chunk_size=200, parent_chunk_size=200)
    with pytest.raises(InvalidChunking, match="belongs to the strategy semantic"):
        chunk_settings(MODEL, semantic_threshold=0.4)
    with pytest.raises(InvalidChunking, match=r"from 0 to 1, not 1\.1"):
        chunk_settings(MODEL, strategy="semantic", semantic_threshold=1.1)
    with pytest.raises(InvalidChunking, match="from 0 to 50 tokens"):
        chunk_settings(MODEL, strategy="fixed", max_chunk_size=100, overlap=51)
    for window in (0, 11):
        with pytest.raises(InvalidChunking, match=f"from 1 to 10 sentences, not {window}"):
            chunk_settings(MODEL, strategy="sentence_window", window_size=window)
    with pytest.raises(InvalidChunking, match="belongs to the strategy sentence_window"):
        chunk_settings(MODEL, window_size=3)
    for minimum in (-1, 101):
        with pytest.raises(InvalidChunking, match=f"from 0 to 100 tokens .* not {minimum}"):
            chunk_settings(MODEL, max_chunk_size=200, min_chunk_size=minimum)
    with pytest.raises(InvalidChunking, match="belongs to the strategy section or semantic"):
        chunk_settings(MODEL, strategy="fixed", min_chunk_size=10)
    with pytest.raises(InvalidChunking, match="none, headers, llm"):
        chunk_settings(MODEL, context="titles")  # pyright: ignore[reportArgumentType] as a caller may
