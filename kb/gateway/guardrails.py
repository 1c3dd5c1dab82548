"""Passages as the model is shown them: data that gives no orders, loads nothing, hides nothing.

Only what the model sees is changed. What is quoted to the caller is the passage as it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from kb.gateway.injection_signs import SIGNS

FLAGGED = 0.5
"""A passage with at least this score is left out where flagged ones are."""

# What some reader takes for a line end becomes one, so that every line start can be seen.
_LINE_END = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
# Controls, formats and halves of surrogate pairs, but for the Arabic signs among them that are
# drawn; letters and marks that are drawn as nothing, among them what text can be smuggled in.
_INVISIBLE = regex.compile(
    r"[[\p{Cc}\p{Cf}\p{Cs}]--[\t\n\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u200c\u200d]]"
    r"|[\u034f\u115f\u1160\u17b4\u17b5\u2065\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
    r"|(?<![\u0600-\u1aff])[\u200c\u200d]",  # joiners, which Persian and Hindi are spelt with
    regex.V1,
)
_TAG_CHARACTER = re.compile(r"[\U000e0020-\U000e007e]")  # ASCII that no font draws
_HIDING = re.compile(r"[\u202d\u202e\U000e0000-\U000e007f\U000e0100-\U000e01ef]")
_HIDING_IN_NUMBERS = re.compile(r"[\u034f\u200b\u2060-\u2064\u3164\ufe00-\ufe0e\ufeff\uffa0]")
_MANY = 4  # one or two are how texts come

_COMMENT = "<!--", "-->"
# An opening tag or one of a chat template's own tokens could begin so.
_OPENING = re.compile(r"<(?=[A-Za-z/!?|\uff5c])")
_IMAGE = re.compile(
    r"!\[([^\[\]\n]{0,500}+)\]"
    r"(?:\([^()\n]{0,4000}+(?:\([^()\n]{0,1000}+\)[^()\n]{0,1000}+)?\)|\[[^\[\]\n]{0,500}+\])"
)
_HTML_IMAGE = re.compile(r"<(?:img|image)\b[^<>]{0,8000}+>", re.IGNORECASE)
_ALT = re.compile(r"\balt\s?=\s?(?:\"([^\"]*+)\"|'([^']*+)')", re.IGNORECASE)
_REST_OF_IMAGE = re.compile(r"!(?=\[)")
# How our own passages begin, in any brackets that look like ours.
_HEADER = re.compile(r"(?m)^([ \t>]*+)(?=[\[\uff3b\u3010][ \t]?\^?\d{1,4}[ \t]?[\]\uff3d\u3011])")

_PHRASES = {
    flag: [(one.needs, re.compile(one.pattern.replace(" ", r"\s"))) for one in sign.phrases]
    for flag, sign in SIGNS.items()
}
_LONG = 240  # characters of base64 without a blank
_ENCODED = re.compile(rf"[a-z0-9+/=_-]{{{_LONG}}}")


@dataclass(frozen=True, slots=True)
class Inspection:
    """What in a text looks like an instruction to a model."""

    flags: tuple[str, ...]
    score: float
    """The sum of the flags' weights, 1 at most."""

    @property
    def is_flagged(self) -> bool:
        """Enough to be left out where flagged passages are."""
        return self.score >= FLAGGED


def neutralise(text: str) -> str:
    """The text without what could act on a model or a page.

    Invisible characters and comments are gone, and images but for what they are said to show. All
    else can still be read: `<` that could open a tag is `&lt;`, and a line that begins like one of
    our passages has a backslash before it. Takes time linear in the text.
    """
    text = _without_comments(_INVISIBLE.sub("", _LINE_END.sub("\n", text)))
    text = _REST_OF_IMAGE.sub("", _IMAGE.sub(r"(image: \1)", _HTML_IMAGE.sub(_as_text, text)))
    return _HEADER.sub(r"\1\\", _OPENING.sub("&lt;", text))


def one_line(text: str) -> str:
    """The same for a name or a label, in which no line can begin."""
    return " ".join(neutralise(text).split())


def inspect(text: str) -> Inspection:
    """Looks for what injected instructions have in common. Takes time linear in the text."""
    plain = _plain(text)
    flags = {flag for flag, phrases in _PHRASES.items() if _holds(plain, phrases)}
    if _HIDING.search(text) or len(_HIDING_IN_NUMBERS.findall(text)) >= _MANY:
        flags.add("hidden_characters")
    if any(len(word) >= _LONG and _ENCODED.search(word) for word in plain.split()):
        flags.add("encoded")
    score = sum(SIGNS[flag].weight for flag in flags)
    return Inspection(tuple(sorted(flags)), min(1.0, round(score, 2)))


def _holds(plain: str, phrases: Sequence[tuple[Sequence[str], re.Pattern[str]]]) -> bool:
    return any(
        any(word in plain for word in needs) and pattern.search(plain) for needs, pattern in phrases
    )


def _without_comments(text: str) -> str:
    opening, closing = _COMMENT
    kept: list[str] = []
    place = 0
    while (start := text.find(opening, place)) >= 0:
        end = text.find(closing, start + len(opening))
        if end < 0:
            break
        kept.append(text[place:start])
        place = end + len(closing)
    return "".join([*kept, text[place:]])


def _as_text(image: re.Match[str]) -> str:
    alt = _ALT.search(image[0])
    return f"(image: {' '.join((alt[1] or alt[2] or '').split()) if alt else ''})"


def _plain(text: str) -> str:
    """As the signs' patterns take it; what is spelt in tag characters can be read in it."""
    spelt = _TAG_CHARACTER.sub(lambda found: chr(ord(found[0]) - 0xE0000), text)
    visible = _INVISIBLE.sub("", _LINE_END.sub("\n", spelt))
    folded = unicodedata.normalize("NFKC", visible).lower()
    return "\n".join(" ".join(line.split()) for line in folded.split("\n") if not line.isspace())
