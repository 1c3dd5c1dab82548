"""Counting the tokens of any part of a text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ingest.chunking.tokens import TokenMeter
from retrieval.embedding.embedder import Embedder
from tests.ingest.makers import texts


@pytest.fixture(scope="module")
def tokenizer(embedder: Embedder) -> Tokenizer:
    return embedder.tokenizer


def test_counts_as_the_model_does_without_its_special_tokens(tokenizer: Tokenizer) -> None:
    text = "The unbelievable pump, VX-2214."
    meter = TokenMeter(text, tokenizer)
    tokens = tokenizer.encode(text, add_special_tokens=False).tokens
    assert meter.count(0, len(text)) == len(tokens)
    assert meter.count(0, 3) == 1
    assert meter.count(3, 4) == 0, "a space is no token"
    assert meter.count(5, 5) == 0


def test_a_long_text_is_counted_as_if_read_at_once(tokenizer: Tokenizer) -> None:
    lines = [f"Pump {n} keeps {n % 9} bar, VX-{n}.\u2028Naïve é\n" for n in range(9000)]
    text = "".join(lines)
    meter = TokenMeter(text, tokenizer)
    starts = [start for start, _ in tokenizer.encode(text, add_special_tokens=False).offsets]
    assert meter.count(0, len(text)) == len(starts)
    for tokens in (1, 5000, len(starts) - 1):
        assert meter.end_of(0, tokens) == starts[tokens]


def test_an_empty_text_has_none(tokenizer: Tokenizer) -> None:
    meter = TokenMeter("", tokenizer)
    assert meter.count(0, 0) == 0
    assert meter.end_of(0, 10) == 0


@settings(max_examples=60, deadline=None)
@given(words=st.lists(texts(longest=3), min_size=1, max_size=30), data=st.data())
def test_a_part_between_white_space_counts_as_it_would_alone(
    tokenizer: Tokenizer, words: list[str], data: st.DataObject
) -> None:
    text = " ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    start = sum(len(word) + 1 for word in words[:first])
    part = " ".join(words[first : last + 1])
    alone = len(tokenizer.encode(part, add_special_tokens=False).ids)
    assert TokenMeter(text, tokenizer).count(start, start + len(part)) == alone


@settings(max_examples=60, deadline=None)
@given(text=texts(longest=60), data=st.data())
def test_parts_add_up(tokenizer: Tokenizer, text: str, data: st.DataObject) -> None:
    meter = TokenMeter(text, tokenizer)
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=3, max_size=3)))
    a, b, c = places
    assert meter.count(a, b) + meter.count(b, c) == meter.count(a, c)


@settings(max_examples=60, deadline=None)
@given(text=texts(longest=60), data=st.data())
def test_the_end_of_some_tokens_is_as_far_as_they_reach(
    tokenizer: Tokenizer, text: str, data: st.DataObject
) -> None:
    meter = TokenMeter(text, tokenizer)
    start = data.draw(st.integers(0, len(text)))
    tokens = data.draw(st.integers(1, 80))
    end = meter.end_of(start, tokens)
    assert start <= end <= len(text)
    assert meter.count(start, end) <= tokens
    if end < len(text):
        assert meter.count(start, end + 1) > tokens
