"""The laboratory: an index in memory for each way of chunking, asked by the service's retriever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from threading import Event
from uuid import UUID, uuid4, uuid5

from ingest.chunking import chunk
from ingest.indexing import PARSER_VERSION
from playground.candidates import Candidate, IndexChoice
from playground.corpus import Corpus, Sample
from playground.errors import PlaygroundError
from playground.kept_vectors import KeptVectors
from playground.measured import Measured
from playground.memory_store import MemoryStore
from playground.parts import cut_out, put_back
from retrieval.analysis import Language
from retrieval.analysis.detection import detect
from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder
from retrieval.eval.run import Answer, run
from retrieval.expansion import Place
from retrieval.index import IndexSettings, IndexVersion
from retrieval.query import Query
from retrieval.reranking.reranker import Reranker
from retrieval.retrieval import Retrieval
from retrieval.retriever import retrieve
from retrieval.scope import Scope
from retrieval.store import DocumentVersion
from retrieval.target import Index, Target

BYTES_OF_A_TERM = 8  # of a sparse vector: its number and its weight
BYTES_OF_A_NUMBER = {"float": 4.0, "half": 2.0, "binary": 2.0}
INDEXING = 0.8  # of the work on an index, as a rule; the rest is asking
COUNTED = 100_000  # texts whose tokens are remembered
_NAMESPACE = UUID("a8a3c1de-3a1e-5c0b-9a74-8d3a4c1f6f27")

EmbedderOf = Callable[[str, int | None], Embedder]
"""A model's embedder by its id and the size of its vectors. May block while it loads."""

Told = Callable[[float], None]
"""Told what share of the work on an index is done."""


class SweepStopped(PlaygroundError):
    """The sweep was stopped; what had been measured by then is kept."""


@dataclass(frozen=True, slots=True)
class Work:
    """What measuring took."""

    texts: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """Of embedding."""


class Lab:
    """Measures candidates on a corpus. One sweep at a time, on one event loop.

    An index holds what the service would put into it: the same chunks, the same vectors, exact
    cosines and BM25. No text is embedded twice, whichever candidates share it.
    """

    def __init__(
        self, corpus: Corpus, embedder_of: EmbedderOf, *, reranker: Reranker | None = None
    ) -> None:
        """Candidates that are reranked need a `reranker`."""
        self.corpus = corpus
        self._embedder_of = embedder_of
        self._reranker = reranker
        self._stop = Event()
        self._kept: dict[tuple[str, int | None], KeptVectors] = {}
        self._languages = {name: detect(one.text) for name, one in corpus.documents.items()}

    def stop(self) -> None:
        """End a sweep that is under way, soon. From any thread."""
        self._stop.set()

    @property
    def work(self) -> Work:
        """What all measuring so far took."""
        kept = self._kept.values()
        return Work(
            texts=sum(one.texts for one in kept),
            tokens=sum(one.tokens for one in kept),
            seconds=sum(one.seconds for one in kept),
        )

    def vectors(self, choice: IndexChoice) -> KeptVectors:
        """The embedder of a choice, which keeps its vectors. Blocks while a model loads."""
        key = (choice.model_id, choice.dimensions)
        if key not in self._kept:
            self._kept[key] = KeptVectors(self._embedder_of(*key), before_each=self._go_on)
        return self._kept[key]

    def chunks(self, choice: IndexChoice, name: str, sample: Sample) -> list[Chunk]:
        """A document's chunks as far as the sample has it, their spans in the whole document."""
        document, embedder = self.corpus.documents[name], self.vectors(choice)
        found: list[Chunk] = []
        for part in sample.parts[name]:
            self._go_on()
            piece = cut_out(document, part)
            cut = chunk(piece, choice.chunking, embedder.tokenizer, embedder.embed_passages)
            found += put_back(cut, at=part.start, position=len(found))
        return found

    async def measure(
        self,
        choice: IndexChoice,
        ways: Sequence[Query],
        sample: Sample,
        *,
        told: Told = lambda share: None,
    ) -> list[Measured]:
        """Build the index and ask it the sample's questions in each way.

        Latency is of search, fusion and reranking here in memory; questions are embedded before.
        Raises `SweepStopped`, or what embedding raises.
        """
        shelf = await _Shelf.filled(self, choice, sample, lambda share: told(INDEXING * share))
        for question in sample.questions:
            self._go_on()
            await asyncio.to_thread(shelf.embedder.embed_query, question.question)
        found: list[Measured] = []
        count_tokens = lru_cache(COUNTED)(shelf.embedder.count_tokens)
        for number, like in enumerate(ways):

            async def tell(asked: int, before: int = number) -> None:
                self._go_on()
                asking = (before + asked / len(sample.questions)) / len(ways)
                told(INDEXING + (1 - INDEXING) * asking)

            results = await run(
                sample.questions,
                shelf.answer(self._reranker),
                like=like,
                count_tokens=count_tokens,
                chunks=shelf.spans,
                at_once=1,
                on_progress=tell,
            )
            found.append(
                Measured(
                    candidate=Candidate(index=choice, like=like),
                    results=results,
                    chunks=shelf.chunks,
                    index_bytes=shelf.bytes,
                    share=sample.share,
                    settled=sample.share >= 1,
                )
            )
        return found

    def language(self, name: str) -> Language:
        """What a document's words are analysed as."""
        return self._languages[name]

    def _go_on(self) -> None:
        """Raises `SweepStopped`."""
        if self._stop.is_set():
            raise SweepStopped


