"""What counts as a term, and that two spellings of it are one."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.analysis import (
    LANGUAGES,
    MAX_TERM_CHARACTERS,
    TERM_SPACE,
    analyze,
    analyzer,
    term_id,
)
from retrieval.analysis.languages import STEMMERS, Language
from retrieval.analysis.question import analyzed
from retrieval.analysis.stop_words import LISTS, stop_words
from retrieval.bm25 import document_weights, query_terms


async def test_a_question_whose_language_is_to_be_found_out_holds_up_no_other() -> None:
    def where(text: str, languages: Sequence[Language]) -> int:
        del text, languages
        return threading.get_ident()

    assert await analyzed(where, "kettle", ["en"]) == threading.get_ident()
    assert await analyzed(where, "kettle", ["en", "de"]) != threading.get_ident()


def test_plain_words_are_stemmed_and_stop_words_left_out() -> None:
    assert analyze("The kettles are boiling in the kitchens") == ["kettl", "boil", "kitchen"]


def test_terms_keep_their_order_and_their_repeats() -> None:
    assert analyze("motor kettle motor") == ["motor", "kettl", "motor"]


@pytest.mark.parametrize(
    ("code", "terms"),
    [
        ("VX-2214", ["vx-2214", "vx", "2214"]),
        ("kb.toml", ["kb.toml", "kb", "toml"]),
        ("10.0.0.1:8080", ["10.0.0.1:8080", "10", "0", "0", "1", "8080"]),
        ("snake_case_name", ["snake_case_name", "snake", "case", "name"]),
        ("C/2024", ["c/2024", "c", "2024"]),
        ("E17", ["e17"]),
        ("3.14", ["3.14", "3", "14"]),
        ("state-of-the-art", ["state-of-the-art", "state", "art"]),
        ("well-running", ["well-running", "well", "run"]),
    ],
)
def test_a_code_is_found_whole_and_in_parts(code: str, terms: list[str]) -> None:
    assert analyze(code) == terms
    assert analyze(f"({code}).") == terms
    assert analyze(code.upper()) == terms


@pytest.mark.parametrize(
    ("name", "terms"),
    [
        ("getUserName", ["getusernam", "get", "user", "name"]),
        ("HTTPServer", ["httpserver", "http", "server"]),
        ("parseXMLFile", ["parsexmlfil", "pars", "xml", "file"]),
        ("kb.loadIndex", ["kb.loadindex", "kb", "loadindex", "load", "index"]),
        ("isTheEnd", ["istheend", "end"]),
        ("mRNA", ["mrna"]),
        ("SNPs", ["snps"]),
        ("iPhone", ["iphon"]),
    ],
)
def test_a_name_in_mixed_case_is_found_whole_and_in_parts(name: str, terms: list[str]) -> None:
    assert analyze(name) == terms
    assert analyze(name.lower())[0] == terms[0]


def test_a_sign_at_the_end_of_a_word_joins_nothing() -> None:
    assert analyze("motor. Kettle- hinge: 2214/") == ["motor", "kettl", "hing", "2214"]


@pytest.mark.parametrize("apostrophe", ["'", "\N{RIGHT SINGLE QUOTATION MARK}"])
def test_possessives_are_dropped(apostrophe: str) -> None:
    assert analyze(f"the manager{apostrophe}s key") == analyze("the manager key")


def test_an_apostrophe_s_inside_a_word_is_no_possessive() -> None:
    assert analyze("o'sullivan") == ["o", "sullivan"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ﬁlter", "filter"),
        ("\uff2b\uff45\uff54\uff54\uff4c\uff45", "kettle"),  # full width
        ("m²", "m2"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "café"),
        ("KETTLE", "kettle"),
        ("ket\N{SOFT HYPHEN}tle", "kettle"),
        ("VX\N{NON-BREAKING HYPHEN}2214", "vx-2214"),
        ("ÜBER", "über"),
        ("Kettle\N{NO-BREAK SPACE}motor", "kettle motor"),
        ("ket\N{ZERO WIDTH NON-JOINER}tle", "kettle"),
        ("\N{RIGHT-TO-LEFT MARK}VX-2214\N{LEFT-TO-RIGHT MARK}", "VX-2214"),
        ("\N{ZERO WIDTH NO-BREAK SPACE}kettle", "kettle"),
        ("1\N{VARIATION SELECTOR-16}", "1"),
        ("\u0b87\u0be8", "\u0b872"),  # a digit of another script
        ("İSTANBUL", "istanbul"),
        ("ILIK", "\N{LATIN SMALL LETTER DOTLESS I}l\N{LATIN SMALL LETTER DOTLESS I}k"),
    ],
)
def test_forms_of_the_same_characters_are_the_same_term(one: str, other: str) -> None:
    assert analyze(one) == analyze(other) != []


@pytest.mark.parametrize("language", sorted(path.stem for path in LISTS.iterdir()))
def test_stop_words_are_no_terms_in_any_case(language: str) -> None:
    assert language in STEMMERS
    for word in stop_words(language):
        assert analyze(word, language) == analyze(f"“{word},”", language) == []
        if len(word.upper()) == len(word):
            assert analyze(word.upper(), language) == []


def test_text_without_words_has_no_terms() -> None:
    for text in (
        "",
        " \n\t",
        "—…!?",
        "_ _",
        "'s",
        "\N{GRINNING FACE}",
        "\N{COMBINING ACUTE ACCENT}",
    ):
        assert analyze(text) == []


@given(text=st.text(), language=st.sampled_from(LANGUAGES))
def test_any_text_gives_terms_that_can_be_indexed(text: str, language: str) -> None:
    for term in analyze(text, language):
        assert 0 < len(term) <= MAX_TERM_CHARACTERS
        assert not re.search(r"\s", term)
        assert 0 <= term_id(term) < TERM_SPACE


@given(text=st.text(), language=st.sampled_from(LANGUAGES))
def test_a_question_in_a_texts_own_words_finds_all_of_them(text: str, language: str) -> None:
    """The same analysis at index and at query time, however the text is normalised."""
    assert query_terms(text, [language]).keys() == document_weights(text, 256, language).keys()
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert analyze(composed, language) == analyze(decomposed, language)


@given(words=st.lists(st.sampled_from(["kettle", "VX-2214", "the", "manager's", "Größe"])))
def test_white_space_of_any_kind_only_separates(words: list[str]) -> None:
    assert analyze("\n\t ".join(words)) == [term for word in words for term in analyze(word)]


def test_a_very_long_word_is_one_term_of_bounded_length() -> None:
    assert analyze("x" * 10_000) == ["x" * MAX_TERM_CHARACTERS]
    whole, *parts = analyze("-".join(["abc"] * 1_000))
    assert len(whole) == MAX_TERM_CHARACTERS
    assert set(parts) == {"abc"}


def test_term_numbers_never_change() -> None:
    """They are stored: another hash would make every index useless."""
    assert term_id("kettl") == 388_636_231
    assert term_id("vx-2214") == 62_939_111


def test_terms_seldom_share_a_number() -> None:
    terms = [f"term{number}" for number in range(100_000)]
    assert len({term_id(term) for term in terms}) > len(terms) - 30


@pytest.mark.parametrize("language", ["en", "de", "ru", "zh"])
def test_eight_threads_analyse_as_one_does(language: str) -> None:
    """A stemmer's state is not shared: with it, words would get each other's stems."""
    random = Random(2)
    stems = ["run", "boil", "filter", "organiz", "connect", "retriev", "насос", "größ", "水泵"]
    endings = ["", "s", "ing", "ed", "er", "ers", "ation", "ational", "fully", "ness", "ами"]
    words = [stem + ending + "x" * n for stem in stems for ending in endings for n in range(5)]
    texts = [" ".join(random.choices(words, k=200)) for _ in range(40)]
    cache = analyzer._terms_of  # pyright: ignore[reportPrivateUsage] emptied, so that words are stemmed
    cache.cache_clear()
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(analyze, texts * 4, repeat(language)))
    cache.cache_clear()
    assert together == [analyze(text, language) for text in texts] * 4
