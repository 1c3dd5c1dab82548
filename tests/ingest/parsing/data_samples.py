"""Workbooks, archives and compound files, made on the spot."""

from __future__ import annotations

import datetime as dt
import io
import struct
from collections.abc import Callable, Mapping
from typing import Any

import xlsxwriter  # pyright: ignore[reportMissingTypeStubs]

from tests.ingest.parsing.document_samples import packed

END_OF_CHAIN, FREE, FAT_SECTOR = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def xlsx(fill: Callable[[Any], object]) -> bytes:
    """A workbook as `fill` makes it."""
    file = io.BytesIO()
    workbook = xlsxwriter.Workbook(file, {"in_memory": True})
    fill(workbook)
    workbook.close()
    return file.getvalue()


def workbook() -> bytes:
    """A price list under a title, a list of one column, a chart and an empty sheet."""

    def fill(book: Any) -> None:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        prices = book.add_worksheet("Prices")
        prices.write(0, 0, "Lids of the world")
        prices.write_row(2, 0, ["Lid", "", "Price", "Since", "Sold out", "Seen"])
        prices.write_row(3, 0, ["Flat | round", "", 3, None, False])
        prices.write_datetime(3, 3, dt.date(2024, 2, 29), day)
        prices.write_number(3, 5, 45351.5625, moment)  # days since 1899-12-30
        prices.write_row(4, 0, ["Deep\nlid", "", 0.1 + 0.2, None, True])
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=Prices!$C$4:$C$5"})
        book.add_chartsheet("Chart").set_chart(chart)
        book.add_worksheet("Nothing")
        names = book.add_worksheet("Names")
        names.write_column(0, 0, ["Ann", "Bob", "Cem"])

    return xlsx(fill)


def long_workbook(rows: int) -> bytes:
    """A sheet with so many rows under its header."""

    def fill(book: Any) -> None:
        sheet = book.add_worksheet("Long")
        sheet.write_row(0, 0, ["Number", "Name"])
        for row in range(1, rows + 1):
            sheet.write_row(row, 0, [row, f"Lid {row}"])

    return xlsx(fill)


def far_workbook(row: int, column: int) -> bytes:
    """Two cells: one at the top left, the other in this row and column, counted from 0."""

    def fill(book: Any) -> None:
        sheet = book.add_worksheet("Far")
        sheet.write(0, 0, "near")
        sheet.write(row, column, "far")

    return xlsx(fill)


def ods(rows: str) -> bytes:
    """An OpenDocument spreadsheet whose one table has these rows, given as XML."""
    content = (
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
        ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
        ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
        '<office:body><office:spreadsheet><table:table table:name="Lids">'
        f"{rows}</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    return packed(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": "<manifest:manifest/>",
            "content.xml": content,
        }
    )


def ods_cell(text: str, repeated: int = 1) -> str:
    return (
        f'<table:table-cell office:value-type="string" table:number-columns-repeated="{repeated}">'
        f"<text:p>{text}</text:p></table:table-cell>"
    )


def xlsb_sheet(*cells: tuple[int, int]) -> bytes:
    """The sheet part of an XLSB workbook: true in these rows and columns, counted from 0."""
    return b"".join(
        b"\x00\x04" + struct.pack("<I", row) + b"\x04\x09" + struct.pack("<IIB", column, 0, 1)
        for row, column in cells
    )


def record(kind: int, data: bytes = b"") -> bytes:
    """A record of an XLS stream."""
    return struct.pack("<HH", kind, len(data)) + data


def xls(
    cells: Mapping[tuple[int, int], str], *, globals_: bytes = b"", sheet: bytes = b""
) -> bytes:
    """An Excel 97 workbook with one sheet; more records may go into either of its parts."""
    begin = record(0x0809, struct.pack("<HHIII", 0x0600, 5, 0, 0, 0)) + globals_
    name = b"Lids"
    bound = struct.pack("<BBBB", 0, 0, len(name), 0) + name
    position = len(begin) + 4 + 4 + len(bound) + 4
    begin += record(0x85, struct.pack("<I", position) + bound) + record(0x0A)
    labels = b"".join(
        record(0x0204, struct.pack("<HHHHB", row, column, 0, len(text), 0) + text.encode("latin-1"))
        for (row, column), text in cells.items()
    )
    body = record(0x0809, struct.pack("<HHIII", 0x0600, 0x10, 0, 0, 0)) + sheet + labels
    return compound_file({"Workbook": begin + body + record(0x0A)})


def compound_file(streams: Mapping[str, bytes]) -> bytes:
    """An OLE2 file with these streams at its top. Each is padded to the size that needs no mini
    stream."""
    fat = [FAT_SECTOR]
    sectors: list[bytes] = []
    entries = [_entry("Root Entry", 5, child=1 if streams else FREE, start=END_OF_CHAIN)]
    for number, (name, content) in enumerate(streams.items(), start=1):
        padded = content.ljust(max(4096, -(-len(content) // 512) * 512), b"\0")
        start, count = len(fat), len(padded) // 512
        fat += [*range(start + 1, start + count), END_OF_CHAIN]
        sectors.append(padded)
        following = number + 1 if number < len(streams) else FREE
        entries.append(_entry(name, 2, right=following, start=start, size=len(padded)))
    directory = b"".join(entries)
    directory = directory.ljust(-(-len(directory) // 512) * 512, b"\0")
    directory_start, count = len(fat), len(directory) // 512
    fat += [*range(directory_start + 1, directory_start + count), END_OF_CHAIN]
    assert len(fat) <= 128
    table = struct.pack("<128I", *fat, *[FREE] * (128 - len(fat)))
    header = struct.pack(
        "<8s16x6H4x9I109I",
        *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6, 0),
        *(0, 1, directory_start, 0, 4096, END_OF_CHAIN, 0, END_OF_CHAIN, 0),
        *(0, *[FREE] * 108),
    )
    return header + table + b"".join(sectors) + directory


def _entry(
    name: str, kind: int, *, right: int = FREE, child: int = FREE, start: int, size: int = 0
) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBB3I36xIQ", encoded, len(encoded), kind, 1, FREE, right, child, start, size
    )
