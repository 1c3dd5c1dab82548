"""Section-based chunking: cut at headings and blocks, measured by the model's own tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
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
INSIDE = -1.0  # for every column of indentation: code is cut where it is least indented


def section_chunks(draft: Draft, *, min_size: int = 0) -> Iterator[Chunk]:
    """Chunks of neighbouring blocks, packed as evenly as they go.

    A heading opens a new chunk unless the sections beside it are short, and it stays with the text
    that it announces. Every chunk carries a context line (document title and the section path
    above it) that counts towards its limit. What holds less than `min_size` tokens of text is
    joined with a neighbour where the two fit together.
    """
    spans = sections(map(whole, draft.document.blocks), draft, min_size=min_size)
    for position, (start, end) in enumerate(spans):
        yield draft.chunk(position, start, end)


def sections(spans: Iterable[Unit], draft: Draft, *, min_size: int = 0) -> list[tuple[int, int]]:
    """Where the chunks of these spans begin and end."""
    units = fitting(spans, draft)
    return group(units, draft, joints(units, draft), min_size=min_size)


def group(
    units: Sequence[Unit], draft: Draft, costs: Sequence[float], *, min_size: int
) -> list[tuple[int, int]]:
    """Spans of groups that fit a chunk, cut where it costs most to keep units together."""

    def size(first: int, end: int) -> int:
        return draft.size(units[first].start, units[end - 1].end)

    rooms = [draft.room(unit.block, unit.start) for unit in units]
    groups = pack(
        lambda first, end: size(first, end) <= rooms[first],
        lambda first, end: size(first, end) / draft.limit,
        costs,
        minimum=min_size / draft.limit,
    )
    return [(units[first].start, units[end - 1].end) for first, end in groups]


def joints(units: Sequence[Unit], draft: Draft) -> list[float]:
    """What it costs that each unit shares a chunk with the one before it."""
    costs = (_joint(before, unit, draft) for before, unit in pairwise(units))
    return [0.0, *costs][: len(units)]


def _joint(before: Unit, unit: Unit, draft: Draft) -> float:
    if before.is_heading:
        return ORPHAN
    if unit.is_heading:
        return NEW_SECTION
    if before.block.kind == unit.block.kind == "code":
        return INSIDE * draft.column(unit.start)
    return 0.0
