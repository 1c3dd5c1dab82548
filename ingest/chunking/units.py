"""The pieces that chunking puts together: blocks, or parts of a block too long for one chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from ingest.chunking.code import pieces
from ingest.chunking.sentences import sentences, split
from ingest.parsing.document import Block

if TYPE_CHECKING:
    from ingest.chunking.draft import Draft


@dataclass(frozen=True, slots=True)
class Unit:
    """A span of a block that is not cut further."""

    block: Block
    start: int
    end: int

    @property
    def is_heading(self) -> bool:
        """Headings announce what follows them."""
        return self.block.kind == "heading"


def whole(block: Block) -> Unit:
    """The block uncut."""
    return Unit(block, block.char_start, block.char_end)


def sentence_units(draft: Draft) -> Iterator[Unit]:
    """Sentences of paragraphs; lists, tables and code stay whole where they fit a chunk."""
    for block in draft.document.blocks:
        whole_block = (block.char_start, block.char_end)
        text = draft.document.text
        spans = sentences(text, *whole_block) if block.kind == "paragraph" else [whole_block]
        for start, end in spans:
            yield from cut(Unit(block, start, end), draft, draft.room(block))


def fitting(spans: Iterable[Unit], draft: Draft) -> list[Unit]:
    """The spans, those too long for one chunk cut at sentence ends into pieces of equal size.

    What fits a chunk, but not together with the headings before it, is cut as well: a chunk of
    headings alone tells nobody anything. Only where headings would take most of the chunk do they
    stand alone.
    """
    units: list[Unit] = []
    for span in spans:
        room = draft.room(span.block)
        headings = list(takewhile(lambda unit: unit.is_heading, reversed(units)))
        if headings and not span.is_heading:
            left = draft.room(headings[-1].block) - draft.size(headings[-1].start, headings[0].end)
            if left >= room // 2:
                room = min(room, left)
        units += cut(span, draft, room)
    return units


def cut(unit: Unit, draft: Draft, room: int) -> list[Unit]:
    """The unit where it fits the room, else its pieces."""
    if draft.size(unit.start, unit.end) <= room:
        return [unit]
    # The pieces of a table but the first carry its header row as well.
    room = min(room, draft.room(unit.block, unit.end))
    spans = [(unit.start, unit.end)]
    text = draft.document.text
    if unit.block.kind == "code":
        spans = list(pieces(text, *spans[0], lambda start, end: draft.size(start, end) <= room))
    return [
        Unit(unit.block, *piece)
        for span in spans
        for piece in split(text, draft.meter, *span, max_tokens=room)
    ]
