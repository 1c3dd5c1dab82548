"""What the parsers make of tables, records, markup for data, and source code."""

from __future__ import annotations

import json as json_module
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parsing import code, csv, json, spreadsheet, xml
from ingest.parsing.document import ParsedDocument, verify
from ingest.parsing.errors import (
    CorruptDocument,
    DocumentTooLarge,
    EmptyDocument,
    EncryptedDocument,
    ParseError,
)
from ingest.parsing.parsers import Parse
from ingest.parsing.row_blocks import MAX_CHARS, MAX_ROWS, row_blocks
from ingest.parsing.sheet_extent import MAX_CELLS, check_extent
from tests.ingest.parsing import data_samples as made
from tests.ingest.parsing.document_samples import packed

CODE = b'''"""Lids."""

import math

LIMIT = 3


def area(radius):
    """Of a round lid."""

    return math.pi * radius**2


class Lid:
    """It closes."""

    def close(self):
        return True
'''
XML = b"""<?xml version="1.0"?>
<!DOCTYPE book SYSTEM "book.dtd" [<!ENTITY maker "Lid Company">]>
<book><!-- not shown --><title>Lids</title>
<chapter kind="Overview"><title>All <em>about</em> lids</title>
<para>A lid <b>closes</b> a box&nbsp;well.</para>
<list><item>flat</item><item><p>round</p></item></list>
<table><caption>Prices</caption><row><entry>Lid</entry><entry>Price</entry></row>
<row><entry>flat</entry><entry>3</entry></row></table>
<programlisting>close(
  lid)</programlisting></chapter>
<chapter><title>Makers</title>
<maker since="19th century" id="m1"><name>Ann</name><city>Ulm</city></maker>
<maker><name>Bob</name><city unit="town">Bonn</city></maker></chapter></book>"""
CSV = b'Lid;Price;Note\nflat;3,50;"a; ""good"" one"\nround;4,00;two\n\n'
JSON = b"""{"title": "Lids", "count": 2, "price": 1.10, "none": null,
"maker": {"name": "Ann", "tags": ["a", "b"], "town": {"name": "Ulm",
"at": {"x": 1, "in": {"y": 2}}}},
"lids": [{"kind": "flat", "price": 3}, {"kind": "round", "price": 4.50}],
"words": ["lid", "box"]}"""
LINES = b'{"kind": "flat", "price": 3}\n\n{"kind": "round", "price": 4.50}\n'
SAMPLES: list[tuple[Parse, bytes]] = [
    (csv.parse, CSV),
    (json.parse, JSON),
    (json.parse_lines, LINES),
    (xml.parse, XML),
    (code.parse, CODE),
    (spreadsheet.parse, made.workbook()),
    (spreadsheet.parse, made.xls({(0, 0): "Lid", (0, 1): "Price", (3, 0): "flat"})),
    (
        spreadsheet.parse,
        made.ods(
            f"<table:table-row>{made.ods_cell('Lid')}{made.ods_cell('x', 2)}</table:table-row>"
        ),
    ),
]


def outline(document: ParsedDocument) -> list[tuple[str, int | None, str]]:
    verify(document)
    return [(block.kind, block.level, document.text_of(block)) for block in document.blocks]


def texts(document: ParsedDocument) -> list[str]:
    return [text for _, _, text in outline(document)]


@pytest.mark.parametrize(("parse", "sample"), SAMPLES)
def test_every_parser_keeps_the_contract_and_is_the_same_every_time(
    parse: Parse, sample: bytes
) -> None:
    document = parse(sample)
    verify(document)
    assert document == parse(sample)


