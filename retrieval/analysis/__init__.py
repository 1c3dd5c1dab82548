"""Text to index terms by language, and which language a text is in."""

from retrieval.analysis.analyzer import analyze
from retrieval.analysis.languages import (
    DEFAULT_LANGUAGE,
    LANGUAGES,
    Language,
    UnknownLanguage,
    checked_language,
)
from retrieval.analysis.terms import MAX_TERM_CHARACTERS, TERM_SPACE, term_id

__all__ = [
    "DEFAULT_LANGUAGE",
    "LANGUAGES",
    "MAX_TERM_CHARACTERS",
    "TERM_SPACE",
    "Language",
    "UnknownLanguage",
    "analyze",
    "checked_language",
    "term_id",
]
