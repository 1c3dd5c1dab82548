"""Where sentences begin, told character by character, so that a text can be cut while it comes."""

from __future__ import annotations

from collections.abc import Iterator

_SOFT = ".\u2026"  # what goes on in small letters after these is the same sentence
_HARD = "!?"
_WIDE = "\u3002\uff01\uff1f\uff0e\u0964\u06d4"  # no blank is needed after these
_CLOSING = "\"'\u2019\u201d\u00bb)]\u300d\u300f\uff09*_"
_OPENING = "\"'\u2018\u201c\u201e\u00ab([\u300c\u300e\uff08\u00bf\u00a1$\u20ac\u00a3\u00a5"
_LONGEST = 12  # characters of an abbreviation
# A full stop after one of these ends nothing, nor after a single letter, as in `J. Smith`, `z. B.`
# Words that end sentences more often than they are cut short, such as `no`, are not among them.
_ABBREVIATIONS = (
    " approx bzw ca cf dept dr e.g ed eds eq evtl fig figs ggf i.e inc inkl jr ltd mme mr mrs ms nr"
    " pp prof pág sr sra srta st tel ud uds usw vgl vol vs "
)


class SentenceStarts:
    """Fed every character of a text, once and in order."""

    def __init__(self) -> None:
        self._stop = ""  # what ended the sentence; closing quotes and brackets may have followed
        self._blank = False
        self._lines = 0  # ends of lines in the white space just before
        self._word = ""
        self._is_first_word = True

    def starts(self, character: str) -> bool:
        """Whether a new sentence starts with it. White space starts none."""
        if character.isspace():
            self._blank = True
            self._lines += character == "\n"
            return False
        starts = self._lines > 1 or (self._may_start and not self._continues(character))
        self._follow(character, starts=starts)
        return starts

    @property
    def _may_start(self) -> bool:
        return self._lines == 1 or bool(self._stop and (self._blank or self._stop in _WIDE))

    def _continues(self, character: str) -> bool:
        if not self._blank:
            return character in _CLOSING
        return character.islower() and self._stop in ("", *_SOFT)

    def _follow(self, character: str, *, starts: bool) -> None:
        if starts or self._blank:
            self._is_first_word = starts or (self._is_first_word and not self._word)
            self._word = ""
        if character in _SOFT + _HARD + _WIDE:
            self._stop = "" if character == "." and self._is_abbreviated else character
        elif starts or self._blank or character not in _CLOSING:
            self._stop = ""
        self._word = (self._word + character)[-_LONGEST - 1 :]
        self._blank = False
        self._lines = 0

    @property
    def _is_abbreviated(self) -> bool:
        """The word before a full stop is one, or numbers an item of a list."""
        word = self._word.lower().lstrip(_OPENING)
        return bool(word) and (
            f" {word} " in _ABBREVIATIONS
            or (len(word) == 1 and word.isalpha())
            or (word[1:2] == "." and word[-2:-1] == "." and word[-1].isalpha())  # as in `U.S.`
            or (self._is_first_word and word.isdigit())
        )


def is_weighty(character: str) -> bool:
    """Whether a sentence can begin with it, as it cannot with a bullet or a stray comma."""
    return character.isalnum() or character in _OPENING


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text stand, without what is between them."""
    starts = SentenceStarts()
    start: int | None = None
    end = 0
    for place, character in enumerate(text):
        if starts.starts(character) and start is not None:
            yield start, end
            start = None
        if start is None and is_weighty(character):
            start = place
        if not character.isspace():
            end = place + 1
    if start is not None:
        yield start, end
