"""The terms of a question to documents in several languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from retrieval.analysis.analyzer import analyze
from retrieval.analysis.detection import likeliest
from retrieval.analysis.languages import Language


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
