"""A model's thoughts, where a server leaves them in the text: `<think>...</think>` before it."""

from __future__ import annotations

from typing import Literal

OPENS, CLOSES = "<think>", "</think>"


class Thoughts:
    """Takes them out of a text that comes in pieces. Only what begins with them has any."""

    def __init__(self) -> None:
        self._held = ""
        self._place: Literal["before", "within", "behind", "text"] = "before"

    def text(self, piece: str) -> str:
        """What can be told of the text, now that this piece is here."""
        self._held += piece
        if self._place == "before":
            begun = self._held.lstrip()
            if begun.startswith(OPENS):
                self._held, self._place = begun.removeprefix(OPENS), "within"
            elif not OPENS.startswith(begun):
                self._place = "text"
        if self._place == "within":
            _, closed, rest = self._held.partition(CLOSES)
            if closed:
                self._held, self._place = rest, "behind"
            else:
                self._held = self._held[1 - len(CLOSES) :]
        if self._place == "behind":
            self._held = self._held.lstrip()
            if self._held:
                self._place = "text"
        return self._let_go() if self._place == "text" else ""

    def rest(self) -> str:
        """What was held back, once nothing more comes."""
        return self._let_go() if self._place == "before" else ""

    def _let_go(self) -> str:
        held, self._held = self._held, ""
        return held
