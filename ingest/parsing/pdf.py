"""PDF: text, paragraphs, headings and tables from where and how the lines stand on their pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, cast

import pypdfium2 as pdfium  # pyright: ignore[reportMissingTypeStubs]
import pypdfium2.raw as pdfium_c  # pyright: ignore[reportMissingTypeStubs]

from ingest.parsing import ocr
from ingest.parsing.composer import Composer
from ingest.parsing.document import BlockKind, ParsedDocument
from ingest.parsing.errors import (
    CorruptDocument,
    EmptyDocument,
    EncryptedDocument,
    ScannedDocument,
)
from ingest.parsing.pdf_lines import BULLETS, WRAPPED, Line, PageReader
from ingest.parsing.pdf_running import without_running
from ingest.parsing.pdf_words import Rejoiner
from ingest.parsing.tables import table_text

_ITEM = re.compile(rf"(?:[{BULLETS}]|\(?(?:\d{{1,2}}|[a-zA-Z]|[ivx]{{1,4}})[.)])\s+\S")
_SENTENCE_END = (".", "!", "?", ":", "”", '"')
_LARGER = 1.12  # than the body: a heading by size
_MAX_HEADING_LINES = 3
_MAX_HEADING = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Lines of one page that are one block."""

    kind: BlockKind
    lines: list[Line]
    page: int


@dataclass(slots=True)
class _Unlettered:
    """The pages that show something and hold no text."""

    by_ocr: int = 0
    unread: int = 0
    reason: str = "OCR found no text in them."
    """Why those were not read."""


def parse(data: bytes) -> ParsedDocument:
    """Read a PDF's text layer; pages without one by OCR, where that is to be had."""
    document = open_document(data)
    unlettered = _Unlettered()
    try:
        pages, heights = _read(document, unlettered)
        title: str = document.get_metadata_value("Title")  # pyright: ignore[reportUnknownMemberType]
    finally:
        document.close()
    if not any(pages):
        if not unlettered.unread:
            raise EmptyDocument("Its pages are blank.")
        raise ScannedDocument(f"Pages: {len(heights)}. {unlettered.reason}")
    pages = without_running(pages, heights)
    groups = [group for number, lines in enumerate(pages, 1) for group in _groups(lines, number)]
    composer = Composer()
    composer.count_pages(by_ocr=unlettered.by_ocr, without_text=unlettered.unread)
    _compose(composer, groups, pages)
    return composer.finish(title=_sensible(title), page_count=len(heights))


def open_document(data: bytes) -> pdfium.PdfDocument:
    """Raises `EncryptedDocument` or `CorruptDocument`."""
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as exc:
        if "password" in str(exc).lower():
            raise EncryptedDocument from exc
        raise CorruptDocument(str(exc)) from exc
    if len(document) == 0:
        raise CorruptDocument("It has no pages.")
    return document


def _read(
    document: pdfium.PdfDocument, unlettered: _Unlettered
) -> tuple[list[list[Line]], list[float]]:
    pages: list[list[Line]] = []
    heights: list[float] = []
    reader = PageReader()
    raw = cast(Any, document.raw)  # pyright: ignore[reportUnknownMemberType]
    for index in range(len(document)):
        page: Any = pdfium_c.FPDF_LoadPage(raw, index)
        if not page:
            raise CorruptDocument(f"Page {index + 1} cannot be read.")
        text_page = pdfium_c.FPDFText_LoadPage(page)
        if not text_page:
            raise CorruptDocument(f"Page {index + 1} has no readable text.")
        lines = reader.lines(text_page)
        if not lines and pdfium_c.FPDFPage_CountObjects(page) > 0:
            lines = _recognised(page, unlettered)
        pages.append(lines)
        heights.append(cast(float, pdfium_c.FPDF_GetPageHeightF(page)))  # pyright: ignore[reportUnknownMemberType]
        pdfium_c.FPDFText_ClosePage(text_page)
        pdfium_c.FPDF_ClosePage(page)
    return pages, heights


def _recognised(page: Any, unlettered: _Unlettered) -> list[Line]:
    try:
        lines = ocr.current().lines(page)
    except ocr.OcrUnavailable as exc:
        unlettered.reason = str(exc)
        lines = []
    if lines:
        unlettered.by_ocr += 1
    else:
        unlettered.unread += 1
    return lines


