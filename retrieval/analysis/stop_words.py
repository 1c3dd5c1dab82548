"""The words that say nothing about what a text is about, by language.

English: the 33 that Lucene's analyser leaves out. The others are PostgreSQL's, which come from
Snowball; what has no list there has none here, and BM25's own weights have to do.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from retrieval.analysis.folding import folded
from retrieval.analysis.languages import Language

LISTS = Path(__file__).with_name("stop_word_lists")


@cache
def stop_words(language: Language) -> frozenset[str]:
    """Lower case and folded; none for a language without a list."""
    path = LISTS / f"{language}.txt"
    return frozenset(folded(path.read_text("utf-8")).split()) if path.exists() else frozenset()
