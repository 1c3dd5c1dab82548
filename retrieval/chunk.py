"""A chunk: the piece of a document that is embedded, indexed and returned."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

ChunkCategory = Literal["CompositeElement", "TableChunk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A span of a document version's canonical text, and where a reader finds it.

    `text` is exactly `canonical_text[char_start:char_end]`, in Unicode code points.
    """

    position: int
    """Its place among the document version's chunks, from 0."""

    text: str
    char_start: int
    char_end: int
    category: ChunkCategory
    page: int | None = None
    """The page it starts on, from 1; none for formats without pages."""

    section_path: tuple[str, ...] = ()
    """Titles of the headings around it, outermost first."""

    context: str = ""
    """Document title and section path, a language model's line above them, and the header row of a
    table that begins in another chunk; the first two as the chunk settings ask for.

    It is indexed and embedded before the text, and never quoted.
    """

    parent: tuple[int, int] | None = None
    """Where the parent chunk or sentence window around it begins and ends, if any."""

    token_count: int = 0
    """Tokens of `indexed_text` as the index version's embedding model counts them."""

    @property
    def indexed_text(self) -> str:
        """What is embedded and lexically indexed."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    @property
    def content_hash(self) -> bytes:
        """SHA-256 of the indexed text: equal hashes have equal vectors under one model."""
        return sha256(self.indexed_text.encode()).digest()
