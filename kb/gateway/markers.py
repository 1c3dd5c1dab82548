"""Citation markers, taken out of an answer while it is written."""

from __future__ import annotations

from collections.abc import Callable

import regex

from kb.gateway.cited_text import CitedText
from kb.gateway.code_spans import CodeSpans
from kb.gateway.events import Cited, NumberedPassage, TextDelta

_NUMBER = r"\^?\d{1,3}(?: ?[-\u2010-\u2013] ?\^?\d{1,3})?"
_COMMA = r"[,;\uff0c\u3001]"
# [1], [1, 2], [1-3] and [^1], in brackets of any width; 【1†L3】 as some models write on their own.
_PLAIN = (
    rf"(?:[\[\uff3b\u3010] ?{_NUMBER}(?: ?{_COMMA} ?{_NUMBER}){{0,30}} ?[\]\uff3d\u3011]"
    r"|\u3010\d{1,3}\u2020[^\u3010\u3011\n]{0,60}\u3011)"
)
_SEVERAL = rf"{_PLAIN}(?: ?{_COMMA}? ?{_PLAIN}){{0,8}}"
# ... and ([1], [2]) and [[1]], whose outer brackets would stay behind with nothing in them.
_MARKER = regex.compile(rf"{_PLAIN}|\( ?{_SEVERAL} ?\)|\[ ?{_SEVERAL} ?\]")
_LINES = regex.compile(r"\u2020[^\u3011]*")
_NUMBERS = regex.compile(r"(\d+)(?: ?[-\u2010-\u2013] ?\^?(\d+))?")
_LONGEST_RUN = 30  # passages from one number to another; further apart they are something else
_OPENING = "([\uff3b\u3010"
_CLOSING = ")]\uff3d\u3011"
_BLANKS = " \t\u00a0\u202f"
_MOST_BLANKS = 16  # held back before what may become a marker


class MarkerFilter:
    """An answer in, clean text and citations out; how the answer was cut makes no difference.

    Holds back only what may still become a marker, and the blanks before it. What stands in code,
    after a backslash or before a link's address stays text. A number that no passage has is dropped
    and counted.
    """

    def __init__(self, passage: Callable[[int], NumberedPassage | None]) -> None:
        self.dropped = 0
        self._passage = passage
        self._text = CitedText()
        self._code = CodeSpans()
        self._blanks = ""
        self._marker = ""  # a marker, or what may become one
        self._former = ""
        self._follows_marker = False
        self._owes_blank = False  # the blanks before a marker are gone, but words must not meet

    def feed(self, text: str) -> list[TextDelta | Cited]:
        """What is certain once this came."""
        for character in text:
            self._take(character)
        return self._text.take()

    def end_round(self) -> list[TextDelta | Cited]:
        """What is left. What is fed after it is another paragraph of the same answer."""
        if self._is_whole:
            self._cite()
        elif _NUMBERS.search(self._marker):  # cut off
            self._blanks = self._marker = ""
            self.dropped += 1
        self._release()
        self._text.end_paragraph()
        self._code = CodeSpans()
        self._former = ""
        self._follows_marker = self._owes_blank = False
        return self._text.take()

    @property
    def _is_whole(self) -> bool:
        return self._marker[-1:] in _CLOSING and bool(_MARKER.fullmatch(self._marker))

    def _take(self, character: str) -> None:
        if self._code.is_code(character):
            self._settle(character)
            self._write(character)
        else:
            self._see(character)

    def _see(self, character: str) -> None:
        """A character that stands in no code."""
        if self._marker and self._goes_on(character):
            self._marker += character
            return
        self._settle(character)
        if character in _BLANKS:
            self._hold(character)
        elif character in _OPENING and (self._blanks or self._former != "\\"):
            self._marker = character
        else:
            self._write(character)

    def _settle(self, following: str) -> None:
        """What was held is a marker, or its first bracket is text and the rest is seen again."""
        while self._marker:
            if not self._is_whole:
                held, self._marker = self._marker, ""
                self._write(held[0])
                for character in held[1:]:
                    self._see(character)
            elif following == "(" and self._marker[0] != "(":  # a link
                self._release()
            else:
                self._cite()

    def _goes_on(self, character: str) -> bool:
        return bool(_MARKER.fullmatch(self._marker + character, partial=True))

    def _hold(self, blank: str) -> None:
        self._blanks += blank
        if len(self._blanks) > _MOST_BLANKS:
            self._text.write(self._blanks[0])
            self._blanks = self._blanks[1:]

    def _cite(self) -> None:
        numbers = _numbers(self._marker)
        if not numbers:
            self._release()
            return
        passages = [self._passage(number) for number in numbers]
        self.dropped += passages.count(None)
        self._text.cite([one for one in passages if one is not None])
        self._owes_blank = self._owes_blank or bool(self._blanks)
        self._blanks = self._marker = ""
        self._follows_marker = True

    def _write(self, character: str) -> None:
        if self._follows_marker:
            if self._text.is_line_start:
                self._blanks = ""
            elif self._owes_blank and not self._blanks and character.isalnum():
                self._blanks = " "
        self._release()
        self._text.write(character)
        self._former = character

    def _release(self) -> None:
        """What was held back is text after all."""
        held = self._blanks + self._marker
        self._blanks = self._marker = ""
        self._follows_marker = self._owes_blank = False
        for character in held:
            self._text.write(character)
        self._former = held[-1:] or self._former


def _numbers(marker: str) -> list[int]:
    """All that it names; none where it is an index or an interval instead."""
    numbers: list[int] = []
    for found in _NUMBERS.finditer(_LINES.sub("", marker)):
        first, last = int(found[1]), int(found[2] or found[1])
        if not 0 < first <= last <= first + _LONGEST_RUN:
            return []
        numbers += range(first, last + 1)
    return numbers
