"""How large a workbook's sheets are, before a reader lays them out in memory.

The reader gives every place between a sheet's outermost cells some 32 bytes, filled or not. Two
cells in opposite corners of a small file would take half a terabyte, at which it ends the process
without an exception. So the places are counted here first, from the file's own records.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from xml.parsers import expat

from ingest.parsing.compound import MAGIC, CompoundFile
from ingest.parsing.errors import CorruptDocument, DocumentTooLarge, EncryptedDocument

MAX_CELLS = 5_000_000  # so many filled ones were measured to take 500 MB and 50 processor seconds
MAX_UNPACKED = 256 * 1024 * 1024  # bytes of XML or records; five million cells have about 200 MB

_READ = (".xml", ".bin")  # what holds cells; pictures and the rest stay packed
_PIECE = 1 << 20
_REFERENCE = re.compile(r"([A-Za-z]{0,3})([0-9]{1,7})")
_CELL_VALUES = frozenset({"v", "is"})  # a cell without either is only formatted, and not laid out

_XLS_END, _XLS_PASSWORD, _XLS_SHEET, _XLS_STRINGS = 0x0A, 0x2F, 0x85, 0xFC
_XLS_DIMENSIONS, _XLS_NUMBERS = 0x0200, 0xBD
_XLS_CELLS = frozenset({0x06, 0xFD, 0x0203, 0x0204, 0x0205, 0x027E})
_XLSB_ROW, _XLSB_END = 0, 0x92
_XLSB_CELLS = frozenset(range(2, 12))


def check_extent(data: bytes) -> None:
    """Pass a workbook (XLSX, XLSB, XLS, ODS) whose sheets together have at most `MAX_CELLS` places.

    Raises:
        DocumentTooLarge: they have more, or unpacked it has more than `MAX_UNPACKED` bytes.
        EncryptedDocument: it needs a password.
        CorruptDocument: its records cannot be followed.
    """
    try:
        sizes = _in_compound_file(data) if data.startswith(MAGIC) else _in_archive(data)
        total = 0
        for size in sizes:
            total += size
            if total > MAX_CELLS:
                raise DocumentTooLarge(
                    f"Its sheets reach over more than {MAX_CELLS:,} cells, empty ones between "
                    "others included; stray cells far out also count."
                )
    except (expat.ExpatError, struct.error, ValueError, IndexError) as exc:
        raise CorruptDocument(f"A sheet cannot be followed: {exc}") from exc


class _Box:
    """The rectangle around some cells."""

    def __init__(self) -> None:
        self._rows: tuple[int, int] | None = None
        self._columns = (0, 0)

    def add(self, row: int, column: int) -> None:
        if self._rows is None:
            self._rows, self._columns = (row, row), (column, column)
            return
        (top, bottom), (left, right) = self._rows, self._columns
        if not top <= row <= bottom:
            self._rows = min(top, row), max(bottom, row)
        if not left <= column <= right:
            self._columns = min(left, column), max(right, column)

    def size(self) -> int:
        if self._rows is None:
            return 0
        (top, bottom), (left, right) = self._rows, self._columns
        return (bottom - top + 1) * (right - left + 1)


def _in_archive(data: bytes) -> Iterator[int]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            left = MAX_UNPACKED
            for info in archive.infolist():
                if not info.filename.endswith(_READ):
                    continue
                info.file_size = left + 2  # what it claims may be false; read what there is
                with archive.open(info) as member:
                    content = member.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise DocumentTooLarge(
                        f"Unpacked it has more than {MAX_UNPACKED >> 20} MiB of data."
                    )
                yield from _in_member(info.filename, content)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as exc:
        raise CorruptDocument(f"{type(exc).__name__}: {exc}") from exc
    except RuntimeError as exc:  # what zipfile raises for a member with a password
        raise EncryptedDocument from exc


def _in_member(name: str, content: bytes) -> Iterator[int]:
    if name == "META-INF/manifest.xml" and b"encryption-data" in content:
        raise EncryptedDocument
    if name == "content.xml":
        yield from _in_ods(content)
    elif name.endswith(".xml") and (b"sheetData" in content or b"\0s\0h\0e\0e\0t\0D" in content):
        yield _in_xlsx(content)
    elif name.endswith(".bin") and "sheet" in name.lower():
        yield _in_xlsb(content)


def _in_xlsx(content: bytes) -> int:
    box = _Box()
    row, column = 0, -1
    columns: dict[str, int] = {"": 0}

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal row, column
        name = name.rpartition(":")[2]
        if name in _CELL_VALUES:
            box.add(row, column)
        elif name in ("c", "row"):
            found = _REFERENCE.fullmatch(attributes.get("r", ""))
            if found:
                letters = found[1]
                if letters not in columns:
                    columns[letters] = _column(letters)
                row = int(found[2])
                column = columns[letters] if name == "c" else -1
            elif name == "c":
                column += 1
            else:
                row, column = row + 1, -1

    _walk(content, start)
    return box.size()


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _in_ods(content: bytes) -> Iterator[int]:
    """Tables are rows and columns that say how often they repeat; trailing empty ones are free."""
    sizes: list[int] = []
    rows = empty_rows = repeat = width = widest = column = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal rows, empty_rows, repeat, width, widest, column
        if name == "table:table":
            rows = empty_rows = widest = 0
        elif name == "table:table-row":
            repeat = int(attributes.get("table:number-rows-repeated", "1"))
            width = column = 0
        elif name in ("table:table-cell", "table:covered-table-cell"):
            column += int(attributes.get("table:number-columns-repeated", "1"))
            if any(key.startswith("office:") or key == "table:formula" for key in attributes):
                width = column

    def end(name: str) -> None:
        nonlocal rows, empty_rows, widest
        if name == "table:table":
            sizes.append(rows * widest)
        elif name == "table:table-row" and width:
            rows += repeat + (empty_rows if rows else 0)
            empty_rows, widest = 0, max(widest, width)
        elif name == "table:table-row":
            empty_rows += repeat

    _walk(content, start, end)
    yield from sizes


def _walk(
    content: bytes,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    for at in range(0, len(content), _PIECE):  # it copies what it is given
        parser.Parse(content[at : at + _PIECE], False)
    parser.Parse(b"", True)


def _in_xlsb(content: bytes) -> int:
    box = _Box()
    row = at = 0
    while at < len(content):
        kind, at = _varying(content, at, 2)
        size, at = _varying(content, at, 4)
        if kind == _XLSB_ROW:
            (row,) = struct.unpack_from("<I", content, at)
        elif kind in _XLSB_CELLS:
            box.add(row, struct.unpack_from("<I", content, at)[0])
        elif kind == _XLSB_END:
            break
        at += size
    return box.size()


def _varying(content: bytes, at: int, longest: int) -> tuple[int, int]:
    """A number in bytes of seven bits, the lowest first, and where it ends."""
    number = 0
    for place in range(longest):
        byte = content[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return number, at + place + 1
    return number, at + longest


def _in_compound_file(data: bytes) -> Iterator[int]:
    file = CompoundFile(data)
    stream = file.stream("Workbook")
    stream = file.stream("Book") if stream is None else stream
    if stream is None:
        raise CorruptDocument("There is no workbook in it.")
    sheets: list[int] = []
    for kind, at, size in _records(stream, 0):
        if kind == _XLS_PASSWORD:
            raise EncryptedDocument
        if kind == _XLS_SHEET:
            sheets += struct.unpack_from("<I", stream, at)
        elif kind == _XLS_STRINGS and size >= 8:
            (count,) = struct.unpack_from("<I", stream, at + 4)
            if count > len(stream):
                raise CorruptDocument("It claims to hold more strings than bytes.")
    for position in sheets:
        yield _in_xls_sheet(stream, position)


def _in_xls_sheet(stream: bytes, position: int) -> int:
    box, claimed = _Box(), _Box()
    for kind, at, size in _records(stream, position):
        if kind in _XLS_CELLS:
            box.add(*struct.unpack_from("<HH", stream, at))
        elif kind == _XLS_NUMBERS and size >= 6:
            row, first = struct.unpack_from("<HH", stream, at)
            box.add(row, first)
            box.add(row, first + (size - 6) // 6 - 1)
        elif kind == _XLS_DIMENSIONS and size in (10, 14):
            # Room is made for these before any cell is seen.
            top, bottom, left, right = struct.unpack_from(
                "<4H" if size == 10 else "<IIHH", stream, at
            )
            claimed.add(top, left)
            claimed.add(max(bottom, 1) - 1, max(right, 1) - 1)
    return max(box.size(), claimed.size())


def _records(stream: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """The kind of each record from here to the end of its part, where its data is, and its size."""
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        if kind == _XLS_END:
            return
        yield kind, at + 4, size
        at += 4 + size
