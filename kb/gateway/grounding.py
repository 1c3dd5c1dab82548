"""Which sentences of an answer no cited passage supports, by their words.

A sentence is supported if it carries a citation, at least half of its terms (words without stop
words, stemmed in the passages' language) are among those of the passages cited in it, and each
number in it stands in one of them. This sees that a source speaks of the same things, not that it
says the same of them; an answer in another language than its passages counts as unsupported.
Questions, lines that lead to something else with a colon, and code are not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kb.gateway.code_spans import CodeSpans
from kb.gateway.events import Cited, Event, Finished, NumberedPassage, TextDelta, Unsupported
from kb.gateway.sentences import sentence_spans
from retrieval.analysis import analyze
from retrieval.analysis.languages import Language

LEAST_SUPPORT = 0.5

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Grounding:
    """Remembers an answer while it is told, to judge it at the end."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._cited: list[Cited] = []

    def see(self, event: Event) -> Iterator[Unsupported]:
        """One event of the turn. Before the last, which sentences nothing supports, in order."""
        if isinstance(event, TextDelta):
            self._text.append(event.text)
        elif isinstance(event, Cited):
            self._cited.append(event)
        elif isinstance(event, Finished):
            yield from self._unsupported()

    def _unsupported(self) -> Iterator[Unsupported]:
        text = "".join(self._text)
        for start, end in sentence_spans(_without_code(text)):
            sentence = text[start:end]
            if sentence.endswith(("?", ":", "\uff1f", "\uff1a")) or not analyze(sentence):
                continue
            passages = [
                passage
                for cited in self._cited
                if cited.start < end and start < cited.end
                for passage in cited.passages
            ]
            if not passages or support(sentence, passages) < LEAST_SUPPORT:
                yield Unsupported(start=start, end=end)


def support(sentence: str, passages: list[NumberedPassage]) -> float:
    """The share of the sentence's terms that the passages hold; 0 where a number is in none."""
    if not _numbers(sentence) <= {number for one in passages for number in _numbers(_read(one))}:
        return 0.0
    by_language: dict[Language, list[NumberedPassage]] = {}
    for one in passages:
        by_language.setdefault(one.passage.citation.document.language, []).append(one)
    return max(
        _share(sentence, " ".join(_read(one) for one in ours), language)
        for language, ours in by_language.items()
    )


def _share(sentence: str, text: str, language: Language) -> float:
    terms = analyze(sentence, language)
    held = set(analyze(text, language))
    return sum(term in held for term in terms) / len(terms) if terms else 1.0


def _read(one: NumberedPassage) -> str:
    """All that the model read of a passage."""
    passage, citation = one.passage, one.passage.citation
    text = passage.text if passage.parent_text is None else passage.parent_text
    return " ".join((citation.document.item_name, *citation.section_path, text))


def _numbers(text: str) -> set[str]:
    """Those in a text; `1,000` and `1.000` are the same number here."""
    return {found.replace(",", "").replace(".", "") for found in _NUMBER.findall(text)}


def _without_code(text: str) -> str:
    """The text with blanks for code, so that every place in it stays what it was."""
    spans = CodeSpans()
    return "".join(
        " " if spans.is_code(character) and character != "\n" else character for character in text
    )
