"""The write path: one document version's bytes to chunks in an index, all of them or none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from ingest.chunking import chunk
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import ParseError, ParserUnavailable
from retrieval.embedding.embedder import Embedder
from retrieval.index import IndexVersion
from retrieval.scope import Scope
from retrieval.store import DocumentVersion, Store, Vector

PARSER_VERSION = "1"
"""Raised whenever the same bytes would give another canonical text: spans belong to one."""

EMBEDDED_AT_ONCE = 128  # chunks of one document; some seconds' work

Stage = Literal["parse", "chunk", "embed", "write"]


class Parser(Protocol):
    """Bytes to a parsed document; `ingest.parsing.jail.ParserJail` is one."""

    async def parse(self, data: bytes, *, name: str) -> ParsedDocument:
        """Raises a `ParseError` that says why there is no text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How indexing one document version ended, as the ledger keeps it."""

    status: Literal["indexed", "failed", "superseded"]
    stage: Stage | None = None
    """Where it failed."""

    error_code: str | None = None
    error: str | None = None
    pages: int | None = None
    chunks: int | None = None
    tokens: int | None = None
    embedded_chunks: int | None = None
    """Chunks whose vectors had to be computed; the others kept or share theirs."""


class Indexer:
    """Parses, chunks, embeds and writes. Documents may be under way side by side."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser

    async def index(
        self,
        scope: Scope,
        index: IndexVersion,
        document: DocumentVersion,
        data: bytes,
        *,
        store: Store,
        embedder: Embedder,
        save_text: Callable[[str], Awaitable[None]],
    ) -> Outcome:
        """Make `data` what the document is found as.

        A document that cannot be read is an `Outcome`, and its former version stays searchable.
        What may pass, such as a store that is away, is raised for the queue to try again.
        """
        try:
            parsed = await self._parser.parse(data, name=document.item_name)
        except ParserUnavailable:
            raise
        except ParseError as exc:
            return _failed("parse", exc.code, exc)
        chunks = await asyncio.to_thread(
            chunk, parsed, index.settings.chunking, embedder.tokenizer, embedder.embed_passages
        )
        await save_text(parsed.text)
        known = await store.vectors(scope, index, document.document_id)
        hashes = [one.content_hash for one in chunks]
        # By hash: a chunk that occurs twice is embedded once.
        fresh = {
            digest: one.indexed_text
            for digest, one in zip(hashes, chunks, strict=True)
            if digest not in known
        }
        known |= await _embed(fresh, embedder)
        vectors = [known[digest] for digest in hashes]
        await store.replace(scope, index, document, chunks, vectors)
        return Outcome(
            status="indexed",
            pages=parsed.page_count,
            chunks=len(chunks),
            tokens=sum(one.token_count for one in chunks),
            embedded_chunks=len(fresh),
        )


async def _embed(texts: Mapping[bytes, str], embedder: Embedder) -> dict[bytes, Vector]:
    # Documents under way side by side share the cores: the embedder gives each its turns. In
    # parts, because a thread cannot be cancelled: a service that stops waits for one part only.
    known: dict[bytes, Vector] = {}
    by_length = sorted(texts, key=lambda digest: len(texts[digest]))
    for start in range(0, len(by_length), EMBEDDED_AT_ONCE):
        part = by_length[start : start + EMBEDDED_AT_ONCE]
        vectors = await asyncio.to_thread(embedder.embed_passages, [texts[one] for one in part])
        known |= dict(zip(part, vectors, strict=True))
    return known


def _failed(stage: Stage, code: str, error: Exception) -> Outcome:
    return Outcome(status="failed", stage=stage, error_code=code, error=str(error))
