"""The answer so far, as long as its citations need to know it."""

from __future__ import annotations

from collections.abc import Sequence

from kb.gateway.events import Cited, NumberedPassage, TextDelta
from kb.gateway.sentences import SentenceStarts, is_weighty

_PARAGRAPH = "\n\n"


class CitedText:
    """Counts characters and finds what each citation supports; keeps no text once it is taken."""

    def __init__(self) -> None:
        self.is_line_start = True
        self._events: list[TextDelta | Cited] = []
        self._untold: list[str] = []
        self._length = 0
        self._starts = SentenceStarts()
        self._start: int | None = None  # of what the next citation supports
        self._cited_from: int | None = None  # where the last citation's began, in this sentence
        self._citing: dict[int, NumberedPassage] = {}
        self._is_ahead = False  # what it supports comes after it
        self._owes_paragraph = False

    def write(self, character: str) -> None:
        """One more character."""
        if self._owes_paragraph:
            self._owes_paragraph = False
            if not (self.is_line_start or character == "\n"):
                for one in _PARAGRAPH:
                    self.write(one)
        starts = self._starts.starts(character)
        if not self._is_ahead or (starts and self._start is not None):
            self._tell_citation()
        if starts:
            self._start = self._cited_from = None
        if self._start is None and is_weighty(character):
            self._start = self._length
        self._untold.append(character)
        self._length += 1
        self.is_line_start = character == "\n"

    def cite(self, passages: Sequence[NumberedPassage]) -> None:
        """The text so far ends on a citation of these; citations side by side become one.

        Where nothing is before it in its sentence, it is a citation of what comes.
        """
        if self._start is not None and self._is_ahead:
            self._tell_citation()
        if passages and not self._citing:
            self._is_ahead = self._start is None and self._cited_from is None
        self._citing.update((one.number, one) for one in passages)

    def end_paragraph(self) -> None:
        """What is written next is apart from the text so far."""
        self._tell_citation()
        self._owes_paragraph = self._length > 0
        self._starts = SentenceStarts()
        self._start = self._cited_from = None

    def take(self) -> list[TextDelta | Cited]:
        """What happened since it was last asked."""
        self._tell_text()
        events, self._events = self._events, []
        return events

    def _tell_text(self) -> None:
        if self._untold:
            self._events.append(TextDelta(text="".join(self._untold)))
            self._untold.clear()

    def _tell_citation(self) -> None:
        if not self._citing:
            return
        self._tell_text()
        start = self._cited_from if self._start is None else self._start
        start = self._length if start is None else start
        self._events.append(
            Cited(passages=tuple(self._citing.values()), start=start, end=self._length)
        )
        self._citing.clear()
        self._is_ahead = False
        self._start, self._cited_from = None, start
