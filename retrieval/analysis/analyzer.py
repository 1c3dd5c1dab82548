"""Text to index terms, the same at index and at query time: words stemmed, codes kept whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import regex
import Stemmer

from retrieval.analysis.folding import folded
from retrieval.analysis.languages import (
    DEFAULT_LANGUAGE,
    STEMMERS,
    WITHOUT_LATIN_LETTERS,
    Language,
)
from retrieval.analysis.scripts import is_unspaced, overlapping, runs
from retrieval.analysis.stop_words import stop_words
from retrieval.analysis.terms import MAX_TERM_CHARACTERS

# A word holds its marks: without them most scripts of India fall apart at every vowel.
WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:[._/:+\-][\p{L}\p{M}\p{N}]+)*")
JOINER = re.compile(r"[._/:+\-]")
# Not in `mRNA` or `SNPs`: two small letters make a part.
HUMP = re.compile(r"(?<=[a-z]{2})(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
POSSESSIVE = re.compile(r"['\N{RIGHT SINGLE QUOTATION MARK}][sS]\b")

PLAIN = regex.compile(r"[\p{L}\p{M}]+")


def analyze(text: str, language: Language = DEFAULT_LANGUAGE) -> list[str]:
    """The terms of `text`, in order, with repeats.

    Forms of the same characters are folded, case is dropped, stop words are left out and plain
    words are stemmed (Snowball). A joined word such as `VX-2214` or `kb.toml` yields itself and
    its parts, and so does `getUserName`: a code is found both whole and in pieces. Scripts
    without spaces between words are cut as `scripts` says, in a text of any language.
    """
    terms: list[str] = []
    for word in WORD.findall(POSSESSIVE.sub("", folded(text))):
        if word.isascii() or not is_unspaced(word):
            terms.extend(_terms_of(word, language))
        else:
            terms.extend(_terms_of_runs(word, language))
    return terms


def _terms_of_runs(word: str, language: Language) -> Iterator[str]:
    for run in runs(word):
        if is_unspaced(run):
            yield from (term[:MAX_TERM_CHARACTERS] for term in overlapping(run))
        else:
            for part in WORD.findall(run):
                yield from _terms_of(part, language)


@lru_cache(maxsize=200_000)
def _terms_of(word: str, language: Language) -> tuple[str, ...]:
    parts = JOINER.split(word)
    terms = [term for part in parts for term in _terms_of_part(part, language)]
    return tuple(terms if len(parts) == 1 else [word.lower()[:MAX_TERM_CHARACTERS], *terms])


def _terms_of_part(part: str, language: Language) -> Iterator[str]:
    humps = HUMP.split(part)
    for piece in [part] if len(humps) == 1 else [part, *humps]:
        spoken = "en" if language in WITHOUT_LATIN_LETTERS and piece.isascii() else language
        lower = piece.lower()
        if lower not in stop_words(spoken):
            yield _stem(lower, spoken)[:MAX_TERM_CHARACTERS]


def _stem(word: str, language: Language) -> str:
    algorithm = STEMMERS.get(language)
    return _snowball(word, algorithm) if algorithm and PLAIN.fullmatch(word) else word


def _snowball(word: str, algorithm: str) -> str:
    # A stemmer keeps state between calls and is not thread-safe; making one is cheap, and the
    # cache above means that each distinct word is stemmed once.
    stemmer = Stemmer.Stemmer(algorithm, 0)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] untyped
    return str(stemmer.stemWord(word))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] untyped
