"""Fixed-length chunking: by token count alone, whatever the document's structure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.chunking.draft import Draft
    from retrieval.chunk import Chunk

_WORD_END = re.compile(r"\S(?=\s)")
_SPACE = re.compile(r"\s")
_NO_SPACE = re.compile(r"\S")


def fixed_chunks(draft: Draft, *, overlap: int) -> Iterator[Chunk]:
    """Chunks as full as they go, the last `overlap` tokens of each repeated in the next.

    Cuts fall between words; only a word longer than a chunk is cut inside.
    """
    text = draft.document.text
    start, position = _skip(text, 0), 0
    while start < len(text):
        stop = _stop(draft, start)
        end = start + len(text[start:stop].rstrip())
        yield draft.chunk(position, start, end)
        position += 1
        if _skip(text, stop) == len(text):
            return
        start = _next(draft, start, stop, overlap)


def _stop(draft: Draft, start: int) -> int:
    """Where a chunk that begins here is full."""
    text = draft.document.text
    stop = draft.meter.end_of(start, draft.room(draft.block_at(start), start))
    if stop == len(text) or text[stop].isspace() or text[stop - 1].isspace():
        return stop
    ends = [match.end() for match in _WORD_END.finditer(text, start, stop)]
    return ends[-1] if ends else stop


def _next(draft: Draft, start: int, stop: int, overlap: int) -> int:
    """Where the next chunk begins: `overlap` tokens back, at a word, and past where this did."""
    text = draft.document.text
    if overlap:
        back = draft.meter.start_of(stop, overlap)
        if back and not text[back - 1].isspace():  # inside a word
            found = _SPACE.search(text, back, stop)
            back = found.start() if found else stop
        back = _skip(text, back)
        if start < back < stop:
            return back
    return _skip(text, stop)


def _skip(text: str, offset: int) -> int:
    """Past the white space. It looks no further: the rest of a text may be megabytes."""
    found = _NO_SPACE.search(text, offset)
    return found.start() if found else len(text)
