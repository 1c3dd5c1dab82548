"""Parts of a parsed document as documents of their own, for measuring on less than everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ingest.chunking.sentences import sentences
from ingest.parsing.document import Block, ParsedDocument
from retrieval.chunk import Chunk

PART_CHARACTERS = 4_000  # some five chunks of 200 tokens: little that is cut at its edges


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A span of the canonical text; the parts of a document leave nothing out."""

    start: int
    end: int


def whole(document: ParsedDocument) -> Part:
    """All of it."""
    return Part(0, len(document.text))


def parts_of(document: ParsedDocument) -> list[Part]:
    """The document in parts of about `PART_CHARACTERS`, parted before a heading where one is near.

    They depend on the text alone, so that they are the same however it is chunked.
    """
    return [Part(*span) for span in pairwise([*_beginnings(document), len(document.text)])]


def joined(parts: Sequence[Part]) -> list[Part]:
    """Those that touch as one, in order: an edge that is no edge of the sample cuts nothing."""
    found: list[Part] = []
    for part in sorted(parts):
        if found and found[-1].end == part.start:
            found[-1] = Part(found[-1].start, part.end)
        else:
            found.append(part)
    return found


def cut_out(document: ParsedDocument, part: Part) -> ParsedDocument:
    """The part as a document, whose blocks keep the titles above them.

    Its first character is the part's first one.
    """
    if part == whole(document):
        return document
    blocks = tuple(
        _clipped(block, part, document.text)
        for block in document.blocks
        if block.char_start < part.end and part.start < block.char_end
    )
    return replace(document, text=document.text[part.start : part.end], blocks=blocks)


def put_back(chunks: Sequence[Chunk], *, at: int, position: int) -> list[Chunk]:
    """Chunks of a part that begins `at` this place, as chunks of the whole.

    `position` is the first one's number there.
    """
    return [
        replace(
            one,
            position=position + number,
            char_start=one.char_start + at,
            char_end=one.char_end + at,
            parent=one.parent and (one.parent[0] + at, one.parent[1] + at),
        )
        for number, one in enumerate(chunks)
    ]


def _beginnings(document: ParsedDocument) -> Iterator[int]:
    first = 0
    yield first
    for start, is_heading in _pieces(document):
        length = start - first
        if length >= PART_CHARACTERS or (is_heading and 2 * length > PART_CHARACTERS):
            yield start
            first = start


def _pieces(document: ParsedDocument) -> Iterator[tuple[int, bool]]:
    """Where something begins that is not parted, and whether that is a heading."""
    for block in document.blocks:
        start, end = block.char_start, block.char_end
        if end - start <= PART_CHARACTERS:
            yield start, block.kind == "heading"
        elif block.kind == "paragraph":
            yield from ((one, False) for one, _ in sentences(document.text, start, end))
        else:
            yield from ((one, False) for one in _lines(document.text, start, end))


def _lines(text: str, start: int, end: int) -> Iterator[int]:
    while 0 <= start < end:
        yield start
        start = text.find("\n", start, end) + 1 or end


def _clipped(block: Block, part: Part, text: str) -> Block:
    start, end = max(block.char_start, part.start), min(block.char_end, part.end)
    end = start + len(text[start:end].rstrip())
    return replace(block, char_start=start - part.start, char_end=end - part.start)
