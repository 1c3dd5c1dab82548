"""Plain text: the file is the canonical text; blank lines part its paragraphs."""

from __future__ import annotations

import re

from ingest.parsing.characters import decode
from ingest.parsing.document import ParsedDocument
from ingest.parsing.spans import Spans

_MAX_HEADING = 100
_UNDERLINES = {"=": 1, "-": 2}
_UNDERLINE = re.compile(r"(=|-)\1{2,}")
_NUMBERED_CAPITALS = re.compile(
    r"(\d{1,3}(?:\.\d{1,3}){0,4})\.?\s+([A-Z][A-Z0-9 ,.:;&/()'-]*[A-Z)])"
)
_ITEM = re.compile(r"\s{0,8}(?:[-*+•‣◦]|\d{1,3}[.)]|[a-z]\))\s+\S")
_COLUMNS = re.compile(r"\S(?:\s{3,}|\t)\S")


def parse(data: bytes) -> ParsedDocument:
    """Read a text file in any common encoding."""
    spans = Spans(decode(data))
    first = 0
    for number, line in enumerate([*spans.lines, ""]):
        if line.strip():
            continue
        if first < number:
            _mark_paragraph(spans, first, number)
        first = number + 1
    return spans.finish()


def _mark_paragraph(spans: Spans, first: int, end: int) -> None:
    """Mark lines that stand between blank ones: headings at their top, then text or a list."""
    lines = spans.lines
    if end - first >= 2 and (level := _underlined(lines[first], lines[first + 1])):
        if not _is_column_head(lines, first, end):
            spans.mark("heading", first, first + 2, title=lines[first], level=level)
            first += 2
    elif end - first == 1 and (level := _numbered(lines[first].strip())):
        spans.mark("heading", first, end, title=lines[first], level=level)
        return
    if first < end and _ITEM.match(lines[first]):
        _mark_list(spans, first, end)
    elif first < end:
        spans.mark("paragraph", first, end)


def _mark_list(spans: Spans, first: int, end: int) -> None:
    start = first
    for number in range(first + 1, end):
        if _ITEM.match(spans.lines[number]):
            spans.mark("list_item", start, number)
            start = number
    spans.mark("list_item", start, end)


def _numbered(line: str) -> int | None:
    """The level of a numbered line in capitals, or None if it is no heading."""
    match = _NUMBERED_CAPITALS.fullmatch(line)
    return match[1].count(".") + 1 if match and len(line) <= _MAX_HEADING else None


def _underlined(title: str, underline: str) -> int | None:
    """The level of a title with this line under it, or None if that is no heading."""
    title, underline = title.strip(), underline.strip()
    match = _UNDERLINE.fullmatch(underline)
    if not match or not title or len(title) > _MAX_HEADING:
        return None
    if not any(character.isalnum() for character in title):
        return None
    return _UNDERLINES[match[1]] if len(underline) >= len(title) / 2 else None


def _is_column_head(lines: list[str], first: int, end: int) -> bool:
    """Whether the underlined line heads the columns of an aligned table instead."""
    below = lines[first + 2 : end]
    return bool(_COLUMNS.search(lines[first].strip())) and any(
        _COLUMNS.search(line.strip()) for line in below
    )
