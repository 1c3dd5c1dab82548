"""Cut a long text into pieces of bounded token count, at the best places there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import ceil

from ingest.chunking.tokens import TokenMeter

# From the best place to cut to the worst. Each match ends where the next piece would begin.
SENTENCE_END = re.compile(
    r"[.!?][\"'\u2019\u201d)\]]*\s+|[\u3002\uff01\uff1f][\u2019\u201d\u300d\u300f\uff09]*"
)
BREAKS = (
    re.compile(r"\n\s*"),
    SENTENCE_END,
    re.compile(r"[;:,]\s+"),
    # BERT's tokenizers drop these control characters and read what is around them as one word.
    re.compile(r"[^\S\x0b\x0c\x1c-\x1f\x85]\s*"),
)


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The sentences of `text[start:end]`, without the white space around them."""
    stops = [match.end() for match in SENTENCE_END.finditer(text, start, end)]
    for stop in [*stops, end]:
        if span := _stripped(text, start, stop):
            yield span
        start = stop


def split(
    text: str, meter: TokenMeter, start: int, end: int, *, max_tokens: int
) -> Iterator[tuple[int, int]]:
    """Spans that cover `text[start:end]` but for the white space between them.

    Each holds at most `max_tokens` tokens and they are about equally long, which embeds better
    than full pieces with a short rest. A cut falls at a line end, else a sentence end, else a
    clause, else between words, and inside a word only where a single word is too long.
    """
    while start < end:
        tokens = meter.count(start, end)
        pieces = ceil(tokens / max_tokens)
        last = meter.end_of(start, max_tokens)
        stop = end if pieces <= 1 else _cut(text, meter, start, last, ideal=tokens / pieces)
        if span := _stripped(text, start, stop):
            yield span
        start = stop


def _stripped(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The span without the white space around it; none where there is nothing else."""
    piece = text[start:end]
    first, last = end - len(piece.lstrip()), start + len(piece.rstrip())
    return (first, last) if first < last else None


def _cut(text: str, meter: TokenMeter, start: int, last: int, *, ideal: float) -> int:
    """The best place in `text[start:last]` to end a piece of about `ideal` tokens."""
    for pattern in BREAKS:
        places = [m.end() for m in pattern.finditer(text, start, last) if start < m.end() < last]
        near = [place for place in places if meter.count(start, place) >= ideal / 2]
        if near:
            return min(near, key=lambda place: abs(meter.count(start, place) - ideal))
    return last
