"""One spelling for what looks or means the same, in every language alike."""

from __future__ import annotations

import unicodedata

import regex

# Soft hyphens, joiners, marks of direction and of variants, and the tatweel that stretches an
# Arabic word. The zero-width space stays: in some scripts it is what separates words.
INVISIBLE = regex.compile(r"(?!\u200b)[\p{Default_Ignorable_Code_Point}\u0640]")
FOREIGN_DIGIT = regex.compile(r"(?![0-9])\p{Nd}")


def folded(text: str) -> str:
    """The text in compatibility form (NFKC), with European digits, without invisible characters."""
    if text.isascii():
        return text
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    text = FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.digit(digit[0])), text)
    # U+2010 is what NFKC makes of U+2011. Turkish has two letters i, of which capitals are mixed
    # up as soon as a text holds words of another language; one term for both finds as much.
    return text.replace("\u2010", "-").replace("\u0130", "i").replace("\u0131", "i")
