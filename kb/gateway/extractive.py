"""The model `extractive`: no model at all, but the best passages' own sentences, cited.

The same question over the same documents has the same answer. Its usage is zero: nothing was
generated. What cannot apply to it, such as `max_tokens` and the parameters of sampling, is not
looked at.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from kb.gateway.events import (
    Cited,
    Event,
    Finished,
    NumberedPassage,
    SearchFinished,
    TextDelta,
    Usage,
)
from kb.gateway.guardrails import neutralise
from kb.gateway.own_tools import Work
from kb.gateway.search import NAME, SearchTool
from kb.gateway.sentences import sentence_spans
from kb.gateway.turn import Message, ToolCall
from retrieval.analysis import analyze
from retrieval.query import MAX_QUERY_CHARACTERS

MODEL = "extractive"
MOST_SENTENCES = 3
MOST_PASSAGES = 5  # that sentences are taken from
MOST_CHARACTERS = 600  # of a sentence; longer ones are tables and lists that no stop ends
NOTHING = "The knowledge base does not say anything about this."
FAILED = "The knowledge base could not be searched."


@dataclass(frozen=True, slots=True)
class _Candidate:
    source: NumberedPassage
    text: str
    terms: frozenset[str]


async def extract(messages: Sequence[Message], search: SearchTool) -> AsyncGenerator[Event]:
    """Searches for the last message of the user's, and quotes what fits it best."""
    question = next(one.text for one in reversed(messages) if one.role == "user")
    question = question.strip()[:MAX_QUERY_CHARACTERS]
    arguments = json.dumps({"query": question}, ensure_ascii=False)
    work = search.claim(ToolCall(id="call_extractive", name=NAME, arguments=arguments))
    found: tuple[NumberedPassage, ...] = ()
    said = NOTHING
    if isinstance(work, Work):
        yield work.started
        finished, _ = (await work.run())()
        yield finished
        assert isinstance(finished, SearchFinished)
        found = finished.passages
        said = NOTHING if finished.error is None else FAILED
    length = 0
    for one in best_sentences(question, found):
        text = one.text if not length else f" {one.text}"
        yield TextDelta(text=text)
        start, length = length + len(text) - len(one.text), length + len(text)
        yield Cited(passages=(one.source,), start=start, end=length)
    if not length:
        yield TextDelta(text=said)
    yield Finished(reason="stop", usage=Usage(), rounds=0)


def best_sentences(question: str, passages: Sequence[NumberedPassage]) -> list[_Candidate]:
    """Those that share the rarest words with the question, in the order of their passages.

    Where none shares a word, the first sentence of the best passage: it was found by its meaning.
    """
    candidates = [one for source in passages[:MOST_PASSAGES] for one in _sentences(source)]
    frequency = Counter(term for one in candidates for term in one.terms)

    def score(one: _Candidate) -> float:
        language = one.source.passage.citation.document.language
        shared = one.terms & set(analyze(question, language))
        return sum(math.log(1 + len(candidates) / frequency[term]) for term in shared)

    scored = [(score(one), place, one) for place, one in enumerate(candidates)]
    best = max((points for points, _, _ in scored), default=0.0)
    if not best:
        return candidates[:1]
    # Half as good as the best still answers; less is about something else.
    fitting = sorted((one for one in scored if one[0] >= best / 2), key=lambda s: (-s[0], s[1]))
    return [one for _, _, one in sorted(fitting[:MOST_SENTENCES], key=lambda s: s[1])]


def _sentences(source: NumberedPassage) -> list[_Candidate]:
    text, language = source.passage.text, source.passage.citation.document.language
    found: list[_Candidate] = []
    for start, end in sentence_spans(text):
        sentence = " ".join(neutralise(text[start : min(end, start + MOST_CHARACTERS)]).split())
        found.append(_Candidate(source, sentence, frozenset(analyze(sentence, language))))
    return found