def _groups(lines: Sequence[Line], page: int) -> Iterator[_Group]:
    leading = _leading(lines)
    index = 0
    while index < len(lines):
        end = _table_end(lines, index, leading)
        if end is not None:
            yield _Group(kind="table", lines=list(lines[index:end]), page=page)
            index = end
            continue
        group = [lines[index]]
        index += 1
        while index < len(lines) and not _breaks(group, lines[index], leading):
            if _table_end(lines, index, leading) is not None:
                break
            group.append(lines[index])
            index += 1
        kind: BlockKind = "list_item" if _ITEM.match(group[0].text) else "paragraph"
        yield _Group(kind=kind, lines=group, page=page)


def _leading(lines: Sequence[Line]) -> float:
    """The usual distance between a page's baselines, in font sizes."""
    ratios = [(before.bottom - line.top) / line.size for before, line in pairwise(lines)]
    return median([ratio for ratio in ratios if 0.9 < ratio < 2.2] or [1.2])


def _table_end(lines: Sequence[Line], start: int, leading: float) -> int | None:
    """Where the table that starts at this line ends, or None where none does.

    Rows are lines in columns; a line without may stand between two rows, as a row's label does.
    """
    rows, end, index = 0, start, start
    while index < len(lines):
        if index > start:
            fall = lines[index - 1].bottom - lines[index].top
            if not -0.5 < fall / lines[index].size < leading * 2.5:
                break
        if len(lines[index].cells) > 1:
            rows, end = rows + 1, index + 1
        elif index == start or index - end >= 2 or len(lines[index].text) > 90:
            break
        index += 1
    return end if rows >= 2 else None


def _breaks(group: list[Line], line: Line, leading: float) -> bool:
    """Whether this line starts a new block."""
    before = group[-1]
    fall = before.bottom - line.top
    size = max(before.size, line.size)
    if fall <= 0 or fall > size * leading * 1.3:
        return True
    if abs(before.size - line.size) > size * 0.08 or before.bold != line.bold:
        return True
    if _ITEM.match(line.text) or line.left < group[0].left - size * 6:
        return True
    if not before.text.endswith(_SENTENCE_END):
        return False
    widest = max(line.right, *(other.right for other in group))
    indented = line.left > before.left + size and before.left <= group[0].left
    return before.right < widest - size * 6 or (indented and not _ITEM.match(group[0].text))


def _compose(composer: Composer, groups: list[_Group], pages: list[list[Line]]) -> None:
    sizes = Counter[float]()
    bold = Counter[bool]()
    for line in (line for lines in pages for line in lines):
        sizes[line.size] += len(line.text)
        bold[line.bold] += len(line.text)
    body = sizes.most_common(1)[0][0]
    body_is_bold = bold[True] > bold[False]
    headings = {
        id(group): group.lines[0].size
        for group in groups
        if _is_heading(group, body, body_is_bold=body_is_bold)
    }
    levels = _levels(headings.values(), body)
    rejoin = Rejoiner(line.text for lines in pages for line in lines)
    for group in groups:
        if group.kind == "table":
            rows = [[rejoin.text([cell]) for cell in line.cells] for line in group.lines]
            composer.add("table", table_text(rows), page=group.page)
            continue
        text = rejoin.text([line.text for line in group.lines])
        if id(group) in headings:
            composer.add("heading", text, page=group.page, level=levels[headings[id(group)]])
        else:
            composer.add(group.kind, text, page=group.page)


def _is_heading(group: _Group, body: float, *, body_is_bold: bool) -> bool:
    first = group.lines[0]
    larger = first.size >= body * _LARGER
    bold = first.bold and not body_is_bold and first.size >= body * 0.9
    if group.kind == "table" or len(group.lines) > _MAX_HEADING_LINES or not (larger or bold):
        return False
    text = " ".join(line.text for line in group.lines)
    letters = sum(character.isalpha() for character in text)
    if len(text) > _MAX_HEADING or letters < 3 or letters < len(text) * 0.5 or WRAPPED in text:
        return False
    ending = (",", ";") if larger else (".", ",", ";", ":")
    return not text.endswith(ending) and not text[0].islower()


def _levels(sizes: Iterable[float], body: float) -> dict[float, int]:
    """Heading levels by rank of size; sizes within 5 % rank together, and bold body text last."""
    levels: dict[float, int] = {}
    level, first = 0, 0.0
    for size in sorted(set(sizes), reverse=True):
        is_body = size < body * _LARGER
        if level == 0 or (size < first * 0.95 and not (is_body and first < body * _LARGER)):
            level, first = min(level + 1, 6), size
        levels[size] = level
    return levels


def _sensible(title: str) -> str | None:
    """The title in the metadata, unless it is a file name or a program's filler."""
    title = " ".join(title.split())
    filler = re.search(r"\.\w{2,4}$|untitled|^microsoft|^document\d*$|[_\\/]", title, re.IGNORECASE)
    return title if len(title) > 3 and " " in title and not filler else None