@pytest.mark.parametrize(("parse", "sample"), SAMPLES)
@given(
    at=st.integers(0, 6000),
    junk=st.one_of(st.binary(max_size=8), st.sampled_from([b'"', b"{[", b"</", b"&a;", b"\n\n"])),
    cut=st.integers(0, 8000),
)
@settings(max_examples=100, deadline=None)
def test_damage_gives_a_document_or_a_typed_error(
    parse: Parse, sample: bytes, at: int, junk: bytes, cut: int
) -> None:
    at %= len(sample)
    damaged = sample[:at] + junk + sample[at + len(junk) :]
    _parses_or_refuses(parse, damaged[: len(damaged) - cut] if cut < len(damaged) else damaged)


@pytest.mark.parametrize("parse", dict(SAMPLES))
@given(data=st.one_of(st.binary(max_size=400), st.text(max_size=200).map(lambda t: t.encode())))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_a_document_or_a_typed_error(parse: Parse, data: bytes) -> None:
    _parses_or_refuses(parse, data)


def _parses_or_refuses(parse: Parse, data: bytes) -> None:
    try:
        document = parse(data)
    except ParseError:
        return
    verify(document)


class TestRowBlocks:
    def test_repeat_the_header_and_end_after_so_many_rows(self) -> None:
        blocks = list(row_blocks([["n"], [""], *([str(n)] for n in range(MAX_ROWS + 1))]))
        assert [block.split("\n")[0] for block in blocks] == ["| n |", "| n |"]
        assert blocks[0].count("\n") == MAX_ROWS
        assert blocks[1] == f"| n |\n| {MAX_ROWS} |"

    def test_end_before_so_many_characters(self) -> None:
        blocks = list(row_blocks([["head"], *([f"{n} " + "x" * 150] for n in range(9))]))
        assert len(blocks) == 3
        assert all(len(block) <= MAX_CHARS for block in blocks)

    def test_hold_a_row_that_is_longer(self) -> None:
        assert [len(block) > MAX_CHARS for block in row_blocks([["a"], ["x" * 9000], ["b"]])] == [
            True,
            False,
        ]

    def test_a_wide_header_does_not_swell_the_text(self) -> None:
        header, row = ["h" * 20] * 200, ["1"] * 200
        blocks = list(row_blocks([header, *[row] * 500]))
        assert sum(map(len, blocks)) < 2 * 500 * len(" | ".join(row))

    def test_a_header_alone_is_a_block(self) -> None:
        assert list(row_blocks([["a", "b"]])) == ["| a | b |"]
        assert list(row_blocks([[""], []])) == []


class TestCsv:
    def test_reads_quotes_and_finds_the_delimiter(self) -> None:
        assert outline(csv.parse(CSV)) == [
            (
                "table",
                None,
                '| Lid | Price | Note |\n| flat | 3,50 | a; "good" one |\n| round | 4,00 | two |',
            )
        ]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_knows_the_common_delimiters(self, delimiter: str) -> None:
        text = "\n".join(delimiter.join(row) for row in (["a", "b", "c"], ["1", "x y", "3"]))
        assert texts(csv.parse(text.encode())) == ["| a | b | c |\n| 1 | x y | 3 |"]

    def test_takes_the_delimiter_that_excel_declares(self) -> None:
        assert texts(csv.parse(b"sep=;\r\na,b;c\r\n1,2;3\r\n")) == ["| a,b | c |\n| 1,2 | 3 |"]

    def test_leaves_prose_with_a_few_commas_in_one_column(self) -> None:
        assert texts(csv.parse(b"Word\nlid, flat\nbox\n")) == ["| Word |\n| lid, flat |\n| box |"]

    def test_a_line_break_in_quotes_is_within_the_cell(self) -> None:
        assert texts(csv.parse(b'a,b\n"1\n2",3\n')) == ["| a | b |\n| 1 2 | 3 |"]

    def test_a_quote_left_open_does_not_swallow_the_rows_after_it(self) -> None:
        (table,) = texts(csv.parse(b'a,b\n"1,2\n3,4\n5,6\n'))
        assert table == '| a | b |\n| "1 | 2 |\n| 3 | 4 |\n| 5 | 6 |'

    def test_rows_may_be_shorter_or_longer_than_the_header(self) -> None:
        assert texts(csv.parse(b"a,b\n1\n1,2,3\n")) == ["| a | b |\n| 1 |\n| 1 | 2 | 3 |"]

    def test_a_cell_may_be_longer_than_the_librarys_bound(self) -> None:
        assert len(csv.parse(b"a,b\n1," + b"x" * 200_000).text) > 200_000

    def test_a_long_table_is_several_blocks_with_its_header(self) -> None:
        document = csv.parse(b"n,word\n" + b"".join(b"%d,lid\n" % n for n in range(100)))
        assert len(document.blocks) == 4
        assert all(text.startswith("| n | word |\n") for text in texts(document))

    def test_without_a_filled_cell_it_is_empty(self) -> None:
        with pytest.raises(EmptyDocument):
            csv.parse(b",,\n,,\n")


