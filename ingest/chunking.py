"""Section-based chunking: cut at headings and blocks, measured by the model's own tokenizer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from ingest.errors import ChunkSizeOutOfRange
from ingest.sentences import split
from ingest.tokens import TokenMeter
from retrieval.chunk import Chunk

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ingest.parsing.document import Block, ParsedDocument

MIN_CHUNK_TOKENS = 100  # DigitalOcean's documented minimum
CONTEXT_SHARE = 4  # the context line may take at most a quarter of a chunk
CONTEXT_SEPARATOR = " > "


@dataclass(frozen=True, slots=True)
class _Unit:
    """A span that is not cut further: a block, or a piece of a block too long for one chunk."""

    block: Block
    start: int
    end: int


def chunk_by_section(
    document: ParsedDocument, tokenizer: Tokenizer, *, max_tokens: int
) -> list[Chunk]:
    """Cut a document into chunks of at most `max_tokens` tokens, special tokens included.

    A heading opens a new chunk, unless the running one holds less than a quarter of the limit, so
    that short sections share a chunk, and it stays with the text that it announces. A block too
    long for one chunk is cut at sentence ends into pieces of about equal size. Every chunk carries
    a context line (document title and the section path above it) that counts towards its limit.
    `tokenizer` must neither truncate nor pad.

    Raises:
        ChunkSizeOutOfRange: `max_tokens` is under `MIN_CHUNK_TOKENS`.
    """
    if max_tokens < MIN_CHUNK_TOKENS:
        raise ChunkSizeOutOfRange(f"It must be at least {MIN_CHUNK_TOKENS}, not {max_tokens}.")
    return list(_SectionChunker(document, tokenizer, max_tokens).chunks())


class _SectionChunker:
    def __init__(self, document: ParsedDocument, tokenizer: Tokenizer, max_tokens: int) -> None:
        self._document = document
        self._tokenizer = tokenizer
        self._special = len(tokenizer.encode("", add_special_tokens=True).ids)
        self._limit = max_tokens - self._special
        self._meter = TokenMeter(document.text, tokenizer)
        self._contexts: dict[tuple[str, ...], tuple[str, int]] = {}

    def chunks(self) -> Iterator[Chunk]:
        for position, units in enumerate(self._groups()):
            yield self._chunk(position, units)

    def _groups(self) -> Iterator[list[_Unit]]:
        running: list[_Unit] = []
        for block in self._document.blocks:
            if running and block.kind == "heading" and self._is_full_enough(running):
                yield running
                running = []
            headings = _trailing_headings(running)
            if headings and not self._has_room(running, _whole(block)):
                if len(headings) < len(running):
                    yield running[: -len(headings)]
                running = headings
            for unit in self._fit(block, running):
                if running and not self._has_room(running, unit):
                    yield running
                    running = []
                running.append(unit)
        if running:
            yield running

    def _fit(self, block: Block, running: Sequence[_Unit]) -> Iterator[_Unit]:
        """The block itself where a chunk holds it, else its pieces.

        What fits a chunk, but not together with the headings before it, is cut as well: a chunk of
        headings alone tells nobody anything.
        """
        whole = _whole(block)
        room = self._limit - self._context([whole])[1]
        if running and self._has_room(running, whole):
            yield whole
            return
        if _trailing_headings(running):
            left = self._room_after(running)
            if left >= room // 2:  # else all the pieces would be small for the headings' sake
                room = min(room, left)
        if self._meter.count(whole.start, whole.end) <= room:
            yield whole
            return
        for start, end in split(
            self._document.text, self._meter, whole.start, whole.end, max_tokens=room
        ):
            yield _Unit(block, start, end)

    def _is_full_enough(self, units: Sequence[_Unit]) -> bool:
        if units[-1].block.kind == "heading":
            return False  # a title and the first heading under it stay with what they announce
        return self._meter.count(units[0].start, units[-1].end) >= self._limit // 4

    def _has_room(self, units: Sequence[_Unit], unit: _Unit) -> bool:
        return self._meter.count(units[-1].end, unit.end) <= self._room_after(units)

    def _room_after(self, units: Sequence[_Unit]) -> int:
        """How many tokens may follow in a chunk that opens with these units."""
        tokens = self._meter.count(units[0].start, units[-1].end)
        return self._limit - self._context(units)[1] - tokens

    def _context(self, units: Sequence[_Unit]) -> tuple[str, int]:
        """The context line of a chunk that opens with these units, and its tokens."""
        first = units[0].block
        path = first.section_path[:-1] if first.kind == "heading" else first.section_path
        title = self._document.title
        above = path if not title or title in first.section_path else (title, *path)
        if above not in self._contexts:
            self._contexts[above] = self._context_line(above)
        return self._contexts[above]

    def _context_line(self, above: Sequence[str]) -> tuple[str, int]:
        # Too long a path loses its outermost titles first: the nearest say the most.
        for first in range(len(above)):
            line = CONTEXT_SEPARATOR.join(above[first:])
            tokens = len(self._tokenizer.encode(line, add_special_tokens=False).ids)
            if tokens <= self._limit // CONTEXT_SHARE:
                return line, tokens
        return "", 0

    def _chunk(self, position: int, units: Sequence[_Unit]) -> Chunk:
        start, end = units[0].start, units[-1].end
        context, context_tokens = self._context(units)
        kinds = {unit.block.kind for unit in units} - {"heading"}
        return Chunk(
            position=position,
            text=self._document.text[start:end],
            char_start=start,
            char_end=end,
            page=units[0].block.page,
            section_path=_common_path(units),
            category="TableChunk" if kinds == {"table"} else "CompositeElement",
            context=context,
            token_count=self._special + context_tokens + self._meter.count(start, end),
        )


def _whole(block: Block) -> _Unit:
    return _Unit(block, block.char_start, block.char_end)


def _trailing_headings(units: Sequence[_Unit]) -> list[_Unit]:
    """The headings at the end, whose text is yet to come."""
    return list(takewhile(_is_heading, reversed(units)))[::-1]


def _is_heading(unit: _Unit) -> bool:
    return unit.block.kind == "heading"


def _common_path(units: Sequence[_Unit]) -> tuple[str, ...]:
    """The section that all the units stand in."""
    common = units[0].block.section_path
    for unit in units[1:]:
        path = unit.block.section_path
        common = tuple(a for a, _ in takewhile(_equal, zip(common, path, strict=False)))
    return common


def _equal(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]
