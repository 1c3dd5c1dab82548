"""Where a span of the canonical text stands on its page, found by matching it to PDFium's text.

The two differ in white space, hyphens at line ends, ligatures, the bars of tables, and in headers
and footers, which the canonical text leaves out. So words are matched first, and the characters of
what is left between them second.
"""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, TypeVar

import pypdfium2.raw as pdfium_c  # pyright: ignore[reportMissingTypeStubs]

from ingest.parsing.pdf_lines import WRAPPED, characters

_pdfium: Any = pdfium_c
MAX_WORK = 20_000_000  # pairs of equal parts; more are no page that a person reads
_DROPPED = frozenset({WRAPPED, "\xad"})
_WORD = re.compile(r"[^\W_]+|\S")
T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle in the page's own points, y upwards."""

    left: float
    bottom: float
    right: float
    top: float


def boxes(text_page: Any, text: str, *, start: int, end: int) -> list[Box]:
    """The rectangles that `text[start:end]` covers, one for each line or part of a line.

    `text` is the page's part of the canonical text. What is not found on the page, such as text
    recognised in a picture, has none.
    """
    if start >= end:
        return []
    places = _places(text, characters(text_page))
    found = sorted(places[index] for index in range(start, end) if index in places)
    return list(_merged(_box(text_page, index) for index in found))


@dataclass(frozen=True, slots=True)
class _Word:
    """Characters as they are compared, and the place that each has in the text."""

    text: str
    places: tuple[int, ...]


def _places(text: str, page: str) -> dict[int, int]:
    """For characters of the text, which of the page's each is."""
    ours, theirs = list(_words(text)), list(_words(page))
    places: dict[int, int] = {}
    for a, b in _alike([one.text for one in ours], [one.text for one in theirs]):
        left, right = _join(ours[a[0] : a[1]]), _join(theirs[b[0] : b[1]])
        if left.text == right.text:
            places.update(zip(left.places, right.places, strict=True))
            continue
        for c, d in _alike(left.text, right.text):
            if left.text[c[0] : c[1]] == right.text[d[0] : d[1]]:
                places.update(zip(left.places[slice(*c)], right.places[slice(*d)], strict=True))
    return places


def _words(text: str) -> Iterator[_Word]:
    """Runs of letters and digits, and every other sign by itself."""
    forms: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character in _DROPPED:
            continue
        for form in unicodedata.normalize("NFKD", character):
            if not unicodedata.combining(form):
                forms.append(form)
                places.append(place)
    for match in _WORD.finditer("".join(forms)):
        yield _Word(match[0], tuple(places[match.start() : match.end()]))


def _join(words: Sequence[_Word]) -> _Word:
    return _Word(
        "".join(word.text for word in words),
        tuple(place for word in words for place in word.places),
    )


def _alike(
    ours: Sequence[T], theirs: Sequence[T]
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Stretches of the one that are, or stand in the place of, stretches of the other."""
    here, there = Counter(ours), Counter(theirs)
    if sum(count * there[part] for part, count in here.items()) > MAX_WORK:
        return
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind in ("equal", "replace"):
            yield (a, b), (c, d)


def _box(text_page: Any, index: int) -> Box | None:
    rectangle = pdfium_c.FS_RECTF()
    if not _pdfium.FPDFText_GetLooseCharBox(text_page, index, ctypes.byref(rectangle)):
        return None
    return Box(
        left=min(rectangle.left, rectangle.right),
        bottom=min(rectangle.bottom, rectangle.top),
        right=max(rectangle.left, rectangle.right),
        top=max(rectangle.bottom, rectangle.top),
    )


def _merged(found: Iterator[Box | None]) -> Iterator[Box]:
    """Neighbours on a line are one box, with the space between them."""
    current: Box | None = None
    for box in found:
        if box is None:
            continue
        if current is not None and _follows(current, box):
            current = Box(
                left=min(current.left, box.left),
                bottom=min(current.bottom, box.bottom),
                right=max(current.right, box.right),
                top=max(current.top, box.top),
            )
            continue
        if current is not None:
            yield current
        current = box
    if current is not None:
        yield current


def _follows(before: Box, box: Box) -> bool:
    lower = min(before.top - before.bottom, box.top - box.bottom)
    shared = min(before.top, box.top) - max(before.bottom, box.bottom)
    gap = max(box.left - before.right, before.left - box.right)
    return shared > lower / 2 and gap < max(before.top - before.bottom, lower)
