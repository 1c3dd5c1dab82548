"""What an extractor's text keeps of a document: its words, its headings, its tables' rows."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")

_WORD = re.compile(r"\w+")
_FIGURE = re.compile(r"\d[\d,.]*")
_MARKS = re.compile(r"[|$€£%()*\\]|[-\u2013\u2014](?=\s|$)")
_CELLS = re.compile(r"\||\s{2,}|\t")


def words(text: str) -> Counter[str]:
    """Its words and how often each occurs, without case, accents' spelling and ligatures."""
    return Counter(_words(text))


def agreed(readings: Sequence[Counter[Item]]) -> Counter[Item]:
    """What at least two of them have, each as often as the second of them has it."""
    every = {item for reading in readings for item in reading}
    counts = {item: sorted(reading[item] for reading in readings)[-2] for item in every}
    return Counter({item: count for item, count in counts.items() if count})


def headings(markdown: str) -> list[str]:
    """The headings of a Markdown text, as their words."""
    lines = (line.strip() for line in markdown.splitlines())
    found = (" ".join(_words(line)) for line in lines if line.startswith("#"))
    return [heading for heading in found if heading]


def rows(text: str) -> Counter[tuple[str, ...]]:
    """Lines that end in two figures, as tables of figures have them and prose seldom has."""
    return Counter(tuple(tokens) for line in text.splitlines() if (tokens := _row(line)))


def rows_in_cells(text: str) -> Counter[tuple[str, ...]]:
    """Those of the rows whose figures stand in cells of their own."""
    lines = [line for line in text.splitlines() if _row(line)]
    return Counter(tuple(_row(line)) for line in lines if _ends_in_cells(line))


def _row(line: str) -> list[str]:
    tokens = _MARKS.sub(" ", line).casefold().split()
    return tokens if len(tokens) > 2 and all(map(_FIGURE.fullmatch, tokens[-2:])) else []


def _ends_in_cells(line: str) -> bool:
    cells = [cell for cell in map(_bare, _CELLS.split(line)) if cell]
    return len(cells) > 2 and all(map(_FIGURE.fullmatch, cells[-2:]))


def _bare(cell: str) -> str:
    return _MARKS.sub(" ", cell).strip()


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
