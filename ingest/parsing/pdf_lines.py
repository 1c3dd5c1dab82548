"""The lines of a PDF page with their place, size and weight, read through PDFium."""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import hypot
from typing import Any

import pypdfium2.raw as pdfium_c  # pyright: ignore[reportMissingTypeStubs]

WRAPPED = "\ufffe"  # PDFium's sign for a hyphen at a line's end; the next line follows at once
BULLETS = "•●▪■◦○‣·\uf0b7\uf0a7*\u2013-"
_BOLD_NAME = re.compile(rb"bold|black|heavy|semi|demi|medi(?!um)|cmbx", re.IGNORECASE)
_BOLD_WEIGHT = 600
CELL_GAP = 1.4  # in font sizes; justified prose stays well under it
_LOOSE = 0.6  # mean width of a character, in font sizes, above which a line has gaps
_PROSE = frozenset("abcdefghijklmnopqrstuvwxyz,;.")
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\xad": "-"}
)
_MARKER = re.compile(
    rf"[{BULLETS}]|\(?[\dA-Za-z]{{1,3}}[.)]|(?:item|note)\s+\d+\w?\.?",
    re.IGNORECASE,
)
_OPENS = re.compile(r"[$€£¥(]|[$€£¥]\s?\(")
_CLOSES = re.compile(r"[)%]{1,2}")
_LETTER = re.compile(r"[^\W_]")
_TRAILING_SIGN = re.compile(r"(.*\S)\s+([$€£¥])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line, with y counted upwards from the foot of the page."""

    cells: tuple[str, ...]
    """Its text; in several parts where wide gaps show columns."""
    left: float
    right: float
    top: float
    """The baseline it starts on; `bottom` is the one it ends on, lower where PDFium joined two."""
    bottom: float
    size: float
    bold: bool

    @property
    def text(self) -> str:
        """The whole line."""
        return " ".join(self.cells)


class PageReader:
    """Reads lines from text pages. It keeps the C buffers, of which making new ones is slow."""

    def __init__(self) -> None:
        self._box = [ctypes.c_double() for _ in range(4)]
        self._box_refs = [ctypes.byref(value) for value in self._box]
        self._matrix = pdfium_c.FS_MATRIX()
        self._name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()

    def lines(self, text_page: Any) -> list[Line]:
        """The page's lines in the order of its content."""
        lines: list[Line] = []
        start = 0
        text = characters(text_page)
        for raw in text.split("\r\n"):
            line = self._line(text_page, raw, start)
            start += len(raw) + 2
            if line is None:
                continue
            joined = _join(lines[-1], line) if lines else None
            if joined is not None:
                lines[-1] = joined
            else:
                lines.append(line)
        return [replace(line, cells=tidy(line.cells)) for line in lines]

    def _line(self, page: Any, raw: str, start: int) -> Line | None:
        first, last = len(raw) - len(raw.lstrip()), len(raw.rstrip()) - 1
        if last < first:
            return None
        left, _, top = self._place(page, start + first)
        _, right, bottom = self._place(page, start + last)
        # Not of a bullet or a closing mark, which may come from another font.
        opening, closing = _LETTER.search(raw), _LETTER.search(raw[::-1])
        head = start + (opening.start() if opening else first)
        size = self._size(page, head)
        bold = self._is_bold(page, head) and (
            closing is None or self._is_bold(page, start + len(raw) - 1 - closing.start())
        )
        loose = right - left > _LOOSE * size * (last + 1 - first)
        return Line(
            cells=tuple(
                self._cells(page, raw[: last + 1], start, first, gap=size * CELL_GAP, loose=loose)
            ),
            left=left,
            right=right,
            top=top,
            bottom=bottom,
            size=size,
            bold=bold,
        )

    def _cells(
        self, page: Any, raw: str, start: int, first: int, *, gap: float, loose: bool
    ) -> Iterator[str]:
        """Cut the line at gaps wider than this.

        Asking PDFium for places is most of the work, so in a line as dense as prose only those
        spaces are measured that have more than small letters around them.
        """
        position = raw.find(" ", first)
        while position != -1:
            after = position + 1
            while raw[after] == " ":
                after += 1
            if (loose or not (raw[after].islower() and raw[position - 1] in _PROSE)) and (
                self._edge(page, start + after, 0) - self._edge(page, start + position - 1, 1) > gap
            ):
                yield raw[first:position]
                first = after
            position = raw.find(" ", after)
        yield raw[first:]

    def _edge(self, page: Any, index: int, side: int) -> float:
        pdfium_c.FPDFText_GetCharBox(page, index, *self._box_refs)
        return self._box[side].value

    def _place(self, page: Any, index: int) -> tuple[float, float, float]:
        pdfium_c.FPDFText_GetCharBox(page, index, *self._box_refs)
        left, right = self._box[0].value, self._box[1].value
        pdfium_c.FPDFText_GetCharOrigin(page, index, *self._box_refs[:2])
        return left, right, self._box[1].value

    def _size(self, page: Any, index: int) -> float:
        size = pdfium_c.FPDFText_GetFontSize(page, index)
        if pdfium_c.FPDFText_GetMatrix(page, index, self._matrix):
            size *= hypot(self._matrix.c, self._matrix.d)
        return max(round(size, 1), 0.1)

    def _is_bold(self, page: Any, index: int) -> bool:
        if pdfium_c.FPDFText_GetFontWeight(page, index) >= _BOLD_WEIGHT:
            return True
        pdfium_c.FPDFText_GetFontInfo(page, index, self._name, len(self._name), self._flags)
        return bool(_BOLD_NAME.search(self._name.value))


def characters(page: Any) -> str:
    """The page's text, one character for each index that PDFium knows."""
    count = pdfium_c.FPDFText_CountChars(page)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (count + 1))()
    written = pdfium_c.FPDFText_GetText(page, 0, count, buffer) - 1
    if written == count:
        return bytes(buffer)[: count * 2].decode("utf-16-le", errors="surrogatepass")
    # Characters without a Unicode value are left out of that text; ask for each one instead.
    codes = (pdfium_c.FPDFText_GetUnicode(page, index) for index in range(count))
    return "".join(chr(code) if 0 < code < 0x110000 else " " for code in codes)


