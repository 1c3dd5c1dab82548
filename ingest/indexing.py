"""The write path: one document version's bytes to chunks in an index, all of them or none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, Protocol

from ingest.chunking import chunk
from ingest.context import LlmRefused, Situate, situated
from ingest.metadata import Declared, Gathered, gather, reads_file
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import ParseError, ParserUnavailable
from retrieval.analysis import Language
from retrieval.analysis.detection import detect
from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder
from retrieval.errors import ServiceError
from retrieval.index import ChunkSettings, IndexVersion
from retrieval.scope import Scope
from retrieval.store import DocumentVersion, MetadataValue, Store, Vector

PARSER_VERSION = "1"
"""Raised whenever the same bytes would give another canonical text: spans belong to one."""

UNDECLARED = Declared()
EMBEDDED_AT_ONCE = 128  # chunks of one document; some seconds' work

Stage = Literal["fetch", "parse", "chunk", "embed", "write"]


class Parser(Protocol):
    """Bytes to a parsed document; `ingest.parsing.jail.ParserJail` is one."""

    async def parse(self, data: bytes, *, name: str) -> ParsedDocument:
        """Raises a `ParseError` that says why there is no text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """What one stage of an attempt took."""

    stage: Stage
    started_at: datetime
    seconds: float
    bytes: int | None = None
    tokens: int | None = None
    error_code: str | None = None
    error: str | None = None


class Attempt(Protocol):
    """An attempt at one document version: what is kept of it, the next one need not do again."""

    async def data(self) -> bytes:
        """The document's bytes."""
        ...

    async def parsed(self) -> ParsedDocument | None:
        """What the same parsers made of these bytes before, in this attempt's index or another."""
        ...

    async def keep_parsed(self, document: ParsedDocument) -> None:
        """Keep it, and its text for citations to be read back."""
        ...

    async def vectors(self) -> dict[bytes, Vector]:
        """Vectors of this document that the same model gave before, by content hash."""
        ...

    async def keep_vectors(
        self, vectors: Mapping[bytes, Vector], *, chunks: int, embedded: int
    ) -> None:
        """Keep these; so many of the document's chunks have theirs now.

        Raises what ends the attempt, where nobody wants it any longer.
        """
        ...

    async def add_language(self, language: Language) -> None:
        """Have questions read as this language, too, before there is anything to find in it."""
        ...

    async def lines(self) -> dict[bytes, str]:
        """Lines that situate chunks of this document; see `ingest.context.Lines`."""
        ...

    async def keep_lines(self, lines: Mapping[bytes, str]) -> None:
        """Keep these as well."""
        ...

    def record(self, stage: StageRecord) -> None:
        """Keep what a stage took, whether it failed or not."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How indexing one document version ended, as the ledger keeps it."""

    status: Literal["indexed", "failed", "superseded", "cancelled"]
    stage: Stage | None = None
    """Where it failed."""

    error_code: str | None = None
    error: str | None = None
    pages: int | None = None
    chunks: int | None = None
    tokens: int | None = None
    embedded_chunks: int | None = None
    """Chunks whose vectors had to be computed; the others kept or share theirs."""

    notes: tuple[str, ...] = ()
    """What could not be read of a document that was read otherwise."""

    metadata: Mapping[str, MetadataValue] = field(default_factory=dict[str, "MetadataValue"])
    """What it can be filtered by."""


