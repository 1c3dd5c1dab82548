"""Canonical text put together block by block, for formats whose file is not itself text."""

from __future__ import annotations

import re

from ingest.parsing.characters import storable
from ingest.parsing.document import Block, BlockKind, ParsedDocument
from ingest.parsing.errors import EmptyDocument
from ingest.parsing.outline import Outline, heading_title

_TIGHT: frozenset[BlockKind] = frozenset({"list_item"})
_BLANK_RUNS = re.compile(r"\n\s*\n")


class Composer:
    """Adds blocks in reading order: a blank line between them, one newline between list items."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0
        self._outline = Outline()
        self._pages_by_ocr = 0
        self._pages_without_text = 0

    def add(
        self, kind: BlockKind, text: str, *, page: int | None = None, level: int | None = None
    ) -> None:
        """Append a block; text that is only whitespace is passed over."""
        text = storable(text).strip()
        if not text:
            return
        title = heading_title(text) if kind == "heading" else None
        if kind == "heading" and title is None:
            kind = "paragraph"
        level = (level or 1) if kind == "heading" else None
        if kind == "paragraph":
            text = _BLANK_RUNS.sub("\n", text)
        self._separate(kind)
        path = self._outline.path if title is None else self._outline.enter(level or 1, title)
        self._blocks.append(
            Block(
                kind=kind,
                char_start=self._length,
                char_end=self._length + len(text),
                section_path=path,
                page=page,
                level=level,
            )
        )
        self._write(text)

    def nest(self, document: ParsedDocument, *, below: int, keep_pages: bool = False) -> None:
        """Append another document with its text as it is, its headings `below` levels deeper.

        For a document inside this one: add the heading it stands under first, and give that
        heading's level. Its pages are left out unless asked for, as they would count anew with
        each document; one without blocks is passed over.
        """
        if not document.blocks:
            return
        first, last = document.blocks[0], document.blocks[-1]
        self._separate(first.kind)
        shift = self._length - first.char_start
        for block in document.blocks:
            level = None if block.level is None else block.level + below
            path = self._outline.path
            if level is not None:
                path = self._outline.enter(level, block.section_path[-1])
            self._blocks.append(
                Block(
                    kind=block.kind,
                    char_start=block.char_start + shift,
                    char_end=block.char_end + shift,
                    section_path=path,
                    page=block.page if keep_pages else None,
                    level=level,
                )
            )
        self._write(document.text[first.char_start : last.char_end])
        self.count_pages(by_ocr=document.pages_by_ocr, without_text=document.pages_without_text)

    def count_pages(self, *, by_ocr: int, without_text: int) -> None:
        """Add to the pages that have no text of their own."""
        self._pages_by_ocr += by_ocr
        self._pages_without_text += without_text

    def finish(self, *, title: str | None = None, page_count: int | None = None) -> ParsedDocument:
        """The document; without a title of its own it takes its first outermost heading's."""
        if not self._blocks:
            raise EmptyDocument
        own = heading_title(storable(title)) if title else None
        return ParsedDocument(
            text="".join(self._parts),
            blocks=tuple(self._blocks),
            title=own or first_heading(self._blocks),
            page_count=page_count,
            pages_by_ocr=self._pages_by_ocr,
            pages_without_text=self._pages_without_text,
        )

    def _separate(self, kind: BlockKind) -> None:
        if self._blocks:
            tight = kind in _TIGHT and self._blocks[-1].kind == kind
            self._write("\n" if tight else "\n\n")

    def _write(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)


def first_heading(blocks: list[Block]) -> str | None:
    """The title a document gives itself: its first heading, where no other one outranks it."""
    levels = [block.level for block in blocks if block.level is not None]
    if not levels:
        return None
    first = next(block for block in blocks if block.kind == "heading")
    return first.section_path[-1] if first.level == min(levels) else None
