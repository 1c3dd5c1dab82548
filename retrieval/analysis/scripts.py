"""Scripts that are written without spaces between words: how their runs become terms.

Chinese, Japanese and Korean are cut into every two neighbouring characters, Thai, Lao, Khmer and
Burmese into every three, with no dictionary to disagree with itself between a text and a question.
ARCHITECTURE.md has what dictionaries give beside it.
"""

from __future__ import annotations

import regex

# The sign for long vowels belongs to two scripts and by that to neither.
EAST_ASIAN = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\u30fc"
SOUTH_EAST_ASIAN = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"

UNSPACED = regex.compile(rf"[{EAST_ASIAN}{SOUTH_EAST_ASIAN}]")
RUN = regex.compile(
    rf"[{EAST_ASIAN}][{EAST_ASIAN}\p{{M}}]*"
    rf"|[{SOUTH_EAST_ASIAN}][{SOUTH_EAST_ASIAN}\p{{M}}]*"
    rf"|[^{EAST_ASIAN}{SOUTH_EAST_ASIAN}]+"
)
EAST_ASIAN_RUN = regex.compile(rf"[{EAST_ASIAN}]")
LETTER = regex.compile(r"\P{M}\p{M}*")


def runs(text: str) -> list[str]:
    """The text in pieces, each either in one kind of these scripts or in none of them."""
    return RUN.findall(text)


def is_unspaced(text: str) -> bool:
    """Whether there is a character of such a script in it."""
    return UNSPACED.search(text) is not None


def overlapping(run: str) -> list[str]:
    """Each two or three neighbouring letters with their marks, or all of a shorter run."""
    size = 2 if EAST_ASIAN_RUN.match(run) else 3
    letters = LETTER.findall(run)
    return ["".join(letters[at : at + size]) for at in range(max(1, len(letters) - size + 1))]