class Indexer:
    """Parses, chunks, embeds and writes. Documents may be under way side by side."""

    def __init__(self, parser: Parser, situate: Situate | None = None) -> None:
        """`situate` is asked for the lines of chunks whose context is `llm`."""
        self._parser = parser
        self._situate = situate

    async def index(
        self,
        scope: Scope,
        index: IndexVersion,
        document: DocumentVersion,
        attempt: Attempt,
        *,
        store: Store,
        embedder: Embedder,
        declared: Declared = UNDECLARED,
    ) -> Outcome:
        """Make the attempt's bytes what the document is found as, with the metadata declared.

        A document that cannot be read is an `Outcome`, and its former version stays searchable.
        What may pass, such as a store that is away, is raised for the queue to try again.
        """
        try:
            parsed = await self._parsed(document, attempt)
        except ParserUnavailable:
            raise
        except ParseError as exc:
            return Outcome(status="failed", stage="parse", error_code=exc.code, error=str(exc))
        with _stage(attempt, "chunk") as measured:
            chunks = await self._chunks(parsed, index.settings.chunking, embedder, attempt)
            measured.tokens = sum(one.token_count for one in chunks)
        known = await attempt.vectors()
        hashes = [one.content_hash for one in chunks]
        # By hash: a chunk that occurs twice is embedded once.
        fresh = {
            digest: one.indexed_text
            for digest, one in zip(hashes, chunks, strict=True)
            if digest not in known
        }
        with _stage(attempt, "embed"):
            await _embed(fresh, known, embedder, attempt, chunks=len(set(hashes)))
        gathered = await _gather(declared, document.item_name, parsed, attempt)
        language = index.settings.language or await asyncio.to_thread(detect, parsed.text)
        await attempt.add_language(language)
        document = replace(document, metadata=gathered.values, language=language)
        with _stage(attempt, "write"):
            vectors = [known[digest] for digest in hashes]
            await store.replace(scope, index, document, chunks, vectors)
        return Outcome(
            status="indexed",
            pages=parsed.page_count,
            chunks=len(chunks),
            tokens=measured.tokens,
            embedded_chunks=len(fresh),
            notes=(*_notes(parsed), *gathered.notes),
            metadata=gathered.values,
        )

    async def _chunks(
        self,
        parsed: ParsedDocument,
        settings: ChunkSettings,
        embedder: Embedder,
        attempt: Attempt,
    ) -> list[Chunk]:
        chunks = await asyncio.to_thread(
            chunk, parsed, settings, embedder.tokenizer, embedder.embed_passages
        )
        if settings.context != "llm":
            return chunks
        if self._situate is None:
            raise LlmRefused("KB_LLM_URL and KB_LLM_MODEL are not set.")
        return await situated(
            chunks,
            parsed.text,
            self._situate,
            attempt,
            tokenizer=embedder.tokenizer,
            max_tokens=settings.max_chunk_size,
        )

    async def _parsed(self, document: DocumentVersion, attempt: Attempt) -> ParsedDocument:
        if (kept := await attempt.parsed()) is not None:
            return kept
        data = await attempt.data()
        with _stage(attempt, "parse", size=len(data)):
            parsed = await self._parser.parse(data, name=document.item_name)
        await attempt.keep_parsed(parsed)
        return parsed


async def _gather(
    declared: Declared, item_name: str, parsed: ParsedDocument, attempt: Attempt
) -> Gathered:
    data = await attempt.data() if reads_file(declared, item_name) else b""
    return await asyncio.to_thread(gather, declared, item_name, parsed, data)


async def _embed(
    texts: Mapping[bytes, str],
    known: dict[bytes, Vector],
    embedder: Embedder,
    attempt: Attempt,
    *,
    chunks: int,
) -> None:
    """Add the texts' vectors to the known ones.

    In parts, because a thread cannot be cancelled: a service that stops waits for one part only,
    and one that is killed loses no more. Documents under way side by side share the cores: the
    embedder gives each its turns.
    """
    digests = list(texts)
    for start in range(0, len(digests), EMBEDDED_AT_ONCE):
        part = digests[start : start + EMBEDDED_AT_ONCE]
        vectors = await asyncio.to_thread(embedder.embed_passages, [texts[one] for one in part])
        added = dict(zip(part, vectors, strict=True))
        known |= added
        await attempt.keep_vectors(added, chunks=chunks, embedded=start + len(part))


@dataclass(slots=True)
class _Measured:
    tokens: int | None = None


@contextmanager
def _stage(attempt: Attempt, stage: Stage, *, size: int | None = None) -> Generator[_Measured]:
    """Record what is done inside, with the error that ends it."""
    measured = _Measured()
    started_at, start = datetime.now(UTC), time.perf_counter()

    def record(error: Exception | None) -> None:
        attempt.record(
            StageRecord(
                stage=stage,
                started_at=started_at,
                seconds=time.perf_counter() - start,
                bytes=size,
                tokens=measured.tokens,
                error_code=error and error_code(error),
                error=error and str(error),
            )
        )

    try:
        yield measured
    except Exception as exc:
        record(exc)
        raise
    record(None)


def _notes(parsed: ParsedDocument) -> Iterator[str]:
    if parsed.pages_by_ocr:
        yield f"Pages read by OCR: {parsed.pages_by_ocr}."
    if parsed.pages_without_text:
        yield f"Pages of pictures without text, not read: {parsed.pages_without_text}."


def error_code(error: Exception) -> str:
    """What programs know an error by."""
    return getattr(error, "code", "unavailable" if isinstance(error, ServiceError) else "internal")
