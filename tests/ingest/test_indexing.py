"""The write path, with a real store and a real model; the parser gives what it is told to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import psycopg
import pytest

from ingest import indexing
from ingest.indexing import Indexer, Outcome, StageRecord
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import EncryptedDocument, ParseError, ParserUnavailable, ScannedDocument
from retrieval.embedding.embedder import Embedder, Vectors
from retrieval.index import ChunkSettings, IndexSettings, IndexVersion
from retrieval.postgres import Pool
from retrieval.store import DocumentVersion, IndexNotFound, Vector
from retrieval.stores.pgvector import PgVectorStore
from tests.ingest.makers import Part, heading, make_parsed
from tests.retrieval.stores.makers import MODEL, Shelf, make_document, make_index, next_version


class ToldParser:
    """Knows what each file's bytes mean, or why they mean nothing."""

    def __init__(self) -> None:
        self.answers: dict[bytes, ParsedDocument | ParseError] = {}

    async def parse(self, data: bytes, *, name: str) -> ParsedDocument:
        del name
        answer = self.answers[data]
        if isinstance(answer, ParseError):
            raise answer
        return answer


@dataclass
class Desk:
    """An indexer at work on one index."""

    shelf: Shelf
    embedder: Embedder
    parser: ToldParser = field(default_factory=ToldParser)
    attempts: list[Notes] = field(default_factory=list["Notes"])

    def __post_init__(self) -> None:
        self._indexer = Indexer(self.parser)

    async def index(
        self, document: DocumentVersion, answer: ParsedDocument | ParseError
    ) -> Outcome:
        data = f"file {len(self.parser.answers)}".encode()
        self.parser.answers[data] = answer
        return await self.attempt(document, Notes(self.shelf, document, data))

    async def attempt(self, document: DocumentVersion, notes: Notes) -> Outcome:
        self.attempts.append(notes)
        return await self._indexer.index(
            self.shelf.scope,
            self.shelf.index,
            document,
            notes,
            store=self.shelf.store,
            embedder=self.embedder,
        )

    @property
    def texts(self) -> list[str]:
        """What was saved as canonical text."""
        return [one.kept.text for one in self.attempts if one.kept]

    async def words(self, text: str) -> list[str]:
        return await self.shelf.by_words(text)


class Notes:
    """What an attempt keeps, in memory."""

    def __init__(self, shelf: Shelf, document: DocumentVersion, data: bytes) -> None:
        self.kept: ParsedDocument | None = None
        self.made: dict[bytes, Vector] = {}
        self.told: dict[bytes, str] = {}
        self.progress: list[tuple[int, int]] = []
        self.stages: list[StageRecord] = []
        self._shelf, self._document, self._data = shelf, document, data

    async def data(self) -> bytes:
        return self._data

    async def parsed(self) -> ParsedDocument | None:
        return self.kept

    async def keep_parsed(self, document: ParsedDocument) -> None:
        self.kept = document

    async def vectors(self) -> dict[bytes, Vector]:
        shelf = self._shelf
        known = await shelf.store.vectors(shelf.scope, shelf.index, self._document.document_id)
        return known | self.made

    async def keep_vectors(
        self, vectors: Mapping[bytes, Vector], *, chunks: int, embedded: int
    ) -> None:
        self.made |= vectors
        self.progress.append((chunks, embedded))

    async def add_language(self, language: str) -> None:
        pass

    async def lines(self) -> dict[bytes, str]:
        return dict(self.told)

    async def keep_lines(self, lines: Mapping[bytes, str]) -> None:
        self.told |= lines

    def record(self, stage: StageRecord) -> None:
        self.stages.append(stage)


def small_chunks() -> IndexVersion:
    settings = IndexSettings(
        parser="1", embedding_model=MODEL, chunking=ChunkSettings(max_chunk_size=100)
    )
    return replace(make_index(), settings=settings)


@pytest.fixture
async def desk(pool: Pool, embedder: Embedder) -> Desk:
    shelf = Shelf(PgVectorStore(pool), index=small_chunks())
    return Desk(await shelf.create(), embedder)


def section(title: str, words: int = 40) -> list[Part]:
    """Long enough for a chunk of its own."""
    return [heading(title), Part(f"{title} " + "pump " * words + ".")]


def guide(*titles: str) -> ParsedDocument:
    return make_parsed(*(part for title in titles for part in section(title)), title="Guide")


