"""Text to index terms, the same at index and at query time: words stemmed, codes kept whole."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b

import Stemmer

from retrieval.errors import RetrievalError

Language = str
"""An ISO 639-1 code, one of `LANGUAGES`."""
DEFAULT_LANGUAGE: Language = "en"
LANGUAGES: tuple[Language, ...] = ("en",)


class UnknownLanguage(RetrievalError):
    """Documents in this language can only be analysed as another one."""


def checked_language(code: str) -> Language:
    """The code itself. Raises `UnknownLanguage`, which lists the codes there are."""
    if code not in LANGUAGES:
        raise UnknownLanguage(f"{code!r} is not one of: {', '.join(LANGUAGES)}.")
    return code


TERM_SPACE = 1_000_000_000  # the most dimensions that pgvector's sparsevec allows
MAX_TERM_CHARACTERS = 64

# The 33 words that Lucene's English analyser leaves out.
STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
    ]
)

WORD = re.compile(r"[^\W_]+(?:[._/:+\-][^\W_]+)*")
JOINER = re.compile(r"[._/:+\-]")
# What NFKC leaves: a soft hyphen only shows at line ends, U+2010 is what it makes of U+2011.
HYPHENS = {0x00AD: None, 0x2010: "-"}
POSSESSIVE = re.compile(r"['\N{RIGHT SINGLE QUOTATION MARK}]s\b")


def analyze(text: str, language: Language = DEFAULT_LANGUAGE) -> list[str]:
    """The terms of `text`, in order, with repeats.

    Compatibility forms are folded (NFKC), case is dropped, English stop words are left out and
    plain words are stemmed (Snowball English). A joined word such as `VX-2214` or `kb.toml`
    yields itself and its parts, so that a code is found both whole and in pieces.
    """
    folded = unicodedata.normalize("NFKC", text).lower().translate(HYPHENS)
    terms: list[str] = []
    for word in WORD.findall(POSSESSIVE.sub("", folded)):
        if word not in STOP_WORDS:
            terms.extend(_terms_of(word))
    return terms


@lru_cache(maxsize=200_000)
def _terms_of(word: str) -> tuple[str, ...]:
    parts = JOINER.split(word)
    stems = [_stem(part) for part in parts if part not in STOP_WORDS]
    return tuple(stems if len(parts) == 1 else [word[:MAX_TERM_CHARACTERS], *stems])


def _stem(word: str) -> str:
    return (_snowball(word) if word.isalpha() else word)[:MAX_TERM_CHARACTERS]


def _snowball(word: str) -> str:
    # A stemmer keeps state between calls and is not thread-safe; making one is cheap, and the
    # cache above means that each distinct word is stemmed once.
    stemmer = Stemmer.Stemmer("english", 0)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] untyped
    return str(stemmer.stemWord(word))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] untyped


@lru_cache(maxsize=200_000)
def term_id(term: str) -> int:
    """A stable number for a term, from 0 to `TERM_SPACE` - 1.

    Hashing needs no vocabulary table and no coordination between writers. Two of 100,000 distinct
    terms share a number with probability 1e-9 a pair: about five pairs in all.
    """
    return int.from_bytes(blake2b(term.encode(), digest_size=8).digest(), "big") % TERM_SPACE
