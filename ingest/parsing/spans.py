"""Blocks as stretches of a text that already exists, for formats whose file is the text itself."""

from __future__ import annotations

from ingest.parsing.composer import first_heading
from ingest.parsing.document import Block, BlockKind, ParsedDocument
from ingest.parsing.errors import EmptyDocument
from ingest.parsing.outline import Outline, heading_title


class Spans:
    """Marks blocks of whole lines in a text, in order. The text itself is never changed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._blocks: list[Block] = []
        self._outline = Outline()

    def mark(
        self, kind: BlockKind, first: int, end: int, *, title: str = "", level: int | None = None
    ) -> None:
        """Make lines `first` up to `end` a block; blank lines are passed over."""
        if first >= end:
            return
        char_start = self._starts[first]
        raw = self.text[char_start : self._starts[end] - 1]
        text = raw.strip()
        if not text:
            return
        char_start += len(raw) - len(raw.lstrip())
        heading = heading_title(title) if kind == "heading" else None
        if kind == "heading" and heading is None:
            kind = "paragraph"
        level = (level or 1) if kind == "heading" else None
        path = self._outline.path if heading is None else self._outline.enter(level or 1, heading)
        self._blocks.append(
            Block(
                kind=kind,
                char_start=char_start,
                char_end=char_start + len(text),
                section_path=path,
                level=level,
            )
        )

    def finish(self, *, title: str | None = None) -> ParsedDocument:
        """The document; without a title of its own it takes its first outermost heading's."""
        if not self._blocks:
            raise EmptyDocument
        own = heading_title(title) if title else None
        return ParsedDocument(
            text=self.text, blocks=tuple(self._blocks), title=own or first_heading(self._blocks)
        )
