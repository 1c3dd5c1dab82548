"""Lines that situate chunks in their document, put before what is embedded and indexed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Protocol

from ingest.chunking.tokens import TokenMeter
from ingest.errors import IngestError
from retrieval.chunk import Chunk

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Span = tuple[int, int]

ASKED_AT_ONCE = 64  # lines of one document, kept as soon as they are there

# Neither PostgreSQL nor UTF-8 takes these, and a line has no other lines in it.
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class ContextError(IngestError):
    """There are no lines that situate the document's chunks."""

    code: ClassVar[str] = "context_error"


class LlmUnavailable(ContextError):
    """The language model that situates chunks does not answer; try again in a moment."""

    code = "llm_unavailable"


class LlmRefused(ContextError):
    """The language model cannot situate chunks; check its address, its name and the key."""

    code = "llm_refused"


class Situate(Protocol):
    """Says of parts of a document where they stand in it and what they are about."""

    async def __call__(self, document: str, spans: Sequence[Span]) -> list[str]:
        """A line for each span of the text, in their order; an empty one where there is none.

        Spans and not texts, because a passage may stand in a document twice. Raises
        `LlmUnavailable` where the same call may succeed later, else `LlmRefused`.
        """
        ...


class Lines(Protocol):
    """The lines that a document's chunks have got so far, by their content hash as they were cut.

    A model words the same line anew each time, so an unchanged chunk keeps its vector only if it
    keeps its line.
    """

    async def lines(self) -> dict[bytes, str]:
        """Those that are known."""
        ...

    async def keep_lines(self, lines: Mapping[bytes, str]) -> None:
        """Keep these as well."""
        ...


async def situated(
    chunks: Sequence[Chunk],
    text: str,
    situate: Situate,
    kept: Lines,
    *,
    tokenizer: Tokenizer,
    max_tokens: int,
) -> list[Chunk]:
    """The chunks of a canonical text, each with a line before its context.

    They were cut under the context `llm`, which left room for it: with its line none is over
    `max_tokens`. Raises what `situate` raises; lines that came before that are kept.
    """
    known = await kept.lines()
    fresh: dict[bytes, Span] = {
        chunk.content_hash: (chunk.char_start, chunk.char_end)
        for chunk in chunks
        if chunk.content_hash not in known
    }
    for part in _batched(fresh.items(), ASKED_AT_ONCE):
        lines = await situate(text, [span for _, span in part])
        told = {digest: line for (digest, _), line in zip(part, lines, strict=True)}
        await kept.keep_lines(told)
        known |= told
    return [_with_line(chunk, known[chunk.content_hash], tokenizer, max_tokens) for chunk in chunks]


def _batched(items: Iterable[tuple[bytes, Span]], size: int) -> Iterator[list[tuple[bytes, Span]]]:
    """In lists of so many; the standard library has it from Python 3.12."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def one_line(text: str) -> str:
    """A text from outside as a line that can be stored."""
    return " ".join(_UNSTORABLE.sub(" ", text).split())


def _with_line(chunk: Chunk, line: str, tokenizer: Tokenizer, max_tokens: int) -> Chunk:
    line, tokens = _fitted(one_line(line), tokenizer, max_tokens - chunk.token_count)
    context = "\n".join(filter(None, [line, chunk.context]))
    return replace(chunk, context=context, token_count=chunk.token_count + tokens)


def _fitted(line: str, tokenizer: Tokenizer, room: int) -> tuple[str, int]:
    """As many whole words of a line as there is room for, and their tokens."""
    end = TokenMeter(line, tokenizer).end_of(0, room)
    if end < len(line):
        cut = line[:end]
        line = cut.rpartition(" ")[0] or cut  # not every language puts spaces between words
    return line, TokenMeter(line, tokenizer).count(0, len(line))
