"""Documents of a knowledge base, read once and cut again and again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ingest.chunking import chunk
from ingest.chunking.tokens import TokenMeter
from ingest.parsing.document import ParsedDocument
from playground.bodies import Document
from playground.client import Client
from playground.kept_vectors import KeptVectors
from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder
from retrieval.index import ChunkSettings

TIMED = 8  # chunks that are embedded to see how fast that goes


@dataclass(frozen=True, slots=True)
class Read:
    """A document as the chunker is given it, its tokens counted."""

    name: str
    document: ParsedDocument
    meter: TokenMeter


@dataclass(frozen=True, slots=True)
class Cut:
    """A document's chunks."""

    source: Read
    chunks: Sequence[Chunk]


class Cutter:
    """Reads a document when it is first wanted, and keeps it. For one thread at a time."""

    def __init__(self, client: Client, kb: UUID, embedder: Embedder) -> None:
        self._client = client
        self._kb = kb
        self._vectors = KeptVectors(embedder)
        self._read: dict[UUID, Read] = {}
        self._pace: float | None = None

    def read(self, document: Document) -> Read:
        """Raises what the client raises."""
        version = document.version_uuid
        if version not in self._read:
            parsed = self._client.parsed(self._kb, document.uuid, version)
            meter = TokenMeter(parsed.text, self._vectors.tokenizer)
            self._read[version] = Read(document.item_name, parsed, meter)
        return self._read[version]

    def cut(self, documents: Sequence[Document], settings: ChunkSettings) -> list[Cut]:
        """The documents in their order."""
        return [self._cut(self.read(one), settings) for one in documents]

    def _cut(self, source: Read, settings: ChunkSettings) -> Cut:
        tokenizer, embed = self._vectors.tokenizer, self._vectors.embed_passages
        return Cut(source, chunk(source.document, settings, tokenizer, embed, meter=source.meter))

    def seconds_per_token(self, cuts: Sequence[Cut]) -> float:
        """What embedding takes here, measured the first time on some of these chunks."""
        if self._pace is None:
            every = [one for cut in cuts for one in cut.chunks]
            some = every[:: max(1, len(every) // TIMED)][:TIMED]
            begun = time.perf_counter()
            self._vectors.embed_passages([one.indexed_text for one in some])
            tokens = sum(one.token_count for one in some)
            self._pace = (time.perf_counter() - begun) / max(tokens, 1)
        return self._pace
