"""What every parser promises: spans that read back exactly, in order, with nothing left out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parsing import markdown, plain_text
from ingest.parsing.document import Block, ContractError, ParsedDocument, verify
from ingest.parsing.errors import EmptyDocument
from ingest.parsing.parsers import PARSERS, Parse, load
from ingest.parsing.wire import decode, encode
from tests.ingest.parsing import data_samples, document_samples, samples

SAMPLES: dict[str, bytes] = {
    "text": samples.TEXT,
    "markdown": samples.MARKDOWN,
    "rst": document_samples.RST,
    "html": samples.HTML,
    "xml": b"<guide><title>Lids</title><para>A lid closes a box.</para></guide>",
    "json": b'{"name": "Lids", "kinds": {"flat": "A flat lid", "round": "A round one"}}',
    "jsonl": b'{"part": "lid", "price": 3}\n{"part": "box", "price": 5}\n',
    "csv": b"part,price\nlid,3\nbox,5\n",
    "code": b"def lid():\n    return 3\n\n\ndef box():\n    return 5\n",
    "pdf": samples.pdf(),
    "docx": samples.word(),
    "odt": document_samples.odt(),
    "pptx": document_samples.slides(),
    "spreadsheet": data_samples.workbook(),
    "epub": document_samples.epub(),
    "eml": document_samples.EML,
    "msg": document_samples.outlook_with_attachments(),
    "zip": document_samples.packed({"a.md": samples.MARKDOWN, "b/c.txt": samples.TEXT}),
}
CONVERTED = {"doc", "rtf", "ppt"}  # in the jail alone: see test_office.py
DIRECT = [kind for kind in PARSERS if kind not in CONVERTED]
ROWS_OR_CODE = {"jsonl", "csv", "code"}
LINES = st.sampled_from(
    [
        *("", "", " ", "\t", "word", "two words", "# One", "## Two ##", "#", "Title", "===", "---"),
        *("- item", "  - nested", "-", "1. first", "    code", "```", "~~~", "> quote", ">", "***"),
        *("| a | b |", "|---|---|", "<div>", "</div>", "<table>", "[a]: /b", "2 CAPITALS", "\x0b"),
        *("\u2028", "\ufeff", "e\u0301", "😀 emoji", "\x00null", "\x85", "- > - x", "- # head"),
    ]
)
ANY_TEXT = st.one_of(st.text(max_size=300), st.lists(LINES, max_size=25).map("\n".join))


@pytest.mark.parametrize("kind", DIRECT)
def test_every_parser_keeps_the_contract(kind: str) -> None:
    document = load(PARSERS[kind])(SAMPLES[kind])
    verify(document)
    kinds = {block.kind for block in document.blocks}
    assert kinds <= {"table", "code"} if kind in ROWS_OR_CODE else "heading" in kinds
    assert decode(encode(document)) == document


@pytest.mark.parametrize("parse", [plain_text.parse, markdown.parse])
@given(text=ANY_TEXT, newline=st.sampled_from(["\n", "\r\n", "\r"]))
@settings(max_examples=300, deadline=None)
def test_text_of_any_shape_is_kept_whole(parse: Parse, text: str, newline: str) -> None:
    data = text.replace("\n", newline).encode("utf-8", errors="surrogatepass")
    try:
        document = parse(data)
    except EmptyDocument:
        assert not text.replace("\0", "").replace("\ufeff", "").strip()
        return
    verify(document)
    inside = "".join(document.text_of(block) for block in document.blocks)
    assert "".join(inside.split()) == "".join(document.text.split())


@pytest.mark.parametrize("kind", DIRECT)
def test_a_parse_is_the_same_every_time(kind: str) -> None:
    parse = load(PARSERS[kind])
    assert parse(SAMPLES[kind]) == parse(SAMPLES[kind])


@pytest.mark.parametrize(
    "broken",
    [
        ParsedDocument(text="a b", blocks=(Block(kind="paragraph", char_start=0, char_end=1),)),
        ParsedDocument(text="a ", blocks=(Block(kind="paragraph", char_start=0, char_end=2),)),
        ParsedDocument(text="a", blocks=(Block(kind="paragraph", char_start=0, char_end=2),)),
        ParsedDocument(text="a\0", blocks=(Block(kind="paragraph", char_start=0, char_end=2),)),
        ParsedDocument(text="a", blocks=(Block(kind="heading", char_start=0, char_end=1),)),
        ParsedDocument(
            text="a",
            blocks=(Block(kind="code", char_start=0, char_end=1, section_path=("elsewhere",)),),
        ),
        ParsedDocument(
            text="a", blocks=(Block(kind="code", char_start=0, char_end=1, page=2),), page_count=1
        ),
    ],
)
def test_a_document_that_breaks_it_is_told_apart(broken: ParsedDocument) -> None:
    with pytest.raises(ContractError):
        verify(broken)
