"""Section-based chunking: cut at headings and blocks, measured by the model's own tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ingest.chunking.draft import Draft
from ingest.chunking.packing import GROUP, SHORT, pack
from ingest.chunking.units import Unit, fitting, whole

if TYPE_CHECKING:
    from retrieval.chunk import Chunk

# Two sections share a chunk where each fills less than `SHORT` of one: joining them saves `GROUP`
# and costs twice the square of their share.
NEW_SECTION = GROUP - 2 * SHORT**2
ORPHAN = -100.0  # a heading is parted from what it announces only where they do not fit together


def section_chunks(draft: Draft) -> Iterator[Chunk]:
    """Chunks of neighbouring blocks, packed as evenly as they go.

    A heading opens a new chunk unless the sections beside it are short, and it stays with the text
    that it announces. Every chunk carries a context line (document title and the section path
    above it) that counts towards its limit.
    """
    for position, (start, end) in enumerate(sections(map(whole, draft.document.blocks), draft)):
        yield draft.chunk(position, start, end)


def sections(spans: Iterable[Unit], draft: Draft) -> list[tuple[int, int]]:
    """Where the chunks of these spans begin and end."""
    units = fitting(spans, draft)
    return group(units, draft, [0.0, *map(joint, units, units[1:])][: len(units)])


def group(units: Sequence[Unit], draft: Draft, joints: Sequence[float]) -> list[tuple[int, int]]:
    """Spans of groups that fit a chunk, cut where the joints cost most to keep."""

    def size(first: int, end: int) -> int:
        return draft.size(units[first].start, units[end - 1].end)

    rooms = [draft.room(unit.block, unit.start) for unit in units]
    groups = pack(
        lambda first, end: size(first, end) <= rooms[first],
        lambda first, end: size(first, end) / draft.limit,
        joints,
    )
    return [(units[first].start, units[end - 1].end) for first, end in groups]


def joint(before: Unit, unit: Unit) -> float:
    """What it costs that a unit shares a chunk with the one before it."""
    if before.is_heading:
        return ORPHAN
    return NEW_SECTION if unit.is_heading else 0.0
