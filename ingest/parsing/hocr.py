"""hOCR, in which Tesseract reports a page: its lines, like those of a page that has text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Any

from ingest.parsing.pdf_lines import CELL_GAP, Line, tidy
from ingest.parsing.trees import xml_tree

_MIN_CONFIDENCE = 40  # of 100; below it a picture's texture was taken for letters
_SAME_SIZE = 0.15  # sizes nearer than this to the page's usual one are that one, measured badly
_FIELD = re.compile(r"(\w+)((?: -?[\d.]+)+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    text: str
    left: float
    right: float
    confidence: float


def lines(recognised: bytes, *, scale: float, height: float) -> list[Line]:
    """The lines in reading order, in points of a page of this height; scale is pixels a point."""
    spans = xml_tree(recognised).iterfind(".//p/span")
    found = [line for span in spans if (line := _line(span, scale, height)) is not None]
    if not found:
        return []
    usual = median(line.size for line in found for _ in line.text)
    return [
        replace(line, size=usual) if abs(line.size - usual) < usual * _SAME_SIZE else line
        for line in found
    ]


def _line(span: Any, scale: float, height: float) -> Line | None:
    words = [_word(node, scale) for node in span if "".join(node.itertext()).strip()]
    if not words or fmean(word.confidence for word in words) < _MIN_CONFIDENCE:
        return None
    fields = _fields(span)
    left, _, right, bottom = fields["bbox"]
    size = fields["x_size"][0] / scale
    # A baseline is given by its slope and where it begins, counted from the box's lower left.
    baseline = height - (bottom + fields.get("baseline", [0, 0])[1]) / scale
    return Line(
        cells=tidy(tuple(_cells(words, gap=size * CELL_GAP))),
        left=left / scale,
        right=right / scale,
        top=baseline,
        bottom=baseline,
        size=size,
        bold=False,
    )


def _word(node: Any, scale: float) -> _Word:
    fields = _fields(node)
    left, _, right, _ = fields["bbox"]
    return _Word(
        text="".join(node.itertext()).strip(),
        left=left / scale,
        right=right / scale,
        confidence=fields["x_wconf"][0],
    )


def _cells(words: list[_Word], *, gap: float) -> Iterator[str]:
    cell, end = words[0].text, words[0].right
    for word in words[1:]:
        if word.left - end > gap:
            yield cell
            cell = word.text
        else:
            cell += " " + word.text
        end = word.right
    yield cell


def _fields(node: Any) -> dict[str, list[float]]:
    """What stands in the title: names with their numbers."""
    return {
        name: [float(number) for number in numbers.split()]
        for name, numbers in _FIELD.findall(node.get("title", ""))
    }
