"""What a way of cutting comes to: sizes, what is repeated, what is torn apart."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ingest.parsing.document import Block
from playground.cutting import Cut
from retrieval.chunk import Chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFigures:
    """Of all documents that were cut together."""

    sizes: Sequence[int]
    """Tokens of each chunk as it is indexed."""

    repeated: float
    """Share of the chunks' characters that stand in the chunk before as well."""

    tables: int
    tables_cut: int
    """Those that are in more than one chunk."""

    headings: int
    headings_cut: int
    """Those that are parted from what they announce."""

    @property
    def chunks(self) -> int:
        return len(self.sizes)

    @property
    def tokens(self) -> int:
        """To be embedded in all."""
        return sum(self.sizes)

    @property
    def median(self) -> int:
        return round(median(self.sizes)) if self.sizes else 0


def cut_figures(cuts: Sequence[Cut]) -> CutFigures:
    """Over all of them."""
    tables = [kept for cut in cuts for kept in _tables(cut)]
    headings = [kept for cut in cuts for kept in _headings(cut)]
    characters = sum(one.char_end - one.char_start for cut in cuts for one in cut.chunks)
    return CutFigures(
        sizes=[one.token_count for cut in cuts for one in cut.chunks],
        repeated=sum(map(_repeated, cuts)) / max(characters, 1),
        tables=len(tables),
        tables_cut=tables.count(False),
        headings=len(headings),
        headings_cut=headings.count(False),
    )


def _repeated(cut: Cut) -> int:
    return sum(max(0, before.char_end - after.char_start) for before, after in pairwise(cut.chunks))


def _tables(cut: Cut) -> list[bool]:
    """Of each table whether it is whole in a chunk."""
    starts = [one.char_start for one in cut.chunks]
    return [
        _holds(cut.chunks, starts, one.char_start, one.char_end)
        for one in cut.source.document.blocks
        if one.kind == "table"
    ]


def _headings(cut: Cut) -> list[bool]:
    """Of each heading whether it shares a chunk with the beginning of what follows."""
    starts = [one.char_start for one in cut.chunks]
    blocks: Sequence[Block] = cut.source.document.blocks
    return [
        _holds(cut.chunks, starts, one.char_start, following.char_start + 1)
        for one, following in pairwise(blocks)
        if one.kind == "heading"
    ]


def _holds(chunks: Sequence[Chunk], starts: Sequence[int], start: int, end: int) -> bool:
    """Whether a chunk holds all of a span: the last one to begin before it reaches furthest."""
    place = bisect_right(starts, start) - 1
    return place >= 0 and chunks[place].char_end >= end
