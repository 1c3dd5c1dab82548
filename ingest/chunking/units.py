"""The pieces that chunking puts together: blocks, or parts of a block too long for one chunk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from ingest.chunking.sentences import split
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
    pieces = split(draft.document.text, draft.meter, unit.start, unit.end, max_tokens=room)
    return [Unit(unit.block, start, end) for start, end in pieces]
