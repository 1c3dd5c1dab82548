"""Cutting documents in the Chunk view: the same chunks as in production, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest

from ingest.chunking import chunk
from ingest.chunking.tokens import TokenMeter
from ingest.parsing.markdown import parse
from playground.bodies import Document
from playground.chunk_choice import ChunkChoice
from playground.client import Client
from playground.connection import Connection
from playground.cut_figures import cut_figures
from playground.cut_view import cut_view, pages
from playground.cutting import Cut, Cutter, Read
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import MODELS
from retrieval.index import CHUNK_STRATEGIES, ChunkStrategy
from tests.playground.served import Served

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TABLE = "| a | b |\n|---|---|\n" + "".join(f"| row {n} | some words here |\n" for n in range(40))
TEXT = (
    f"# Title\n\n## One\n\nA sentence of seven words stands here. {'More words. ' * 90}\n\n{TABLE}"
)


class Counting:
    """A tokenizer that keeps account of what it reads."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.characters = 0

    def encode(self, text: str, **options: Any) -> Any:
        self.characters += len(text)
        return self._tokenizer.encode(text, **options)


class CountingEmbedder:
    """Another embedder with such a tokenizer."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.tokenizer = Counting(embedder.tokenizer)
        self.model = embedder.model
        self.texts = 0

    def embed_passages(self, texts: Sequence[str]) -> Any:
        self.texts += len(texts)
        return self._embedder.embed_passages(texts)

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)


@pytest.fixture(scope="module")
def handbook(served: Served) -> Iterator[tuple[Client, UUID, list[Document]]]:
    with Connection(served.url, served.key) as connection:
        client = Client(connection)
        base = next(one.uuid for one in client.knowledge_bases() if one.name == "handbook")
        yield client, base, client.documents(base)


@pytest.mark.parametrize("strategy", CHUNK_STRATEGIES)
def test_a_document_is_read_and_counted_once_however_often_it_is_cut(
    handbook: tuple[Client, UUID, list[Document]], embedder: Embedder, strategy: ChunkStrategy
) -> None:
    client, base, documents = handbook
    counting = CountingEmbedder(embedder)
    cutter = Cutter(client, base, cast("Embedder", counting))
    settings = [
        ChunkChoice(strategy=strategy, size=size).settings(MODELS[0]) for size in (256, 180, 120)
    ]
    first = cutter.cut(documents, settings[0])
    whole = sum(len(one.source.document.text) for one in first)
    read, embedded = counting.tokenizer.characters, counting.texts
    assert read >= whole
    later = [cutter.cut(documents, one) for one in settings[1:]]
    assert counting.tokenizer.characters - read < whole  # what stands before chunks, no text
    assert counting.texts - embedded < 1 + embedded  # a sentence is embedded once
    assert later[1] != later[0] or strategy == "sentence_window"
    for cuts, one in zip([first, *later], settings, strict=True):
        for cut in cuts:
            document = cut.source.document
            assert cut.chunks == chunk(document, one, embedder.tokenizer, embedder.embed_passages)


def cut_of(text: str, embedder: Embedder, choice: ChunkChoice) -> Cut:
    document = parse(text.encode())
    source = Read("a.md", document, TokenMeter(document.text, embedder.tokenizer))
    settings = choice.settings(MODELS[0])
    return Cut(source, chunk(document, settings, embedder.tokenizer, embedder.embed_passages))


def test_figures_tell_what_is_torn_and_what_is_repeated(embedder: Embedder) -> None:
    fixed = ChunkChoice(strategy="fixed", size=120, overlap=25)
    torn = cut_figures([cut_of(TEXT, embedder, fixed)])
    assert (torn.tables, torn.tables_cut) == (1, 1)
    assert torn.headings == 2
    assert 0.15 < torn.repeated < 0.3
    assert max(torn.sizes) <= 120
    assert torn.tokens == sum(torn.sizes)
    kept = cut_figures(
        [cut_of("# Title\n\nWords.\n\n| a |\n|---|\n| b |\n", embedder, ChunkChoice())]
    )
    assert (kept.tables, kept.tables_cut, kept.headings, kept.headings_cut) == (1, 0, 1, 0)
    assert kept.repeated == 0
    assert cut_figures([]).median == 0


def test_what_a_document_says_is_shown_and_not_obeyed(embedder: Embedder) -> None:
    said = '# <b>Title</b>\n\n<script>alert(1)</script> & "words" <img src=x onerror=alert(1)>\n'
    cut = cut_of(said, embedder, ChunkChoice())
    shown = cut_view(cut, 1).text
    assert "<script" not in shown
    assert "<img" not in shown
    assert "&lt;script&gt;" in shown


def test_all_parts_of_a_document_show_all_of_it_once(embedder: Embedder) -> None:
    text = "# T\n\n" + "\n\n".join(f"Paragraph number {one} of many." for one in range(1500))
    cut = cut_of(text, embedder, ChunkChoice(strategy="fixed", size=100, overlap=50))
    count = pages(cut.source.document.text)
    assert count > 2
    shown = "".join(cut_view(cut, page + 1).text for page in range(count))
    for number in (0, 1, 700, 1499):
        assert shown.count(f"number {number} of") == 1


@pytest.mark.parametrize("strategy", CHUNK_STRATEGIES)
@pytest.mark.parametrize("size", [None, 1, 101, 10_000])
def test_no_slider_can_ask_for_what_cannot_be(strategy: ChunkStrategy, size: int | None) -> None:
    for end in (0, 50):
        choice = ChunkChoice(strategy=strategy, size=size, smallest=end, overlap=end, parents=20)
        settings = choice.settings(MODELS[0])
        assert settings.strategy == strategy
        assert 100 <= settings.max_chunk_size <= MODELS[0].max_tokens
