"""Chunks: what they promise for any document, and where the cuts fall in typical ones."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ingest.chunking.draft import CONTEXT_SHARE, Draft
from ingest.chunking.section import section_chunks
from ingest.parsing.detect import detect
from ingest.parsing.document import ParsedDocument
from ingest.parsing.parsers import PARSERS, load
from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder
from tests.ingest.makers import Part, documents, heading, make_parsed, table

SENTENCE = "The pump keeps the pressure between four and six bar at any time of the day. "
HANDBOOK = Path(__file__).parents[3] / "examples/handbook"


@pytest.fixture(scope="module")
def tokenizer(embedder: Embedder) -> Tokenizer:
    return embedder.tokenizer


def count(text: str, tokenizer: Tokenizer) -> int:
    """As the model reads it, special tokens included."""
    return len(tokenizer.encode(text).ids)


def words(number: int) -> str:
    """That many words of one token each."""
    return " ".join(["pump"] * number)


def check_promises(
    document: ParsedDocument, chunks: list[Chunk], tokenizer: Tokenizer, max_tokens: int
) -> None:
    """What holds for the chunks of any document."""
    assert [chunk.position for chunk in chunks] == list(range(len(chunks)))
    covered = ""
    for chunk in chunks:
        assert chunk.text == document.text[chunk.char_start : chunk.char_end]
        assert chunk.text == chunk.text.strip() != ""
        assert chunk.token_count == count(chunk.indexed_text, tokenizer) <= max_tokens
        path_and_header = 2 * (max_tokens // CONTEXT_SHARE)
        assert count(chunk.context, tokenizer) - 2 <= path_and_header
        covered += chunk.text
    assert "".join(covered.split()) == "".join(document.text.split())
    assert all(a.char_end <= b.char_start for a, b in pairwise(chunks))
    check_places(document, chunks)


def check_places(document: ParsedDocument, chunks: list[Chunk]) -> None:
    for chunk in chunks:
        inside = [
            block
            for block in document.blocks
            if block.char_start < chunk.char_end and chunk.char_start < block.char_end
        ]
        assert chunk.page == inside[0].page
        for block in inside:
            assert block.section_path[: len(chunk.section_path)] == chunk.section_path
        kinds = {block.kind for block in inside} - {"heading"}
        assert (chunk.category == "TableChunk") == (kinds == {"table"})


@settings(max_examples=80, deadline=None)
@given(document=documents(), max_tokens=st.sampled_from([100, 101, 137, 256, 512]))
def test_any_document_is_chunked_as_promised(
    tokenizer: Tokenizer, document: ParsedDocument, max_tokens: int
) -> None:
    chunks = list(section_chunks(Draft(document, tokenizer, max_tokens)))
    check_promises(document, chunks, tokenizer, max_tokens)


@pytest.mark.parametrize("path", sorted(HANDBOOK.glob("volume-*")), ids=lambda path: path.suffix)
def test_the_handbook_is_chunked_as_promised(tokenizer: Tokenizer, path: Path) -> None:
    data = path.read_bytes()
    document = load(PARSERS[detect(data, path.name)])(data)
    chunks = list(section_chunks(Draft(document, tokenizer, 256)))
    check_promises(document, chunks, tokenizer, 256)
    assert sum(chunk.token_count for chunk in chunks) / len(chunks) > 256 / 4


def chunk(document: ParsedDocument, tokenizer: Tokenizer, max_tokens: int = 100) -> list[Chunk]:
    chunks = list(section_chunks(Draft(document, tokenizer, max_tokens)))
    check_promises(document, chunks, tokenizer, max_tokens)
    return chunks


def texts(chunks: list[Chunk]) -> list[str]:
    return [chunk.text for chunk in chunks]


def test_an_empty_document_has_no_chunks(tokenizer: Tokenizer) -> None:
    assert chunk(make_parsed(title="Nothing here"), tokenizer) == []
    assert chunk(ParsedDocument(text="\n \n", blocks=()), tokenizer) == []


# Sections


def test_a_section_opens_a_chunk(tokenizer: Tokenizer) -> None:
    document = make_parsed(
        heading("Pumps"), words(40), heading("Kettles"), words(40), heading("Doors"), words(40)
    )
    assert texts(chunk(document, tokenizer)) == [
        f"Pumps\n\n{words(40)}",
        f"Kettles\n\n{words(40)}",
        f"Doors\n\n{words(40)}",
    ]


def test_short_sections_share_a_chunk(tokenizer: Tokenizer) -> None:
    document = make_parsed(
        heading("Guide"),
        heading("Pumps", 2),
        words(5),
        heading("Kettles", 2),
        words(5),
        heading("Doors", 2),
        words(60),
    )
    (shared,) = chunk(document, tokenizer)
    assert shared.section_path == ("Guide",)


def test_a_heading_stays_with_what_it_announces(tokenizer: Tokenizer) -> None:
    """Also where the section before it is so short that it would share its chunk."""
    document = make_parsed(
        heading("Guide"),
        words(20),
        heading("Pumps", 2),
        heading("Large pumps", 3),
        words(75),
        heading("Small pumps", 3),
        words(20),
    )
    assert texts(chunk(document, tokenizer)) == [
        f"Guide\n\n{words(20)}",
        f"Pumps\n\nLarge pumps\n\n{words(75)}",
        f"Small pumps\n\n{words(20)}",
    ]


def test_a_long_heading_is_not_left_with_the_short_section_before_it(tokenizer: Tokenizer) -> None:
    """Although both would be too short alone, and the chunks more even."""
    document = make_parsed(words(8), heading(words(20)), words(76))
    assert texts(chunk(document, tokenizer)) == [words(8), f"{words(20)}\n\n{words(76)}"]


def test_a_subsection_keeps_the_heading_right_above_it(tokenizer: Tokenizer) -> None:
    """The short section and the heading after it fill a quarter, but only together."""
    document = make_parsed(
        words(20), heading(f"Pumps {words(5)}"), heading("Large pumps", 2), words(40)
    )
    (only,) = chunk(document, tokenizer)
    assert "Large pumps" in only.text


def test_a_text_that_just_does_not_fit_with_its_headings_is_shared_out(
    tokenizer: Tokenizer,
) -> None:
    text = (SENTENCE * 8).strip()
    outline = (heading("An empty chapter about pumps"), heading("Pressure of the large pumps"))
    first, second = chunk(make_parsed(*outline, text), tokenizer, count(text, tokenizer) + 8)
    assert first.text.startswith(
        "An empty chapter about pumps\n\nPressure of the large pumps\n\nThe"
    )
    assert first.text.endswith("day.")
    assert second.context == "Pressure of the large pumps"
    assert abs(first.token_count - second.token_count) < 2.5 * count(SENTENCE, tokenizer)


def test_a_long_text_follows_its_heading_within_the_limit(tokenizer: Tokenizer) -> None:
    text = (SENTENCE * 40).strip()
    document = make_parsed(heading("Pressure"), text, title="A guide to pumps")
    chunks = chunk(document, tokenizer, 128)
    assert chunks[0].text.startswith("Pressure\n\nThe pump")
    assert [one.context for one in chunks] == [
        "A guide to pumps",
        *["A guide to pumps > Pressure"] * (len(chunks) - 1),
    ]
    assert all(one.text.endswith("day.") for one in chunks)


HEADINGS_THAT_FIT = st.lists(st.integers(1, 8), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    sections=st.lists(st.tuples(HEADINGS_THAT_FIT, st.integers(1, 400)), min_size=1, max_size=6),
    max_tokens=st.sampled_from([100, 256]),
)
def test_no_chunk_ends_in_a_heading(
    tokenizer: Tokenizer, sections: list[tuple[list[int], int]], max_tokens: int
) -> None:
    """Whatever the lengths, so long as headings take less than half of a chunk."""
    parts: list[Part | str] = []
    for titles, length in sections:
        parts += [heading(f"Title {words(n)}", level + 1) for level, n in enumerate(titles)]
        parts.append(words(length))
    document = make_parsed(*parts)
    ends = {chunk.char_end for chunk in chunk(document, tokenizer, max_tokens)}
    assert not ends & {one.char_end for one in document.blocks if one.kind == "heading"}


def test_headings_alone_are_chunked_too(tokenizer: Tokenizer) -> None:
    outline = [heading(f"Chapter {number} about pumps") for number in range(60)]
    assert len(chunk(make_parsed(*outline), tokenizer)) > 1
    assert texts(chunk(make_parsed(heading("Only this")), tokenizer)) == ["Only this"]


def test_a_heading_longer_than_a_chunk_is_cut(tokenizer: Tokenizer) -> None:
    chunks = chunk(make_parsed(heading(SENTENCE.strip() * 20), words(10)), tokenizer)
    assert len(chunks) > 2


# Context


def test_the_context_names_the_title_and_the_path_above(tokenizer: Tokenizer) -> None:
    document = make_parsed(
        heading("Workshop"),
        heading("Pumps", 2),
        words(90),
        words(50),
        title="Handbook",
    )
    first, *rest = chunk(document, tokenizer)
    assert first.context == "Handbook"
    assert first.section_path == ("Workshop",), "where all of it stands"
    assert {one.context for one in rest} == {"Handbook > Workshop > Pumps"}
    assert {one.section_path for one in rest} == {("Workshop", "Pumps")}
    assert rest[0].indexed_text == f"Handbook > Workshop > Pumps\n{rest[0].text}"


def test_a_title_that_is_also_the_first_heading_is_not_said_twice(tokenizer: Tokenizer) -> None:
    document = make_parsed(heading("Handbook"), words(95), words(50), title="Handbook")
    first, *rest = chunk(document, tokenizer)
    assert first.context == ""
    assert {one.context for one in rest} == {"Handbook"}


def test_too_long_a_path_loses_its_outermost_titles_first(tokenizer: Tokenizer) -> None:
    document = make_parsed(
        heading(words(21)),
        heading("Near", 2),
        heading("Nearest", 3),
        words(150),
        words(150),
        title=words(30),
    )
    assert chunk(document, tokenizer)[-1].context == "Near > Nearest"
    assert chunk(document, tokenizer, 256)[-1].context.endswith("pump > Near > Nearest")


def test_a_context_that_never_fits_is_left_out(tokenizer: Tokenizer) -> None:
    document = make_parsed(heading(words(40)), words(90), words(90))
    assert {one.context for one in chunk(document, tokenizer)} == {""}


# Blocks


def test_a_chunk_is_on_the_page_on_which_it_starts(tokenizer: Tokenizer) -> None:
    document = make_parsed(
        Part(words(30), page=2), Part(words(30), page=3), Part(words(90), page=7)
    )
    assert [one.page for one in chunk(document, tokenizer)] == [2, 7]


def test_a_table_with_its_heading_is_a_table_chunk(tokenizer: Tokenizer) -> None:
    grid = table("Plan | Price", "Small | 10", "Large | 25")
    alone, with_text = (
        chunk(make_parsed(*parts), tokenizer)
        for parts in ([heading("Prices"), grid], [grid, "Prices hold until May."])
    )
    assert [one.category for one in alone] == ["TableChunk"]
    assert [one.category for one in with_text] == ["CompositeElement"]


def test_a_long_table_is_cut_between_its_rows(tokenizer: Tokenizer) -> None:
    rows = [f"Pump {number} | {number} bar | on floor {number % 7}" for number in range(60)]
    chunks = chunk(make_parsed(heading("Pumps"), table(*rows)), tokenizer)
    assert len(chunks) > 3
    assert {one.category for one in chunks} == {"TableChunk"}
    lines = [line for one in chunks for line in one.text.splitlines() if line]
    assert lines == ["Pumps", *rows]


def test_every_part_of_a_table_is_indexed_under_its_header(tokenizer: Tokenizer) -> None:
    rows = ["| pump | pressure |", *(f"| P-{n} | {n} bar |" for n in range(90))]
    document = make_parsed(heading("Pumps"), table(*rows), "No table.")
    first, *others = chunk(document, tokenizer)
    assert first.context == ""
    assert len(others) > 5
    assert {one.context for one in others[:-1]} == {"Pumps\n| pump | pressure |"}
    assert others[-1].text.startswith("| P-") == (others[-1].context != "Pumps")


def test_a_header_too_wide_for_a_quarter_of_a_chunk_is_not_repeated(tokenizer: Tokenizer) -> None:
    wide = "| " + " | ".join(f"column {n}" for n in range(20)) + " |"
    chunks = chunk(make_parsed(table(wide, *(f"| {n} bar |" for n in range(90)))), tokenizer)
    assert len(chunks) > 3
    assert {one.context for one in chunks} == {""}


def test_small_blocks_are_shared_out_evenly(tokenizer: Tokenizer) -> None:
    document = make_parsed(*(Part(f"Item {number}: a pump.", "list_item") for number in range(60)))
    sizes = [one.token_count - 2 for one in chunk(document, tokenizer)]
    assert min(sizes) > 98 / 2
    assert max(sizes) - min(sizes) <= count("Item 10: a pump.", tokenizer)


def test_a_long_paragraph_is_cut_at_sentence_ends_into_like_pieces(tokenizer: Tokenizer) -> None:
    document = make_parsed((SENTENCE * 300).strip())  # about 5,000 words
    chunks = chunk(document, tokenizer, 256)
    assert all(one.text.endswith("day.") for one in chunks)
    sizes = [one.token_count for one in chunks]
    assert max(sizes) - min(sizes) <= 2 * count(SENTENCE, tokenizer)
    assert min(sizes) > 200


def test_a_word_of_ten_thousand_letters_is_kept(tokenizer: Tokenizer) -> None:
    (only,) = chunk(make_parsed("x" * 10_000), tokenizer)
    assert len(only.text) == 10_000


def test_a_thousand_long_words_without_a_break_are_cut(tokenizer: Tokenizer) -> None:
    assert len(chunk(make_parsed("-".join(["pressure"] * 1_000)), tokenizer)) > 10


def test_text_without_spaces_is_cut_at_its_own_full_stops(tokenizer: Tokenizer) -> None:
    sentence = "このポンプは圧力を四から六バールに保ちます。"
    chunks = chunk(make_parsed(sentence * 60), tokenizer)
    assert len(chunks) > 10
    assert all(one.text.endswith("。") for one in chunks)


def test_form_feeds_do_not_break_the_count(tokenizer: Tokenizer) -> None:
    """The tokenizer reads the words around them as one."""
    gaps = ["\f", "\v", "\x1c", "\x85"]
    pairs = (f"pressurized{gaps[n % 4]}electroencephalography" for n in range(400))
    assert len(chunk(make_parsed(" ".join(pairs)), tokenizer)) > 30


def test_equal_documents_give_equal_chunks(tokenizer: Tokenizer) -> None:
    document = make_parsed(heading("Pumps"), (SENTENCE * 30).strip(), title="Guide")
    first, second = (chunk(document, tokenizer) for _ in range(2))
    assert first == second
    assert [one.content_hash for one in first] == [one.content_hash for one in second]
