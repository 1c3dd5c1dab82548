"""What each parser makes of its format."""

from __future__ import annotations

import io
import zipfile

import docx as python_docx
import pytest

from ingest.parsing import docx, html, markdown, pdf, plain_text
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import (
    CorruptDocument,
    EmptyDocument,
    EncryptedDocument,
    ParseError,
    ScannedDocument,
)
from ingest.parsing.parsers import Parse
from tests.ingest.parsing import samples


def outline(document: ParsedDocument) -> list[tuple[str, int | None, str]]:
    return [(block.kind, block.level, document.text_of(block)) for block in document.blocks]


class TestPlainText:
    def test_finds_headings_lists_and_paragraphs(self) -> None:
        document = plain_text.parse(samples.TEXT)
        assert document.text == samples.TEXT.decode()
        assert outline(document) == [
            ("heading", 1, "LID MANUAL\n=========="),
            ("heading", 1, "1. INTRODUCTION"),
            ("paragraph", None, "A lid closes a box.\nIt does so well."),
            ("heading", 2, "1.1 KINDS OF LIDS"),
            ("list_item", None, "- flat"),
            ("list_item", None, "- round\n  as the moon"),
            ("heading", 2, "Care\n----"),
            ("paragraph", None, "Keep it dry."),
        ]
        assert document.blocks[-1].section_path == ("1. INTRODUCTION", "Care")

    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
    )
    def test_reads_common_encodings(self, encoding: str) -> None:
        assert plain_text.parse("Käse für 3 €, bitte.".encode(encoding)).text == (
            "Käse für 3 €, bitte."
        )

    def test_takes_the_rule_under_a_table_for_no_heading(self) -> None:
        document = plain_text.parse(b"Name      Price\n---------------\nLid       3\n")
        assert [block.kind for block in document.blocks] == ["paragraph"]

    def test_leaves_ordinary_lines_in_capitals_alone(self) -> None:
        document = plain_text.parse(b"STOP\n\n3 WAYS to do it\n\n1984\n")
        assert {block.kind for block in document.blocks} == {"paragraph"}


class TestMarkdown:
    def test_keeps_the_file_and_points_into_it(self) -> None:
        document = markdown.parse(samples.MARKDOWN)
        assert document.text == samples.MARKDOWN.decode()
        assert document.title == "Lids of the world"
        assert outline(document) == [
            ("code", None, "---\ntitle: Lids of the world\n---"),
            ("heading", 1, "# Lids"),
            ("paragraph", None, "A lid closes a *box*."),
            ("heading", 2, "## Kinds"),
            ("list_item", None, "- flat"),
            ("list_item", None, "- very flat"),
            ("list_item", None, "- round"),
            ("list_item", None, "still round"),
            ("table", None, "| Kind | Price |\n|------|-------|\n| flat | 3     |"),
            ("code", None, "```python\n# not a heading\nclose(lid)\n```"),
            ("heading", 1, "Care\n===="),
            ("paragraph", None, "> Keep it\n>\n> dry."),
            ("paragraph", None, "[lid]: https://example.org"),
        ]
        assert document.blocks[4].section_path == ("Lids", "Kinds")
        assert document.blocks[-1].section_path == ("Care",)

    def test_section_titles_are_without_markup(self) -> None:
        document = markdown.parse(b"# The *new* [lid](/x) `v2`\n")
        assert document.blocks[0].section_path == ("The new lid v2",)

    def test_a_rule_at_the_top_is_no_front_matter(self) -> None:
        document = markdown.parse(b"---\n\nText\n\n---\n")
        assert [block.kind for block in document.blocks] == ["paragraph"] * 3


class TestHtml:
    def test_keeps_content_and_drops_the_furniture(self) -> None:
        document = html.parse(samples.HTML)
        assert document.title == "Lids"
        assert outline(document) == [
            ("heading", 1, "All about lids"),
            ("paragraph", None, "A lid closes a box."),
            ("heading", 2, "Kinds"),
            ("list_item", None, "Flat"),
            ("list_item", None, "Round"),
            ("paragraph", None, "A round lid"),
            ("table", None, "| Kind | Price |\n| Flat | 3 |"),
            ("code", None, "lid = Lid()\nlid.close()"),
        ]

    def test_keeps_what_stands_beside_a_small_main(self) -> None:
        document = html.parse(b"<h1>Lid</h1><p>one two three four</p><main><p>five</p></main>")
        assert "three four" in document.text
        assert "five" in document.text

    def test_reads_tables_used_for_layout_as_text(self) -> None:
        page = b"<table><tr><td><h1>Lid</h1><p>Closes a box.</p></td></tr></table>"
        assert outline(html.parse(page)) == [
            ("heading", 1, "Lid"),
            ("paragraph", None, "Closes a box."),
        ]

    def test_believes_the_charset_a_page_declares(self) -> None:
        page = "<meta charset=iso-8859-2><p>Zażółć gęślą jaźń".encode("iso-8859-2")
        assert html.parse(page).text == "Zażółć gęślą jaźń"

    def test_leaves_out_characters_that_xml_does_not_have(self) -> None:
        page = b"<p>one<nav>way</nav>\x01two&#31;\xef\xbf\xbethree</p>"
        assert html.parse(page).text == "onetwothree"