class TestSpreadsheet:
    def test_reads_sheets_as_sections_of_tables(self) -> None:
        document = spreadsheet.parse(made.workbook())
        assert outline(document) == [
            ("heading", 1, "Prices"),
            ("paragraph", None, "Lids of the world"),
            (
                "table",
                None,
                "| Lid | Price | Since | Sold out | Seen |\n"
                "| Flat \\| round | 3 | 2024-02-29 | FALSE | 2024-02-29 13:30:00 |\n"
                "| Deep lid | 0.3 |  | TRUE |  |",
            ),
            ("heading", 1, "Names"),
            ("table", None, "| Ann |\n| Bob |\n| Cem |"),
        ]
        assert document.blocks[-1].section_path == ("Names",)
        assert document.title is None
        assert document.page_count is None

    def test_repeats_the_header_of_a_long_sheet(self) -> None:
        tables = texts(spreadsheet.parse(made.long_workbook(60)))[1:]
        assert len(tables) == 3
        assert all(table.startswith("| Number | Name |\n") for table in tables)
        assert tables[-1].endswith("| 60 | Lid 60 |")

    def test_reads_excel_97(self) -> None:
        cells = {(0, 0): "Lid", (0, 1): "Price", (9, 0): "flat", (9, 1): "3"}
        assert outline(spreadsheet.parse(made.xls(cells))) == [
            ("heading", 1, "Lids"),
            ("table", None, "| Lid | Price |\n| flat | 3 |"),
        ]

    def test_reads_open_documents(self) -> None:
        row = f"<table:table-row>{made.ods_cell('Lid')}{made.ods_cell('x', 2)}</table:table-row>"
        empty = (
            '<table:table-row table:number-rows-repeated="1048574">'
            '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
        )
        assert texts(spreadsheet.parse(made.ods(row + row + empty))) == [
            "Lids",
            "| Lid | x | x |\n| Lid | x | x |",
        ]

    def test_a_workbook_without_cells_is_empty(self) -> None:
        with pytest.raises(EmptyDocument):
            spreadsheet.parse(made.xlsx(lambda book: book.add_worksheet()))

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"PK\x03\x04 and no more",
            packed({"xl/workbook.xml": "<workbook"}),
            made.workbook()[:-40],
            made.compound_file({"Workbook": b"\x01\x02\x03"}),
            made.compound_file({"WordDocument": b"x"}),
            # As many strings as no file holds, which a reader would make room for.
            made.xls({}, globals_=made.record(0xFC, struct.pack("<II", 1, 0x7FFFFFFF))),
        ],
    )
    def test_damage_is_a_typed_error(self, data: bytes) -> None:
        with pytest.raises(CorruptDocument):
            spreadsheet.parse(data)

    @pytest.mark.parametrize(
        "data",
        [
            made.xls({(0, 0): "x"}, globals_=made.record(0x2F, b"\1\0" + b"\0" * 50)),
            packed({"META-INF/manifest.xml": "<manifest:encryption-data/>"}),
        ],
    )
    def test_a_password_is_named(self, data: bytes) -> None:
        with pytest.raises(EncryptedDocument):
            spreadsheet.parse(data)

    @pytest.mark.parametrize(
        "data",
        [
            made.far_workbook(1_048_575, 16_383),
            made.far_workbook(1_048_575, 5),
            packed({"xl/worksheets/sheet1.bin": made.xlsb_sheet((0, 0), (999_999, 5))}),
            made.xls({}, sheet=made.record(0x0200, struct.pack("<IIHHH", 0, 65536, 0, 256, 0))),
            made.xls({(0, 0): "near", (65535, 255): "far"}),
            made.ods(f"<table:table-row>{made.ods_cell('x', MAX_CELLS + 1)}</table:table-row>"),
        ],
    )
    def test_a_small_file_with_a_vast_sheet_is_refused_before_room_is_made(
        self, data: bytes
    ) -> None:
        with pytest.raises(DocumentTooLarge, match=f"more than {MAX_CELLS:,} cells"):
            spreadsheet.parse(data)

    def test_cells_that_are_only_formatted_do_not_count(self) -> None:
        data = made.xlsx(
            lambda book: [
                (sheet := book.add_worksheet()).write(0, 0, "near"),
                sheet.write_blank(1_048_575, 16_383, None, book.add_format({"bold": True})),
            ]
        )
        assert texts(spreadsheet.parse(data))[1:] == ["| near |"]

    def test_what_unpacks_to_too_much_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ingest.parsing.sheet_extent.MAX_UNPACKED", 1 << 20)
        data = bytearray(packed({"xl/sharedStrings.xml": b"<a>" + b" " * (4 << 20)}))
        central = data.rindex(b"PK\x01\x02")
        data[central + 24 : central + 28] = struct.pack("<I", 100)  # the size that it claims
        tracemalloc.start()
        try:
            with pytest.raises(DocumentTooLarge, match="1 MiB"):
                check_extent(bytes(data))
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()


