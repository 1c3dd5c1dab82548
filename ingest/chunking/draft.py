"""A document about to be chunked: how long its spans are, and what a chunk of a span is like."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from ingest.chunking.tokens import TokenMeter
from retrieval.chunk import Chunk

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ingest.parsing.document import Block, ParsedDocument
    from retrieval.index import ChunkContext

CONTEXT_SHARE = 4  # the context line may take at most a quarter of a chunk
CONTEXT_SEPARATOR = " > "
LINE_TOKENS = 64  # kept free for a line that a language model writes; at most a quarter as well


class Draft:
    """Sizes are in tokens, counted without the special ones, which `limit` leaves room for.

    `tokenizer` must neither truncate nor pad; `meter` is the document's, where its tokens are
    counted already. Under the context `llm` every chunk leaves room for the line that
    `ingest.context` puts before it.
    """

    def __init__(
        self,
        document: ParsedDocument,
        tokenizer: Tokenizer,
        max_tokens: int,
        *,
        context: ChunkContext = "headers",
        meter: TokenMeter | None = None,
    ) -> None:
        self.document = document
        self.meter = meter or TokenMeter(document.text, tokenizer)
        self._tokenizer = tokenizer
        self._special = len(tokenizer.encode("", add_special_tokens=True).ids)
        line = min(LINE_TOKENS, max_tokens // CONTEXT_SHARE) if context == "llm" else 0
        self.limit = max_tokens - self._special - line
        self._has_path = context != "none"
        self._starts = [block.char_start for block in document.blocks]
        self._contexts: dict[tuple[str, ...], tuple[str, int]] = {}

    def size(self, start: int, end: int) -> int:
        """Tokens of a span."""
        return self.meter.count(start, end)

    def column(self, offset: int) -> int:
        """How far into its line this offset is."""
        return offset - self.document.text.rfind("\n", 0, offset) - 1

    def room(self, block: Block, start: int | None = None) -> int:
        """Tokens of text in a chunk that opens with this block, or further on in it.

        The context takes the rest.
        """
        return self.limit - self._context(block, block.char_start if start is None else start)[1]

    def block_at(self, offset: int) -> Block:
        """The block that this offset is in, or the last one before it."""
        return self.document.blocks[max(0, bisect_right(self._starts, offset) - 1)]

    def chunk(
        self, position: int, start: int, end: int, *, parent: tuple[int, int] | None = None
    ) -> Chunk:
        """The chunk of a span, which opens inside a block; `parent` is the span around it."""
        first = self.block_at(start)
        blocks = self.document.blocks[
            bisect_right(self._starts, start) - 1 : bisect_right(self._starts, end - 1)
        ]
        context, context_tokens = self._context(first, start)
        kinds = {block.kind for block in blocks} - {"heading"}
        return Chunk(
            position=position,
            text=self.document.text[start:end],
            char_start=start,
            char_end=end,
            parent=parent,
            page=first.page,
            section_path=_common_path(blocks),
            category="TableChunk" if kinds == {"table"} else "CompositeElement",
            context=context,
            token_count=self._special + context_tokens + self.size(start, end),
        )

    def _context(self, first: Block, start: int) -> tuple[str, int]:
        """What is indexed before a chunk that opens at this place in a block, and its tokens.

        A part of a table is not understood without the row that names the columns.
        """
        line, tokens = self._path_line(first)
        if first.kind != "table" or start <= first.char_start:
            return line, tokens
        header = self.document.text_of(first).partition("\n")[0]
        header_tokens = self.size(first.char_start, first.char_start + len(header))
        if first.char_start + len(header) >= start or header_tokens > self.limit // CONTEXT_SHARE:
            return line, tokens
        return "\n".join(filter(None, [line, header])), tokens + header_tokens

    def _path_line(self, first: Block) -> tuple[str, int]:
        """The line of titles above this block, and its tokens."""
        if not self._has_path:
            return "", 0
        path = first.section_path[:-1] if first.kind == "heading" else first.section_path
        title = self.document.title
        above = path if not title or title in first.section_path else (title, *path)
        if above not in self._contexts:
            self._contexts[above] = self._context_line(above)
        return self._contexts[above]

    def _context_line(self, above: Sequence[str]) -> tuple[str, int]:
        # Too long a path loses its outermost titles first: the nearest say the most.
        for first in range(len(above)):
            line = CONTEXT_SEPARATOR.join(above[first:])
            tokens = len(self._tokenizer.encode(line, add_special_tokens=False).ids)
            if tokens <= self.limit // CONTEXT_SHARE:
                return line, tokens
        return "", 0


def _common_path(blocks: Sequence[Block]) -> tuple[str, ...]:
    """The section that all the blocks stand in."""
    common = blocks[0].section_path
    for block in blocks[1:]:
        pairs = zip(common, block.section_path, strict=False)
        common = tuple(a for a, _ in takewhile(_equal, pairs))
    return common


def _equal(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1]
