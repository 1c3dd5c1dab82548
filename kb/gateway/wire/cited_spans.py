"""An answer cut into prose and cited spans, where a citation must be told before its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kb.gateway.events import Cited, NumberedPassage
from kb.gateway.sentences import SentenceStarts


@dataclass(frozen=True, slots=True)
class Span:
    """Some of the answer, and what supports all of it."""

    text: str
    passages: tuple[NumberedPassage, ...] = ()


class CitedSpans:
    """Text and citations in, spans out. Holds back the sentence that may still be cited, once there
    is anything to cite."""

    def __init__(self) -> None:
        self.expecting = False
        """Whether passages were found by now."""
        self._told = 0  # characters of the answer that came out
        self._open = ""
        self._held: Span | None = None
        self._sentences = SentenceStarts()

    def write(self, text: str) -> Iterator[Span]:
        """What is certain with this."""
        if not text:
            return
        yield from self._release()
        settled = 0 if self.expecting else len(text)
        for place, character in enumerate(text, len(self._open)):
            if self._sentences.starts(character) and self.expecting:
                settled = place
        self._open += text
        yield from self._cut(settled)

    def cite(self, cited: Cited) -> Iterator[Span]:
        """The prose before a cited span; the span itself comes with what follows, since more may
        support it."""
        start, end = (max(at - self._told, 0) for at in (cited.start, cited.end))
        if self._held is not None and not end:
            self._held = Span(self._held.text, self._held.passages + cited.passages)
            return
        yield from self._release()
        if start >= end:  # a citation of no words is one of those before it
            start = 0
        yield from self._cut(start)
        text, self._open = self._open[: end - start], self._open[end - start :]
        self._told += len(text)
        self._held = Span(text, cited.passages)

    def rest(self) -> Iterator[Span]:
        """What was held back; what may still be written is apart from it."""
        yield from self._release()
        yield from self._cut(len(self._open))
        self._sentences = SentenceStarts()

    def _release(self) -> Iterator[Span]:
        held, self._held = self._held, None
        if held is not None:
            yield held

    def _cut(self, length: int) -> Iterator[Span]:
        text, self._open = self._open[:length], self._open[length:]
        self._told += len(text)
        if text:
            yield Span(text)