class TestJson:
    def test_keys_are_headings_and_flat_objects_tables(self) -> None:
        document = json.parse(JSON)
        assert document.title == "Lids"
        assert outline(document) == [
            ("paragraph", None, "title: Lids\ncount: 2\nprice: 1.10\nnone: null"),
            ("heading", 1, "maker"),
            ("paragraph", None, "name: Ann\ntags: a, b"),
            ("heading", 2, "town"),
            ("paragraph", None, "name: Ulm"),
            ("heading", 3, "at"),
            ("paragraph", None, "x: 1"),
            ("paragraph", None, "in:\n  y: 2"),
            ("heading", 1, "lids"),
            ("table", None, "| kind | price |\n| flat | 3 |\n| round | 4.50 |"),
            ("heading", 1, "words"),
            ("list_item", None, "- lid"),
            ("list_item", None, "- box"),
        ]

    def test_long_texts_are_no_table_cells(self) -> None:
        data = json_module.dumps([{"name": "Lid", "about": "It closes. " * 50}] * 2).encode()
        assert [block.kind for block in json.parse(data).blocks] == ["heading", "paragraph"] * 2

    def test_numbers_stay_as_they_are_written(self) -> None:
        digits = "1" * 10_000  # more than Python would turn into a number
        assert texts(json.parse(f"[1.50, -0, 1e400, {digits}]".encode())) == [
            "- 1.50",
            "- -0",
            "- 1e400",
            f"- {digits}",
        ]

    @pytest.mark.parametrize("opening", ["[", '{"a":'])
    @pytest.mark.parametrize("depth", [150, 5_000, 200_000])
    def test_a_tower_of_brackets_is_refused(self, opening: str, depth: int) -> None:
        closing = "]" if opening == "[" else "}"
        with pytest.raises(DocumentTooLarge, match="nested more than 100 deep"):
            json.parse((opening * depth + "1" + closing * depth).encode())

    def test_says_where_it_is_broken(self) -> None:
        with pytest.raises(CorruptDocument, match="line 2, column 1"):
            json.parse(b'{"a": 1,\n}')

    @pytest.mark.parametrize("data", [b"[]", b"{}", b'{"a": []}', b'""'])
    def test_without_a_value_it_is_empty(self, data: bytes) -> None:
        with pytest.raises(EmptyDocument):
            json.parse(data)


