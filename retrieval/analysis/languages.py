"""The languages that texts can be analysed as."""

from __future__ import annotations

from collections.abc import Mapping

from retrieval.errors import RetrievalError

Language = str
"""An ISO 639-1 code, or `simple`: one of `LANGUAGES`."""
DEFAULT_LANGUAGE: Language = "en"
SIMPLE: Language = "simple"
"""For texts in any other language: nothing is stemmed and nothing left out."""

# Every language that Snowball has a stemmer for.
STEMMERS: Mapping[Language, str] = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "eo": "esperanto",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "st": "sesotho",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
WITHOUT_WORD_ENDINGS: tuple[Language, ...] = ("ja", "ko", "th", "zh")
"""Written in scripts that `scripts` cuts, whatever the language; there is nothing to stem."""

LANGUAGES: tuple[Language, ...] = (*sorted([*STEMMERS, *WITHOUT_WORD_ENDINGS]), SIMPLE)

# Latin words in their texts are taken for English, as PostgreSQL does it.
WITHOUT_LATIN_LETTERS = frozenset(
    ["ar", "el", "fa", "hi", "hy", "ne", "ru", "ta", "yi", *WITHOUT_WORD_ENDINGS]
)


class UnknownLanguage(RetrievalError):
    """Documents in this language can only be analysed as another one, or as `simple`."""


def checked_language(code: str) -> Language:
    """The code itself. Raises `UnknownLanguage`, which lists the codes there are."""
    if code not in LANGUAGES:
        raise UnknownLanguage(f"{code!r} is not one of: {', '.join(LANGUAGES)}.")
    return code