class SlowEmbedder:
    """The real one, that waits for leave before each call."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.model, self.tokenizer = embedder.model, embedder.tokenizer
        self.sizes: list[int] = []
        self.called, self.leave = threading.Event(), threading.Semaphore(0)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        self.sizes.append(len(texts))
        self.called.set()
        self.leave.acquire()
        return self._embedder.embed_passages(texts)

    def embed_query(self, text: str) -> Vectors:
        return self._embedder.embed_query(text)

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)


async def test_a_large_document_that_is_given_up_on_embeds_no_further_part(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "EMBEDDED_AT_ONCE", 2)
    slow = SlowEmbedder(desk.embedder)
    desk.embedder = slow
    parsed = guide("kettle", "motor", "hinge", "drill", "rotor")
    given_up = asyncio.create_task(desk.index(make_document(), parsed))
    await asyncio.to_thread(slow.called.wait)
    given_up.cancel()
    slow.leave.release()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert slow.sizes == [2]
    for _ in range(3):
        slow.leave.release()
    assert (await desk.index(make_document(), parsed)).chunks == 5
    assert slow.sizes == [2, 2, 2, 1]
    assert len(await desk.words("kettle")) == 1


async def test_a_document_becomes_searchable(desk: Desk) -> None:
    parsed = replace(guide("kettle", "motor", "hinge"), page_count=4)
    outcome = await desk.index(make_document(), parsed)
    stored = await desk.shelf.read(list((await desk.shelf.search(text="pump")).lexical))
    assert outcome == Outcome(
        status="indexed",
        pages=4,
        chunks=3,
        tokens=sum(one.chunk.token_count for one in stored),
        embedded_chunks=3,
    )
    assert [text.split()[0] for text in await desk.words("motor")] == ["motor"]
    assert desk.texts == [parsed.text]


async def test_what_is_stored_is_the_models_vector_of_the_indexed_text(desk: Desk) -> None:
    document = make_document()
    await desk.index(document, guide("kettle", "motor", "hinge"))
    stored = await desk.shelf.read(list((await desk.shelf.search(text="pump")).lexical))
    kept = await desk.shelf.store.vectors(desk.shelf.scope, desk.shelf.index, document.document_id)
    assert len(kept) == len(stored) == 3
    for one in stored:
        expected = desk.embedder.embed_passages([one.chunk.indexed_text])[0]
        assert float(kept[one.chunk.content_hash] @ expected) == pytest.approx(1, abs=2e-3)


async def test_unchanged_chunks_keep_their_vectors(desk: Desk) -> None:
    document = make_document()
    first = await desk.index(document, guide("kettle", "motor", "hinge"))
    before = await desk.shelf.store.vectors(
        desk.shelf.scope, desk.shelf.index, document.document_id
    )
    same = await desk.index(next_version(document), guide("kettle", "motor", "hinge"))
    changed = await desk.index(next_version(document), guide("new", "kettle", "valve", "hinge"))
    after = await desk.shelf.store.vectors(desk.shelf.scope, desk.shelf.index, document.document_id)
    counts = [(one.chunks, one.embedded_chunks) for one in (first, same, changed)]
    assert counts == [(3, 3), (3, 0), (4, 2)]
    shared = before.keys() & after.keys()
    assert len(shared) == 2
    assert all(np.array_equal(before[digest], after[digest]) for digest in shared)
    assert await desk.words("motor") == []


async def test_a_chunk_that_occurs_twice_is_embedded_once(desk: Desk) -> None:
    outcome = await desk.index(make_document(), guide("kettle", "kettle", "kettle"))
    assert (outcome.chunks, outcome.embedded_chunks) == (3, 1)
    assert len(await desk.words("kettle")) == 3


async def test_another_documents_vectors_are_its_own(desk: Desk) -> None:
    await desk.index(make_document(), guide("kettle"))
    other = await desk.index(make_document("other.pdf"), guide("kettle"))
    assert other.embedded_chunks == 1
    assert len(await desk.words("kettle")) == 2


async def test_a_smaller_version_leaves_nothing_behind(desk: Desk) -> None:
    document = make_document()
    await desk.index(document, guide("kettle", "motor", "hinge"))
    await desk.index(next_version(document), guide("motor"))
    assert await desk.shelf.count() == 1
    assert await desk.words("kettle hinge") == []


async def test_a_document_without_text_is_indexed_as_nothing(desk: Desk) -> None:
    document = make_document()
    await desk.index(document, guide("kettle"))
    outcome = await desk.index(next_version(document), make_parsed())
    assert (outcome.status, outcome.chunks, outcome.tokens) == ("indexed", 0, 0)
    assert await desk.shelf.count() == 0


@pytest.mark.parametrize("error", [EncryptedDocument(), ScannedDocument("3 pages.")])
async def test_what_cannot_be_parsed_fails_and_the_old_version_stays(
    desk: Desk, error: ParseError
) -> None:
    document = make_document()
    await desk.index(document, guide("kettle"))
    outcome = await desk.index(next_version(document), error)
    assert outcome == Outcome(
        status="failed", stage="parse", error_code=error.code, error=str(error)
    )
    assert outcome.error
    assert len(await desk.words("kettle")) == 1
    assert len(desk.texts) == 1


async def test_a_parser_that_is_away_is_for_the_queue_to_try_again(desk: Desk) -> None:
    document = make_document()
    await desk.index(document, guide("kettle"))
    with pytest.raises(ParserUnavailable):
        await desk.index(next_version(document), ParserUnavailable())
    assert len(await desk.words("kettle")) == 1


async def away(*_: object) -> None:
    raise psycopg.OperationalError("The store is away.")


async def test_what_an_attempt_kept_the_next_one_does_not_do_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "EMBEDDED_AT_ONCE", 2)
    document = make_document()
    notes = Notes(desk.shelf, document, b"once")
    desk.parser.answers[b"once"] = guide("kettle", "motor", "hinge")
    with monkeypatch.context() as fault:
        fault.setattr(PgVectorStore, "replace", away)
        with pytest.raises(psycopg.OperationalError):
            await desk.attempt(document, notes)
    desk.parser.answers.clear()
    notes.progress.clear()
    outcome = await desk.attempt(document, notes)
    assert (outcome.status, outcome.chunks, outcome.embedded_chunks) == ("indexed", 3, 0)
    assert notes.progress == []
    assert len(await desk.words("kettle")) == 1


async def test_every_stage_says_what_it_took_or_why_it_failed(desk: Desk) -> None:
    outcome = await desk.index(make_document(), guide("kettle", "motor"))
    done = {one.stage: one for one in desk.attempts[-1].stages}
    assert list(done) == ["parse", "chunk", "embed", "write"]
    assert done["parse"].bytes == len(b"file 0")
    assert done["chunk"].tokens == outcome.tokens
    assert all(one.error_code is None and one.seconds >= 0 for one in done.values())
    await desk.index(make_document(), EncryptedDocument("The PDF."))
    (failed,) = desk.attempts[-1].stages
    assert (failed.stage, failed.error_code) == ("parse", "encrypted_document")
    assert "The PDF." in (failed.error or "")


async def test_progress_counts_the_chunks_that_have_their_vectors(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "EMBEDDED_AT_ONCE", 2)
    await desk.index(make_document(), guide("kettle", "motor", "hinge"))
    assert desk.attempts[-1].progress == [(3, 2), (3, 3)]


async def test_a_dropped_index_is_raised(desk: Desk) -> None:
    await desk.shelf.store.drop(desk.shelf.scope, desk.shelf.index)
    with pytest.raises(IndexNotFound):
        await desk.index(make_document(), guide("kettle"))


async def test_what_the_store_refuses_is_raised_and_the_old_version_stays(desk: Desk) -> None:
    document = make_document()
    await desk.index(document, guide("kettle"))
    unstorable = guide("motor")
    unstorable = replace(unstorable, text=unstorable.text.replace(" ", "\0"))
    with pytest.raises(psycopg.DataError):
        await desk.index(next_version(document), unstorable)
    assert len(await desk.words("kettle")) == 1


async def test_indexing_twice_is_indexing_once(desk: Desk) -> None:
    """A job may be run again after it was done."""
    document = make_document()
    first = await desk.index(document, guide("kettle", "motor"))
    again = await desk.index(document, guide("kettle", "motor"))
    assert again == replace(first, embedded_chunks=0)
    assert await desk.shelf.count() == 2


async def test_documents_may_be_under_way_side_by_side(desk: Desk) -> None:
    titles = ["kettle", "motor", "hinge", "valve", "lever", "piston"]
    outcomes = await asyncio.gather(
        *(desk.index(make_document(f"{title}.md"), guide(title)) for title in titles)
    )
    assert {outcome.status for outcome in outcomes} == {"indexed"}
    for title in titles:
        assert len(await desk.words(title)) == 1
    assert await desk.shelf.count() == len(titles)
