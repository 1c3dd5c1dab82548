"""The terms of a question to documents in several languages."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from retrieval.analysis.analyzer import analyze
from retrieval.analysis.detection import likeliest
from retrieval.analysis.languages import Language

T = TypeVar("T")


async def analyzed(
    analyse: Callable[[str, Sequence[Language]], T], text: str, languages: Sequence[Language]
) -> T:
    """What this makes of a question; on a thread where the question's language is to be found out,
    because what finds it out takes a second to load."""
    if len(languages) > 1:
        return await asyncio.to_thread(analyse, text, languages)
    return analyse(text, languages)


def analyze_question(text: str, languages: Sequence[Language]) -> Counter[str]:
    """How often the question names each term, in the language that has it most often.

    Documents of each language hold its own stems. Where the languages give different terms, only
    those count that the question may be in: what is a stop word in one is a rare word in another.
    """
    analyses = {language: Counter(analyze(text, language)) for language in languages}
    if len({frozenset(terms.items()) for terms in analyses.values()}) > 1:
        analyses = {language: analyses[language] for language in likeliest(text, languages)}
    together: Counter[str] = Counter()
    for terms in analyses.values():
        together |= terms
    return together
