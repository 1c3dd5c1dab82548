"""An answer whose brackets mean nothing: no knowledge base was searched for it."""

from __future__ import annotations

from typing import Protocol

from kb.gateway.events import Cited, TextDelta


class AnswerText(Protocol):
    """The text of all rounds of a turn, on its way to the caller."""

    @property
    def dropped(self) -> int:
        """Citations of what was never found."""
        ...

    def feed(self, text: str) -> list[TextDelta | Cited]: ...

    def end_round(self) -> list[TextDelta | Cited]: ...


class PlainText:
    """Passes text on as it is; each round is a paragraph."""

    dropped = 0

    def __init__(self) -> None:
        self._last = ""
        self._owes_paragraph = False

    def feed(self, text: str) -> list[TextDelta | Cited]:
        """The text, apart from that of the round before."""
        if not text:
            return []
        if self._owes_paragraph and "\n" not in (self._last, text[0]):
            text = f"\n\n{text}"
        self._owes_paragraph = False
        self._last = text[-1]
        return [TextDelta(text=text)]

    def end_round(self) -> list[TextDelta | Cited]:
        """Nothing is held back."""
        self._owes_paragraph = bool(self._last)
        return []
