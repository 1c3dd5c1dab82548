"""Citation markers, taken out of an answer while it is written."""

from __future__ import annotations

from collections.abc import Callable

import regex

from kb.gateway.cited_text import CitedText
from kb.gateway.code_spans import CodeSpans
from kb.gateway.events import Cited, NumberedPassage, TextDelta

_NUMBER = r"\^?\d{1,3}"
# [1] and [1, 2] and [^1], in brackets of any width; 【1†L3】 as some models write on their own.
_MARKER = regex.compile(
    rf"[\[\uff3b\u3010] ?{_NUMBER}(?: ?[,;\uff0c\u3001] ?{_NUMBER}){{0,30}} ?[\]\uff3d\u3011]"
    r"|\u3010\d{1,3}\u2020[^\u3010\u3011\n]{0,60}\u3011"
)
_DIGITS = regex.compile(r"\d+")
_OPENING = "[\uff3b\u3010"
_CLOSING = "]\uff3d\u3011"
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
        elif _DIGITS.search(self._marker):  # cut off
            self._marker = ""
            self.dropped += 1
        self._release()
        self._text.end_paragraph()
        self._code = CodeSpans()
        self._former = ""
        self._follows_marker = self._owes_blank = False
        return self._text.take()

    @property
    def _is_whole(self) -> bool:
        return bool(self._marker) and self._marker[-1] in _CLOSING

    def _take(self, character: str) -> None:
        is_code = self._code.is_code(character)
        if self._is_whole and character != "(":  # that would be a link
            self._cite()
        elif self._marker and not is_code and self._goes_on(character):
            self._marker += character
            return
        elif self._marker:
            self._release()
        if is_code:
            self._write(character)
        elif character in _BLANKS:
            self._hold(character)
        elif character in _OPENING and (self._blanks or self._former != "\\"):
            self._marker = character
        else:
            self._write(character)

    def _goes_on(self, character: str) -> bool:
        return bool(_MARKER.fullmatch(self._marker + character, partial=True))

    def _hold(self, blank: str) -> None:
        self._blanks += blank
        if len(self._blanks) > _MOST_BLANKS:
            self._text.write(self._blanks[0])
            self._blanks = self._blanks[1:]

    def _cite(self) -> None:
        numbers = [int(found) for found in _DIGITS.findall(self._marker.partition("\u2020")[0])]
        if 0 in numbers:  # no passage, but maybe an index or an interval
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
