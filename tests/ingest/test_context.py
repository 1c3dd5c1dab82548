"""Lines that situate chunks: where they go, how long they get, and which are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ingest import context
from ingest.chunking import chunk
from ingest.chunking.settings import chunk_settings
from ingest.context import LlmUnavailable, Span, situated
from ingest.parsing.document import ParsedDocument
from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import MODELS
from tests.ingest.makers import documents, heading, make_parsed, table

MODEL = MODELS[0]
WORDS = ("pump " * 90).strip()


@pytest.fixture(scope="module")
def tokenizer(embedder: Embedder) -> Tokenizer:
    return embedder.tokenizer


class Teller:
    """Tells the same of every part, and keeps what it was asked."""

    def __init__(self, line: str = "The pumps of the north wing.") -> None:
        self.line = line
        self.asked: list[str] = []

    async def __call__(self, document: str, spans: Sequence[Span]) -> list[str]:
        self.asked += [document[start:end] for start, end in spans]
        return [self.line] * len(spans)


class Kept(dict[bytes, str]):
    """Lines in memory."""

    async def lines(self) -> dict[bytes, str]:
        return dict(self)

    async def keep_lines(self, lines: Mapping[bytes, str]) -> None:
        self.update(lines)


def cut(document: ParsedDocument, tokenizer: Tokenizer, size: int = 100) -> list[Chunk]:
    chosen = chunk_settings(MODEL, max_chunk_size=size, context="llm")
    return chunk(document, chosen, tokenizer, lambda texts: pytest.fail(f"embeds {texts}"))


async def add(
    document: ParsedDocument,
    teller: Teller,
    tokenizer: Tokenizer,
    kept: Kept | None = None,
) -> list[Chunk]:
    return await situated(
        cut(document, tokenizer),
        document.text,
        teller,
        Kept() if kept is None else kept,
        tokenizer=tokenizer,
        max_tokens=100,
    )


async def test_a_line_is_indexed_before_the_titles_and_never_quoted(tokenizer: Tokenizer) -> None:
    document = make_parsed(heading("Pumps"), WORDS, title="Guide")
    for one in await add(document, Teller(), tokenizer):
        assert one.text == document.text[one.char_start : one.char_end]
        line, titles = one.context.split("\n")
        assert line == "The pumps of the north wing."
        assert titles.startswith("Guide")
        assert one.indexed_text == f"{line}\n{titles}\n{one.text}"


async def test_the_header_row_of_a_table_stays_next_to_its_rows(tokenizer: Tokenizer) -> None:
    rows = [f"| P-{number} | {number} bar |" for number in range(60)]
    document = make_parsed(table("| pump | pressure |", *rows))
    chunks = await add(document, Teller("Pressures."), tokenizer)
    assert chunks[-1].context == "Pressures.\n| pump | pressure |"


@pytest.mark.parametrize("size", [100, 256])
@given(document=documents(), line=st.text(max_size=300) | st.just("pressure gauge " * 99))
@settings(max_examples=30, deadline=None)
async def test_with_its_line_no_chunk_is_longer_than_it_may_be(
    tokenizer: Tokenizer, document: ParsedDocument, line: str, size: int
) -> None:
    chunks = await situated(
        cut(document, tokenizer, size),
        document.text,
        Teller(line),
        Kept(),
        tokenizer=tokenizer,
        max_tokens=size,
    )
    for one in chunks:
        assert one.token_count == len(tokenizer.encode(one.indexed_text).ids) <= size
        one.indexed_text.encode()
        assert "\0" not in one.context


async def test_a_long_line_loses_its_last_words(tokenizer: Tokenizer) -> None:
    teller = Teller("Hydraulic accumulators\nof  the north wing " + "and the south wing " * 30)
    (first, *_) = await add(make_parsed(WORDS), teller, tokenizer)
    assert first.context.startswith("Hydraulic accumulators of the north wing and the south wing")
    assert f"{teller.line} ".replace("\n", " ").replace("  ", " ").startswith(f"{first.context} ")


async def test_no_line_leaves_the_chunk_as_it_was(tokenizer: Tokenizer) -> None:
    document = make_parsed(heading("Pumps"), WORDS, title="Guide")
    assert await add(document, Teller(" \n"), tokenizer) == cut(document, tokenizer)


async def test_a_document_indexed_again_asks_for_new_chunks_only_and_keeps_its_hashes(
    tokenizer: Tokenizer,
) -> None:
    parts = [heading("Pumps"), WORDS, heading("Doors"), WORDS.replace("pump", "door")]
    kept = Kept()
    guide = make_parsed(*parts, title="Guide")
    before = await add(guide, Teller("As first told."), tokenizer, kept)
    teller = Teller("Told otherwise.")
    again = await add(guide, teller, tokenizer, kept)
    assert teller.asked == []
    assert again == before
    bells = WORDS.replace("pump", "bell")
    longer = make_parsed(*parts, heading("Bells"), bells, title="Guide")
    after = await add(longer, teller, tokenizer, kept)
    assert {"bell" in text for text in teller.asked} == {True}
    assert {one.content_hash for one in before} <= {one.content_hash for one in after}


async def test_the_same_passage_under_another_heading_gets_a_line_of_its_own(
    tokenizer: Tokenizer,
) -> None:
    twice = [heading("Pumps"), WORDS, WORDS, heading("Valves"), WORDS]
    teller = Teller()
    chunks = await add(make_parsed(*twice), teller, tokenizer)
    assert len(teller.asked) == len(
        {one.content_hash for one in cut(make_parsed(*twice), tokenizer)}
    )
    assert len(teller.asked) < len(chunks)


async def test_lines_that_came_before_the_model_went_away_are_not_asked_again(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "ASKED_AT_ONCE", 1)
    kept, teller = Kept(), Teller()
    guide = make_parsed(*(part for n in range(3) for part in (heading(f"Part {n}"), WORDS)))

    async def leave(document: str, spans: Sequence[Span]) -> list[str]:
        if kept:
            raise LlmUnavailable
        return await teller(document, spans)

    with pytest.raises(LlmUnavailable):
        await situated(
            cut(guide, tokenizer), guide.text, leave, kept, tokenizer=tokenizer, max_tokens=100
        )
    assert len(kept) == len(teller.asked) == 1
    chunks = await add(guide, teller, tokenizer, kept)
    assert len(teller.asked) == len(chunks)
