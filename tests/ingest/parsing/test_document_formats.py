"""What the parsers of books, slides, office texts and mails make of their formats."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parsing import eml, epub, msg, odt, pptx, rst
from ingest.parsing.composer import Composer
from ingest.parsing.document import ParsedDocument, verify
from ingest.parsing.errors import (
    CorruptDocument,
    DocumentTooLarge,
    EmptyDocument,
    EncryptedDocument,
    ParseError,
    UnsupportedFormat,
)
from ingest.parsing.parsers import Parse
from tests.ingest.parsing import document_samples as samples

# A minute and a half of docutils' time.
TANGLE = "\n".join(["*a" * 4500] * 11)

PARSES: dict[str, tuple[Parse, bytes]] = {
    "rst": (rst.parse, samples.RST),
    "odt": (odt.parse, samples.odt()),
    "epub": (epub.parse, samples.epub()),
    "pptx": (pptx.parse, samples.slides()),
    "eml": (eml.parse, samples.EML),
    "msg": (msg.parse, samples.outlook_with_attachments()),
}


def outline(document: ParsedDocument) -> list[tuple[str, int | None, str]]:
    verify(document)
    return [(block.kind, block.level, document.text_of(block)) for block in document.blocks]


def texts(document: ParsedDocument) -> list[str]:
    return [text for _, _, text in outline(document)]


class TestNesting:
    def test_puts_a_document_below_a_heading_word_for_word(self) -> None:
        inner = rst.parse(samples.RST)
        composer = Composer()
        composer.add("heading", "Outer", level=2)
        composer.nest(inner, below=2)
        composer.add("paragraph", "After.")
        document = composer.finish()
        verify(document)
        nested = document.blocks[1:-1]
        assert [document.text_of(block) for block in nested] == texts(inner)
        assert [block.section_path for block in nested] == [
            ("Outer", *block.section_path) for block in inner.blocks
        ]
        assert nested[0].level == 3
        assert document.blocks[-1].section_path == nested[-1].section_path

    def test_takes_pages_over_only_where_asked(self) -> None:
        inner = pptx.parse(samples.slides())
        for keep_pages in (False, True):
            composer = Composer()
            composer.nest(inner, below=0, keep_pages=keep_pages)
            document = composer.finish(page_count=2 if keep_pages else None)
            verify(document)
            assert {block.page for block in document.blocks} == ({1, 2} if keep_pages else {None})

    def test_passes_over_a_document_without_blocks(self) -> None:
        composer = Composer()
        composer.nest(ParsedDocument(text=" ", blocks=()), below=1)
        with pytest.raises(EmptyDocument):
            composer.finish()


class TestRst:
    def test_reads_the_language_and_what_sphinx_adds_to_it(self) -> None:
        document = rst.parse(samples.RST)
        assert document.title == "Lids"
        assert outline(document) == [
            ("heading", 1, "Lids"),
            ("paragraph", None, "A lid closes a box, as lids.close and the guide say in 2.1."),
            ("paragraph", None, "Note: Keep it dry."),
            ("heading", 2, "Kinds"),
            ("list_item", None, "1. flat"),
            ("list_item", None, "2. round"),
            ("list_item", None, "as the moon"),
            ("list_item", None, "Author: Ada"),
            ("list_item", None, "Date: today"),
            ("table", None, "Prices\n| Kind | Price |\n| flat | 3, or 4 |"),
            ("code", None, "close(lid)"),
            ("paragraph", None, "versionadded: 2.0\nRound ones."),
        ]

    @pytest.mark.parametrize(
        ("table", "text"),
        [
            ("=== ===\nx   y\n=== ===\n1   2\n=== ===", "| x | y |\n| 1 | 2 |"),
            ("+---+---+\n| a | b |\n+===+===+\n| wide  |\n+---+---+", "| a | b |\n| wide |  |"),
            (".. list-table::\n\n   * - a\n     - b\n", "| a | b |"),
        ],
    )
    def test_reads_every_kind_of_table(self, table: str, text: str) -> None:
        assert outline(rst.parse(table.encode())) == [("table", None, text)]

    def test_keeps_a_table_that_does_not_add_up(self) -> None:
        assert "| torn" in rst.parse(b"+---+---+\n| a | b |\n+---+---+\n| torn \n+---+---+\n").text

    @pytest.mark.parametrize(
        "directive",
        [
            ".. include:: {path}",
            ".. raw:: html\n   :file: {path}",
            ".. csv-table::\n   :file: {path}",
            ".. csv-table::\n   :url: file://{path}",
            ".. code-block::\n   :file: {path}",
        ],
    )
    def test_reads_no_other_file(
        self, directive: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        secret = tmp_path_factory.mktemp("rst") / "secret"
        secret.write_text("the secret, itself\n")
        source = f"Text.\n\n{directive.format(path=secret)}\n"
        assert "the secret" not in rst.parse(source.encode()).text

    def test_does_not_put_in_the_date_of_today(self) -> None:
        assert rst.parse(b"Of |now|.\n\n.. |now| date::\n").text == "Of now."

    def test_does_not_let_substitutions_grow(self) -> None:
        source = ".. |a| replace:: " + "x" * 5000 + "\n\n" + "|a| " * 1000
        assert len(rst.parse(source.encode()).text) < 10_000

    @pytest.mark.parametrize(
        "text", ["x" * 20_000, ".. only a comment", "*" * 9000, "=" * 50, TANGLE]
    )
    def test_falls_back_to_plain_text(self, text: str) -> None:
        assert rst.parse(text.encode()).text == text


class TestOdt:
    def test_finds_headings_lists_notes_and_tables(self) -> None:
        document = odt.parse(samples.odt(title="The Manual"))
        assert document.title == "The Manual"
        assert document.page_count is None
        assert outline(document) == [
            ("heading", 1, "Manual"),
            ("paragraph", None, "How to  use it.[1] Now."),
            ("paragraph", None, "[1] With care."),
            ("heading", 2, "Parts"),
            ("list_item", None, "A lid"),
            ("list_item", None, "Its rim"),
            ("list_item", None, "A box"),
            ("table", None, "| Part | Price | Price |\n| Lid | 3 | 4 |"),
        ]

    def test_reads_text_boxes_after_the_paragraph_that_holds_them(self) -> None:
        box = "<draw:frame><draw:text-box><text:p>Boxed</text:p></draw:text-box></draw:frame>"
        document = odt.parse(samples.odt(f"<text:p>Be{box}fore</text:p><text:p>After</text:p>"))
        assert texts(document) == ["Before", "Boxed", "After"]

    def test_refuses_tables_that_repeat_without_end(self) -> None:
        cell = f"<text:p>{'x' * 10_000}</text:p>"
        table = (
            '<table:table><table:table-row table:number-rows-repeated="1048576"><table:table-cell '
            f'table:number-columns-repeated="16384">{cell}</table:table-cell>'
            "</table:table-row></table:table>"
        )
        with pytest.raises(DocumentTooLarge):
            odt.parse(samples.odt(table))

    def test_resolves_no_entities(self) -> None:
        bomb = "<!DOCTYPE x [<!ENTITY a 'lol'><!ENTITY b '&a;&a;'>]>"
        content = f"{bomb}<office:document-content xmlns:office='x'>&b;</office:document-content>"
        with pytest.raises(ParseError):
            odt.parse(samples.packed({"content.xml": content}))


class TestEpub:
    def test_reads_chapters_in_order_and_heads_those_without_a_heading(self) -> None:
        document = epub.parse(samples.epub())
        assert document.title == "All about lids"
        assert outline(document) == [
            ("heading", 1, "The first lid"),
            ("paragraph", None, "It is flat."),
            ("paragraph", None, "A note."),
            ("heading", 1, "The second lid"),
            ("paragraph", None, "It is round. As the moon."),
        ]

    def test_scrambled_fonts_are_no_copy_protection(self) -> None:
        assert epub.parse(samples.epub(encryption="OPS/font.otf")).title == "All about lids"

    def test_a_book_of_pictures_is_empty(self) -> None:
        with pytest.raises(EmptyDocument):
            epub.parse(samples.epub(chapters={"cover.xhtml": '<img src="cover.png"/>'}))


class TestPptx:
    def test_reads_slides_from_top_to_bottom_and_left_to_right(self) -> None:
        document = pptx.parse(samples.slides())
        assert document.page_count == 2
        assert document.title == "Lids"
        assert outline(document) == [
            ("heading", 1, "Lids"),
            ("list_item", None, "Flat"),
            ("list_item", None, "Very flat"),
            ("paragraph", None, "Notes:"),
            ("paragraph", None, "Say it loud."),
            ("heading", 1, "Slide 2"),
            ("paragraph", None, "Top"),
            ("paragraph", None, "Left"),
            ("paragraph", None, "Right"),
            ("table", None, "| Part | Price |\n| Lid | 3 € |"),
            ("table", None, "|  | Sold |\n| 2021 | 12 |\n| 2022 | 14 |"),
            ("paragraph", None, "Grouped"),
        ]
        assert [block.page for block in document.blocks] == [1] * 5 + [2] * 7


class TestEml:
    def test_reads_people_text_and_attachments(self) -> None:
        document = eml.parse(samples.EML)
        assert document.title == "Lids for boxes"
        assert outline(document)[:8] == [
            ("heading", 1, "Lids for boxes"),
            (
                "paragraph",
                None,
                "From: Ada <ada@example.org>\n"
                "To: Bob <bob@example.org>, Jörg <joerg@example.org>\n"
                "Cc: Eve <eve@example.org>\nDate: Mon, 02 Mar 2026 10:00:00 +0000",
            ),
            ("paragraph", None, "The käse lids are here."),
            ("paragraph", None, "> Where are they?"),
            ("heading", 2, "Attachment: lids.md"),
            ("heading", 3, "# Care"),
            ("paragraph", None, "Keep them dry."),
            ("heading", 2, "Attachment: Where are the lids?"),
        ]
        assert "I cannot find them." in texts(document)
        assert document.blocks[-1].section_path == ("Lids for boxes", "Not read")
        assert texts(document)[-1].startswith("lid.bin: This kind of file cannot be read")

    def test_does_not_repeat_the_subject_over_an_html_body(self) -> None:
        page = b"Subject: Lids\nContent-Type: text/html\n\n<h1>LIDS</h1><p>Here.</p><h2>More</h2>"
        assert outline(eml.parse(page)) == [
            ("heading", 1, "Lids"),
            ("paragraph", None, "Here."),
            ("heading", 3, "More"),
        ]

    def test_finds_what_is_attached_beside_one_version_of_the_text(self) -> None:
        mail = (
            b"Subject: Lids\nContent-Type: multipart/alternative; boundary=a\n\n--a\n\nPlain.\n"
            b"--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n"
            b"<p>Rich.</p>\n--b\nContent-Disposition: attachment; filename=l.txt\n\nAttached.\n"
            b"--b--\n--a--\n"
        )
        assert texts(eml.parse(mail)) == ["Lids", "Plain.", "Attachment: l.txt", "Attached."]

    @pytest.mark.parametrize(
        "headers",
        [
            b"Subject: =?no-such-charset?q?L=ff?=\n",
            b"Subject: =?utf-8?b?####?=\n",
            b"Subject: L\xe4d\n",
            b"Content-Type: text/plain; charset=no-such\n",
            b"Content-Type: ;;;===\n",
            b"Content-Type: multipart/mixed\n",
            b"Content-Transfer-Encoding: base64\n",
            b"From: <<<@@@>>>,,;:\n",
            b"To: " + b"(" * 30_000 + b"\n",
            b"Date: never\n",
        ],
    )
    def test_broken_headers_do_no_harm(self, headers: bytes) -> None:
        document = eml.parse(headers + b"X-Other: 1\nSubject: Lids\n\nText of the mail.\n")
        verify(document)

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
    def test_reads_a_message_saved_as_text(self, encoding: str) -> None:
        assert texts(eml.parse("Subject: Lids\n\nHere.\n".encode(encoding))) == ["Lids", "Here."]

    def test_opens_forwarded_mails_only_so_deep(self) -> None:
        mail = b"Subject: innermost\n\nText.\n"
        for number in range(30):
            mail = b"Subject: mail %d\nContent-Type: message/rfc822\n\n%s" % (number, mail)
        document = eml.parse(mail)
        verify(document)
        assert "mail 29" in document.text
        assert "innermost" not in document.text
        assert "packed inside more than 8 other files" in document.text


class TestMsg:
    def test_reads_people_text_and_attachments(self) -> None:
        document = msg.parse(samples.outlook_with_attachments())
        assert document.title == "Lids for boxes"
        assert outline(document)[:10] == [
            ("heading", 1, "Lids for boxes"),
            ("paragraph", None, "From: Ada\nTo: Bob"),
            ("paragraph", None, "The lids are here."),
            ("heading", 2, "Attachment: lids.md"),
            ("heading", 3, "# Care"),
            ("paragraph", None, "Keep them dry."),
            ("heading", 2, "Attachment: Where are the lids?"),
            ("heading", 3, "Where are the lids?"),
            ("paragraph", None, "From: Ada\nTo: Bob"),
            ("paragraph", None, "No idea."),
        ]
        assert texts(document)[-1].startswith("lid.bin: This kind of file cannot be read")


@pytest.mark.parametrize(
    ("parse", "data", "error"),
    [
        (odt.parse, samples.odt()[:200], CorruptDocument),
        (odt.parse, samples.odt("<text:p>"), CorruptDocument),
        (odt.parse, samples.packed({"mimetype": "x"}), CorruptDocument),
        (odt.parse, samples.packed({"content.xml": "<a/>"}), UnsupportedFormat),
        (odt.parse, samples.odt(" "), EmptyDocument),
        (
            odt.parse,
            samples.odt(
                manifest="<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>"
            ),
            EncryptedDocument,
        ),
        (epub.parse, samples.epub()[:200], CorruptDocument),
        (epub.parse, samples.packed({"mimetype": "application/epub+zip"}), CorruptDocument),
        (epub.parse, samples.epub(encryption="OPS/one.xhtml"), EncryptedDocument),
        (pptx.parse, samples.slides()[:2000], CorruptDocument),
        (pptx.parse, samples.odt(), CorruptDocument),
        (
            pptx.parse,
            samples.compound({"EncryptedPackage": b"x" * 64}),
            EncryptedDocument,
        ),
        (eml.parse, b"\n\n", EmptyDocument),
        (eml.parse, b"Subject: x\nContent-Type: multipart/encrypted\n\n", EncryptedDocument),
        (msg.parse, samples.outlook_with_attachments()[:1000], CorruptDocument),
        (msg.parse, b"not at all", CorruptDocument),
        (msg.parse, b"", CorruptDocument),
        (msg.parse, samples.compound({"WordDocument": b"x"}), CorruptDocument),
        (msg.parse, samples.compound({"__properties_version1.0": bytes(32)}), EmptyDocument),
    ],
)
def test_damage_emptiness_and_passwords_have_their_own_errors(
    parse: Parse, data: bytes, error: type[ParseError]
) -> None:
    with pytest.raises(error):
        parse(data)


@pytest.mark.parametrize("kind", PARSES)
def test_a_parse_is_the_same_every_time(kind: str) -> None:
    parse, data = PARSES[kind]
    assert parse(data) == parse(data)


def _survives(parse: Parse, data: bytes) -> None:
    try:
        document = parse(data)
    except ParseError:
        return
    verify(document)


@pytest.mark.parametrize("kind", PARSES)
@given(data=st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_random_bytes_give_a_document_or_a_typed_error(kind: str, data: bytes) -> None:
    parse, sample = PARSES[kind]
    _survives(parse, data)
    _survives(parse, sample[:8] + data)


def _mutated(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """The bytes with pieces cut out and others put in, at places given as parts of the whole."""
    for place, cut, piece in edits:
        start = int(place * len(data))
        data = data[:start] + piece + data[start + cut :]
    return data


EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from([0, 1, 2, 4, 40]),
        st.one_of(
            st.binary(max_size=4),
            st.sampled_from([b"<", b"/>", b"&x;", b"\xff\xff\xff\xff", b"\n\n", b"0", b"--outer"]),
        ),
    ),
    min_size=1,
    max_size=4,
)


def _odt_of(content: bytes) -> bytes:
    return samples.packed({"content.xml": content})


def _epub_of(chapter: bytes) -> bytes:
    return samples.epub(chapters={"one.xhtml": chapter.decode("utf-8", errors="replace")})


def _unchanged(data: bytes) -> bytes:
    return data


_MARKUP = samples.odt_content(samples.ODT_BODY).encode()
_CHAPTER = "".join(samples.EPUB_CHAPTERS.values()).encode()


@pytest.mark.parametrize(
    ("parse", "data", "wrap"),
    [
        *((parse, data, _unchanged) for parse, data in PARSES.values()),
        (odt.parse, _MARKUP, _odt_of),  # else the checksums of the ZIP find every mutation
        (epub.parse, _CHAPTER, _epub_of),
    ],
)
@given(edits=EDITS)
@settings(max_examples=60, deadline=None)
def test_mutated_files_give_a_document_or_a_typed_error(
    parse: Parse,
    data: bytes,
    wrap: Callable[[bytes], bytes],
    edits: list[tuple[float, int, bytes]],
) -> None:
    _survives(parse, wrap(_mutated(data, edits)))