class _Shelf:
    """One index in memory."""

    def __init__(self, corpus: Corpus, embedder: KeptVectors, index: IndexVersion) -> None:
        self._corpus = corpus
        self._store = MemoryStore()
        self._index = index
        self._scope = Scope(team_id=uuid4(), knowledge_base_id=uuid4())
        self._names: dict[UUID, str] = {}
        self.embedder = embedder
        self.spans: dict[str, list[tuple[int, int]]] = {}
        self.chunks = 0
        self.bytes = 0

    @classmethod
    async def filled(cls, lab: Lab, choice: IndexChoice, sample: Sample, told: Told) -> _Shelf:
        """With the sample's chunks."""
        embedder = await asyncio.to_thread(lab.vectors, choice)
        settings = IndexSettings(
            parser=PARSER_VERSION, embedding_model=embedder.model, chunking=choice.chunking
        )
        languages = {lab.language(name) for name in sample.parts}
        index = IndexVersion(
            id=uuid4(), number=1, settings=settings, found_languages=tuple(sorted(languages))
        )
        shelf = cls(lab.corpus, embedder, index)
        await shelf._store.create(shelf._scope, index)
        for number, name in enumerate(sample.parts):
            told(number / len(sample.parts))
            chunks = await asyncio.to_thread(lab.chunks, choice, name, sample)
            await shelf._put(name, lab.language(name), chunks)
        size = BYTES_OF_A_NUMBER[settings.vector_storage]
        words = await shelf._store.words(shelf._scope, index)
        shelf.bytes += round(shelf.chunks * embedder.model.dimensions * size)
        shelf.bytes += words * BYTES_OF_A_TERM
        return shelf

    def answer(self, reranker: Reranker | None) -> Answer:
        """The read path over this index alone."""
        index = Index(version=self._index, store=self._store, embedder=self.embedder)
        target = Target(scope=self._scope, index=index)

        async def answer(query: Query) -> Retrieval:
            return await retrieve([target], query, texts=self._texts, reranker=reranker)

        return answer

    async def _put(self, name: str, language: Language, chunks: Sequence[Chunk]) -> None:
        texts = [one.indexed_text for one in chunks]
        vectors = await asyncio.to_thread(self.embedder.embed_passages, texts)
        document = DocumentVersion(
            document_id=uuid5(_NAMESPACE, name),
            version_id=uuid5(_NAMESPACE, f"{name} 1"),
            version_number=1,
            item_name=name,
            ingested_at=datetime.now(UTC),
            language=language,
        )
        self._names[document.version_id] = name
        await self._store.replace(self._scope, self._index, document, chunks, list(vectors))
        self.spans[name] = [(one.char_start, one.char_end) for one in chunks]
        self.chunks += len(chunks)
        self.bytes += sum(len(text.encode()) for text in texts)

    async def _texts(
        self, scope: Scope, places: Sequence[Place], *, parser: str
    ) -> list[str | None]:
        del scope, parser
        return [
            self._corpus.documents[self._names[version]].text[start:end]
            for version, start, end in places
        ]
