"""BM25 as two sides of an inner product."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.analysis import term_id
from retrieval.bm25 import (
    document_weights,
    inverse_document_frequency,
    query_terms,
    query_weights,
)
from tests.retrieval.stores import reference_bm25

WORDS = ["kettle", "motor", "hinge", "VX-2214", "running", "the", "cafés", "日本語"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)
FREQUENCIES = st.dictionaries(st.integers(0, 99), st.integers(1, 500), max_size=12)


@given(documents=st.integers(1, 10**9), share=st.floats(0, 1))
def test_no_word_counts_against_a_chunk(documents: int, share: float) -> None:
    frequency = max(1, round(documents * share))
    assert inverse_document_frequency(documents, frequency) > 0


@given(documents=st.integers(2, 10**6), frequency=st.integers(1, 10**6 - 1))
def test_a_rarer_word_weighs_more(documents: int, frequency: int) -> None:
    frequency = min(frequency, documents - 1)
    rarer, commoner = (inverse_document_frequency(documents, frequency + n) for n in (0, 1))
    assert rarer > commoner


@given(text=TEXTS, size=st.integers(100, 8192))
def test_document_weights_lie_between_zero_and_one(text: str, size: int) -> None:
    assert all(0 < weight < 1 for weight in document_weights(text, size).values())


def test_a_repeated_word_weighs_more_but_ever_less_so() -> None:
    filler = " ".join(f"filler{n}" for n in range(20))
    weights = [
        document_weights(f"{'kettle ' * count}{filler} {'x ' * (9 - count)}", 256)
        for count in range(1, 9)
    ]
    kettle = [weight[term_id("kettl")] for weight in weights]
    gains = [b - a for a, b in pairwise(kettle)]
    assert all(gain > 0 for gain in gains)
    assert gains == sorted(gains, reverse=True)


def test_a_word_weighs_less_in_a_longer_chunk() -> None:
    short, long = (document_weights("kettle" + " filler" * n, 256) for n in (1, 50))
    assert short[term_id("kettl")] > long[term_id("kettl")]


def test_a_text_without_words_has_no_weights() -> None:
    for text in ("", "  \n", "of the and", "?! — …"):
        assert document_weights(text, 256) == {}
        assert query_terms(text) == Counter()


@given(query=TEXTS, texts=st.lists(TEXTS, min_size=1, max_size=6))
def test_the_inner_product_is_bm25(query: str, texts: list[str]) -> None:
    size = 128
    documents = [document_weights(text, size) for text in texts]
    frequencies = Counter(term for document in documents for term in document)
    weights = query_weights(query_terms(query), frequencies, len(documents))
    products = [
        sum(weight * document.get(term, 0) for term, weight in weights.items())
        for document in documents
    ]
    assert products == pytest.approx(reference_bm25.scores(query, texts, max_chunk_size=size))


def test_words_that_the_index_does_not_hold_weigh_nothing() -> None:
    terms = query_terms("kettle motor motor zeppelin")
    kettle, motor, zeppelin = (term_id(stem) for stem in ("kettl", "motor", "zeppelin"))
    weights = query_weights(terms, {kettle: 2, motor: 2, zeppelin: 0}, 10)
    assert weights.keys() == {kettle, motor}
    assert weights[motor] == 2 * weights[kettle]


def test_a_question_is_analysed_as_each_language_that_it_may_be_in() -> None:
    """A stop word of its own language is a rare word in another, and must not count for it."""
    english, german = "How is the pump of the hinge serviced?", "Wie wird die Pumpe gewartet?"
    assert query_terms(english, ["en", "de"]) == query_terms(english, ["en"])
    assert query_terms(german, ["en", "de"]) == query_terms(german, ["de"])
    assert query_terms(german, ["en"]) != query_terms(german, ["de"])


def test_a_question_in_doubt_counts_as_all_languages_together() -> None:
    together = query_terms("VX-2214 motors", ["en", "de", "simple"])
    for language in ("en", "de", "simple"):
        assert query_terms("VX-2214 motors", [language]) <= together
    assert max(together.values()) == 1, "a word that they agree on counts once"


@given(query=TEXTS, language=st.sampled_from(["en", "de", "zh"]))
def test_one_language_is_no_matter_of_doubt(query: str, language: str) -> None:
    once = query_terms(query, [language])
    assert query_terms(query, [language, language]) == once
    assert once.keys() == document_weights(query, 256, language).keys()