def _join(before: Line, line: Line) -> Line | None:
    """The two as one, where the second goes on along the first one's baseline."""
    size = max(before.size, line.size)
    gap = line.left - before.right
    if abs(before.bottom - line.top) > size * 0.4 or not -0.3 * size < gap:
        return None
    if gap > size * CELL_GAP:
        cells = before.cells + line.cells
    else:
        space = " " if gap > size * 0.15 else ""
        cells = (*before.cells[:-1], before.cells[-1] + space + line.cells[0], *line.cells[1:])
    return replace(
        before,
        cells=cells,
        right=line.right,
        bottom=line.bottom if line.bottom < line.top - size else before.bottom,
        bold=before.bold and line.bold,
    )


def tidy(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Cells as a reader counts them: a sign goes with its figure, a bullet with its text."""
    tidied: list[str] = []
    for raw in cells:
        cell = " ".join(raw.split())
        if not cell.isascii():
            cell = unicodedata.normalize("NFC", cell.translate(_LIGATURES))
        if not cell:
            continue
        if tidied and (sign := _TRAILING_SIGN.fullmatch(tidied[-1])):
            tidied[-1], cell = sign[1], sign[2] + cell
        if tidied and (_OPENS.fullmatch(tidied[-1]) or _CLOSES.fullmatch(cell)):
            tidied[-1] += cell
        elif len(tidied) == 1 and len(cells) == 2 and _MARKER.fullmatch(tidied[0]):
            tidied[0] += " " + cell
        else:
            tidied.append(cell)
    return tuple(tidied)
