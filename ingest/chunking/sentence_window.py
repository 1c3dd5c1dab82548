"""Sentence windows: single sentences are found, and the sentences around each are returned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ingest.chunking.units import Unit, fitting, sentence_units

if TYPE_CHECKING:
    from ingest.chunking.draft import Draft
    from retrieval.chunk import Chunk

SHORT_SENTENCE = 10  # tokens; "See page 4." says too little by itself, and "e.g." is no sentence
LONGEST_WINDOW = 4000  # tokens, as of a parent chunk: a table may stand where a sentence would

Span = tuple[int, int]


def sentence_window_chunks(draft: Draft, *, window: int) -> Iterator[Chunk]:
    """A chunk for every sentence, with the `window` chunks on either side as its parent.

    Very short sentences share a chunk, and a heading stands with the first sentence under it.
    Lists, tables and code count as one sentence where they fit. No window reaches over a heading.
    """
    position = 0
    for section in _sections(draft):
        for number, (start, end) in enumerate(section):
            yield draft.chunk(position, start, end, parent=_around(section, number, window, draft))
            position += 1


def _around(section: Sequence[Span], number: int, window: int, draft: Draft) -> Span:
    """The window of a sentence, narrowed where it would be too long."""
    while True:
        around = section[max(0, number - window) : number + window + 1]
        start, end = around[0][0], around[-1][1]
        if not window or draft.size(start, end) <= LONGEST_WINDOW:
            return start, end
        window -= 1


def _sections(draft: Draft) -> Iterator[list[Span]]:
    """The sentences of each section, its headings with the first of them."""
    section: list[Span] = []
    after_heading = True
    for unit in fitting(sentence_units(draft), draft):
        if unit.is_heading and not after_heading:
            yield section
            section = []
        _append(section, unit, draft, joined=after_heading)
        after_heading = unit.is_heading
    if section:
        yield section


def _append(section: list[Span], unit: Unit, draft: Draft, *, joined: bool) -> None:
    """Put a unit after the others; with the last where that is asked for, or too short alone."""
    if section:
        start, end = section[-1]
        fits = draft.size(start, unit.end) <= draft.room(draft.block_at(start), start)
        if fits and (joined or draft.size(start, end) < SHORT_SENTENCE):
            section[-1] = (start, unit.end)
            return
    section.append((unit.start, unit.end))
