"""Hierarchical chunking: small chunks are found, and the larger ones around them are returned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.chunking.section import sections
from ingest.chunking.units import Unit, whole

if TYPE_CHECKING:
    from ingest.chunking.draft import Draft
    from retrieval.chunk import Chunk


def hierarchical_chunks(draft: Draft, parents: Draft) -> Iterator[Chunk]:
    """Section-based chunks that never reach over the edge of the section-based chunk around them.

    `parents` is the same document under the larger limit. Only the small chunks are embedded, so
    the larger may be longer than the model reads.
    """
    position = 0
    for parent in sections(map(whole, parents.document.blocks), parents):
        for start, end in sections(_within(draft, *parent), draft):
            yield draft.chunk(position, start, end, parent=parent)
            position += 1


def _within(draft: Draft, start: int, end: int) -> list[Unit]:
    return [
        Unit(block, max(start, block.char_start), min(end, block.char_end))
        for block in draft.document.blocks
        if block.char_start < end and start < block.char_end
    ]