class TestDocx:
    def test_finds_headings_lists_and_tables_in_place(self) -> None:
        document = docx.parse(samples.word())
        assert outline(document) == [
            ("heading", 1, "Manual"),
            ("paragraph", None, "How to use it."),
            ("heading", 2, "Parts"),
            ("list_item", None, "A lid"),
            ("list_item", None, "A box"),
            ("table", None, "| Part | Price |\n| Lid | 3 € |"),
            ("heading", 1, "Care"),
            ("paragraph", None, "Keep it dry."),
        ]
        assert document.blocks[5].section_path == ("Manual", "Parts")
        assert document.page_count is None

    def test_reads_content_controls_insertions_and_equations(self) -> None:
        body = (
            "<w:sdt><w:sdtContent><w:p><w:r><w:t>Controlled</w:t></w:r></w:p></w:sdtContent></w:sdt>"
            "<w:p><w:ins><w:r><w:t>Inserted</w:t></w:r></w:ins>"
            "<w:del><w:r><w:delText>Deleted</w:delText></w:r></w:del></w:p>"
            "<w:p><m:oMath><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num>"
            "<m:den><m:r><m:t>2</m:t></m:r></m:den></m:f></m:oMath></w:p>"
        )
        document = docx.parse(_with_body(body))
        assert document.text == "Controlled\n\nInserted\n\n(a+b)/2"

    def test_reads_headings_by_outline_level(self) -> None:
        body = '<w:p><w:pPr><w:outlineLvl w:val="1"/></w:pPr><w:r><w:t>Parts</w:t></w:r></w:p>'
        assert outline(docx.parse(_with_body(body))) == [("heading", 2, "Parts")]


def _with_body(body: str) -> bytes:
    """A DOCX whose document part holds this markup."""
    start = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
        'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"><w:body>'
    )
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(samples.saved(python_docx.Document()))) as source,
        zipfile.ZipFile(result, "w") as target,
    ):
        for name in source.namelist():
            content = source.read(name)
            if name == "word/document.xml":
                content = f"{start}{body}</w:body></w:document>".encode()
            target.writestr(name, content)
    return result.getvalue()


class TestPdf:
    def test_finds_headings_prose_and_tables_on_their_pages(self) -> None:
        document = pdf.parse(samples.pdf(2, title="The Report of Lids"))
        assert document.page_count == 2
        assert document.title == "The Report of Lids"
        second = [block for block in document.blocks if block.page == 2]
        kinds = [(block.kind, document.text_of(block)) for block in second]
        assert ("heading", "Chapter C") in kinds
        assert ("paragraph", (samples.SENTENCE * 5).strip()) in kinds
        assert ("table", "| Item | 2021 | 2022 |\n| Lids | 1,204 | 1,377 |") in kinds
        assert second[-1].section_path == ("Chapter C",)

    def test_drops_page_numbers_and_repeated_headers(self) -> None:
        document = pdf.parse(samples.pdf(6))
        assert document.text.count("Annual Report of the Lid Company") == 1
        texts = {document.text_of(block) for block in document.blocks}
        assert texts.isdisjoint({"1", "2", "3", "4", "5", "6"})

    def test_says_that_scanned_pages_need_ocr(self) -> None:
        with pytest.raises(ScannedDocument, match="OCR"):
            pdf.parse(samples.pdf_without_text())

    def test_says_that_a_password_is_needed(self) -> None:
        with pytest.raises(EncryptedDocument):
            pdf.parse(samples.pdf(password="secret"))


@pytest.mark.parametrize(
    ("parse", "data", "error"),
    [
        (pdf.parse, b"%PDF-1.7\n garbage", CorruptDocument),
        (pdf.parse, samples.pdf()[:300], CorruptDocument),
        (docx.parse, samples.word()[:2000], CorruptDocument),
        (docx.parse, _with_body("<w:p>").replace(b"xmlns", b"xmlnz"), CorruptDocument),
        (docx.parse, samples.saved(python_docx.Document()), EmptyDocument),
        (html.parse, b"<html><head><title>x</title></head><body></body></html>", EmptyDocument),
        (html.parse, b"<!-- nothing -->", EmptyDocument),
        (markdown.parse, b"\n\n", EmptyDocument),
        (plain_text.parse, b" \n\t ", EmptyDocument),
        (plain_text.parse, b"", EmptyDocument),
    ],
)
def test_damage_and_emptiness_have_their_own_errors(
    parse: Parse, data: bytes, error: type[ParseError]
) -> None:
    with pytest.raises(error):
        parse(data)
