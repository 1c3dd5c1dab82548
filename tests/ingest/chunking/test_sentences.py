"""Where a text that is too long is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ingest.chunking.sentences import split
from ingest.chunking.tokens import TokenMeter
from retrieval.embedding.embedder import Embedder
from tests.ingest.makers import texts

SENTENCE = "The pump keeps the pressure between four and six bar at any time of the day. "


@pytest.fixture(scope="module")
def tokenizer(embedder: Embedder) -> Tokenizer:
    return embedder.tokenizer


def cut(
    text: str, tokenizer: Tokenizer, max_tokens: int, *, start: int = 0, end: int | None = None
) -> list[str]:
    meter = TokenMeter(text, tokenizer)
    stop = len(text) if end is None else end
    spans = list(split(text, meter, start, stop, max_tokens=max_tokens))
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    return [text[a:b] for a, b in spans]


def count(text: str, tokenizer: Tokenizer) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


def test_a_text_that_fits_stays_whole(tokenizer: Tokenizer) -> None:
    assert cut("One. Two. Three.", tokenizer, 100) == ["One. Two. Three."]


def test_nothing_comes_of_nothing(tokenizer: Tokenizer) -> None:
    assert cut("", tokenizer, 100) == []
    assert cut(" \n\t ", tokenizer, 100) == []


def test_only_the_given_part_is_cut(tokenizer: Tokenizer) -> None:
    text = "before. " + SENTENCE * 20 + "after."
    pieces = cut(text, tokenizer, 100, start=8, end=len(text) - 6)
    assert " ".join(pieces) == (SENTENCE * 20).strip()


def test_cuts_at_sentence_ends_into_pieces_of_about_one_size(tokenizer: Tokenizer) -> None:
    text = (SENTENCE * 300).strip()  # about 5,000 words
    pieces = cut(text, tokenizer, 250)
    assert all(piece.endswith("day.") for piece in pieces)
    sizes = [count(piece, tokenizer) for piece in pieces]
    assert max(sizes) <= 250
    assert max(sizes) - min(sizes) <= 2 * count(SENTENCE, tokenizer)
    assert min(sizes) > 200


def test_a_little_too_long_gives_two_halves_and_no_crumb(tokenizer: Tokenizer) -> None:
    text = (SENTENCE * 7).strip()
    total = count(text, tokenizer)
    first, second = cut(text, tokenizer, total - 1)
    assert count(first, tokenizer) >= total // 3
    assert count(second, tokenizer) >= total // 3


@pytest.mark.parametrize(
    ("joint", "ending"),
    [
        ("pressure keeps\n", "keeps"),
        ("pressure keeps. ", "."),
        ("pressure keeps! ", "!"),
        ("pressure keeps?” ", "?”"),
        ("pressure keeps.) ", ".)"),
        ("pressure keeps; ", ";"),
        ("pressure keeps, ", ","),
        ("圧力を保つ。", "。"),
        ("圧力を保つ\uff1f」", "\uff1f」"),
    ],
)
def test_the_best_place_there_is_gets_the_cut(
    tokenizer: Tokenizer, joint: str, ending: str
) -> None:
    """Words that are no such place stand around it."""
    text = (("pump " * 9 + joint) * 40).strip()
    pieces = cut(text, tokenizer, 80)
    assert len(pieces) > 2
    assert all(piece.endswith(ending) for piece in pieces)


def test_without_any_sign_it_cuts_between_words(tokenizer: Tokenizer) -> None:
    pieces = cut("pressure " * 500, tokenizer, 90)
    assert {word for piece in pieces for word in piece.split()} == {"pressure"}
    assert sum(len(piece.split()) for piece in pieces) == 500


def test_a_number_or_an_abbreviation_is_not_cut_at_its_point(tokenizer: Tokenizer) -> None:
    pieces = cut("costs 3.14 at kb.example.org, e.g.; " * 60, tokenizer, 100)
    assert all(piece.count("3.14") == piece.count("kb.example.org") for piece in pieces)


def test_a_word_longer_than_a_piece_is_cut_inside(tokenizer: Tokenizer) -> None:
    word = "\N{THAI CHARACTER KO KAI}" * 95  # a token a letter, and no place to cut
    assert count(word, tokenizer) > 40
    pieces = cut(f"a {word} b", tokenizer, 40)
    assert "".join("".join(pieces).split()) == f"a{word}b"
    assert all(count(piece, tokenizer) <= 40 for piece in pieces)


@settings(max_examples=60, deadline=None)
@given(text=texts(longest=400), max_tokens=st.integers(20, 120))
def test_pieces_cover_the_text_and_keep_the_limit(
    tokenizer: Tokenizer, text: str, max_tokens: int
) -> None:
    pieces = cut(text, tokenizer, max_tokens)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    for piece in pieces:
        assert piece == piece.strip() != ""
        assert count(piece, tokenizer) <= max_tokens