class TestJsonLines:
    def test_records_of_one_shape_are_a_table(self) -> None:
        assert outline(json.parse_lines(LINES)) == [
            ("table", None, "| kind | price |\n| flat | 3 |\n| round | 4.50 |")
        ]

    def test_other_records_are_sections(self) -> None:
        data = b'{"Title": "Lids", "in": {"a": 1}}\n{"b": 2}\n"three"\n'
        document = json.parse_lines(data)
        assert outline(document) == [
            ("heading", 1, "Lids"),
            ("paragraph", None, "Title: Lids"),
            ("heading", 2, "in"),
            ("paragraph", None, "a: 1"),
            ("heading", 1, "Record 2"),
            ("paragraph", None, "b: 2"),
            ("heading", 1, "Record 3"),
            ("paragraph", None, "three"),
        ]
        assert document.title is None

    def test_a_broken_line_is_named(self) -> None:
        with pytest.raises(CorruptDocument, match="line 3, column 6"):
            json.parse_lines(b'{"a": 1}\n\n{"a":\n')


class TestXml:
    def test_reads_titles_prose_lists_tables_and_records_in_order(self) -> None:
        document = xml.parse(XML)
        assert document.title == "Lids"
        assert outline(document) == [
            ("heading", 1, "Lids"),
            ("heading", 2, "All about lids"),
            ("paragraph", None, "kind: Overview"),
            ("paragraph", None, "A lid closes a box well."),
            ("list_item", None, "- flat"),
            ("list_item", None, "- round"),
            ("paragraph", None, "caption: Prices"),
            ("table", None, "| Lid | Price |\n| flat | 3 |"),
            ("code", None, "close(\n  lid)"),
            ("heading", 2, "Makers"),
            ("heading", 3, "Ann"),
            ("paragraph", None, "since: 19th century\ncity: Ulm"),
            ("heading", 3, "Bob"),
            ("paragraph", None, "city: Bonn (unit: town)"),
        ]

    def test_records_without_a_name_are_lines(self) -> None:
        data = b"<log><entry><day>Monday</day><text>Rain.</text></entry><entry n='two'/></log>"
        assert texts(xml.parse(data)) == ["day: Monday", "Rain.", "entry: n: two"]

    def test_rows_of_a_database_are_records_and_a_short_code_is_a_value(self) -> None:
        data = b"<dump><table><row><code>UL</code><town>Ulm</town></row><row><code>BN</code></row>"
        assert texts(xml.parse(data + b"</table></dump>")) == ["code: UL\ntown: Ulm", "code: BN"]

    def test_believes_the_bytes_before_the_declared_encoding(self) -> None:
        declared = '<?xml version="1.0" encoding="utf-8"?><a><p>Käse</p></a>'
        for encoding in ("utf-8", "utf-16", "cp1252"):
            assert texts(xml.parse(declared.encode(encoding))) == ["Käse"]

    def test_reads_no_other_file(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret.txt"
        secret.write_text("hidden away")
        document = xml.parse(
            f'<!DOCTYPE a [<!ENTITY e SYSTEM "{secret.as_uri()}">]><a><p>x &e; y</p></a>'.encode()
        )
        assert texts(document) == ["x &e; y"]

    @pytest.mark.parametrize("body", ["<a><p>&e9;</p></a>", "<a b='&e9;'>x</a>"])
    def test_entities_do_not_swell(self, body: str) -> None:
        entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
        data = f'<!DOCTYPE a [<!ENTITY e0 "lol">{entities}]>{body}'.encode()
        with pytest.raises(CorruptDocument, match="amplification"):
            xml.parse(data)

    def test_a_tower_of_elements_is_refused(self) -> None:
        with pytest.raises(CorruptDocument):
            xml.parse(b"<a>" * 100_000 + b"x" + b"</a>" * 100_000)

    @pytest.mark.parametrize("data", [b"<a><b></a>", b"<a>", b"no tags", b"<a>&undefined;</a>"])
    def test_what_is_not_well_formed_is_refused(self, data: bytes) -> None:
        with pytest.raises(CorruptDocument, match="not well-formed"):
            xml.parse(data)

    @pytest.mark.parametrize("data", [b"", b" ", b"<a/>", b"<a> <b id='1'/> </a>"])
    def test_without_text_it_is_empty(self, data: bytes) -> None:
        with pytest.raises(EmptyDocument):
            xml.parse(data)


def _functions(count: int, line: Callable[[int], str]) -> Iterator[str]:
    for number in range(count):
        body = "\n\n".join(f"    step_{step}({number})" for step in range(12))
        yield f"{line(number)}\n{body}\n"


class TestCode:
    def test_keeps_the_file_and_points_into_it(self) -> None:
        document = code.parse(CODE)
        assert document.text == CODE.decode()
        assert outline(document) == [("code", None, CODE.decode().strip())]

    @pytest.mark.parametrize(
        ("opening", "closing"),
        [("def f{}():", ""), ("function f{}() {{", "}"), ("CREATE TABLE t{} (", ");")],
    )
    def test_blocks_begin_at_definitions_and_hold_some(self, opening: str, closing: str) -> None:
        parts = _functions(30, opening.format)
        text = f"{closing}\n\n".join([*parts, ""]) if closing else "\n".join(parts)
        document = code.parse(text.encode())
        assert document.text == text
        sizes = [len(text) for text in texts(document)]
        assert all(code.MIN_CHARS - 5 <= size <= code.MAX_CHARS for size in sizes[:-1])
        first_word = opening.split(maxsplit=1)[0]
        assert all(text.startswith(first_word) for text in texts(document))

    def test_an_unindented_line_within_brackets_begins_no_block(self) -> None:
        inner = "#ifdef LID\n" + "    close_the_lid_with_care();\n" * 8 + "\n"
        text = "void run() {\n" + inner * 3 + "}\n\nvoid stop() {\n" + "    stop();\n" * 40 + "}\n"
        document = code.parse(text.encode())
        assert [text.split("(")[0] for text in texts(document)] == ["void run", "void stop"]

    def test_a_long_definition_is_cut_at_its_least_indented_gap(self) -> None:
        method = "    def m{}(self):\n" + "        do()\n\n" * 60
        text = "class Lid:\n" + "\n".join(method.format(number) for number in range(6))
        document = code.parse(text.encode())
        assert all(len(text) <= code.MAX_CHARS for text in texts(document))
        assert all(text.startswith("def m") for text in texts(document)[1:])

    def test_a_line_longer_than_a_block_is_one(self) -> None:
        document = code.parse(b"a" * 5000 + b"\nb\n")
        assert [len(text) for text in texts(document)] == [5000, 1]

    def test_a_long_file_without_gaps_is_cut_at_line_ends(self) -> None:
        document = code.parse(b"    step()\n" * 300_000)
        assert {text[-6:] for text in texts(document)} == {"step()"}
        assert all(len(text) <= code.MAX_CHARS for text in texts(document))

    @given(
        lines=st.lists(
            st.sampled_from(["", " ", "def f():", "    x", "}", "{", "f(", "# a", "y" * 900, "\r"])
        )
    )
    @settings(max_examples=200, deadline=None)
    def test_nothing_is_left_out(self, lines: list[str]) -> None:
        text = "\n".join(lines)
        if not text.strip():
            return
        document = code.parse(text.encode())
        verify(document)
        inside = "".join(document.text_of(block) for block in document.blocks)
        assert "".join(inside.split()) == "".join(text.split())
