"""Workbooks (XLSX, XLSM, XLSB, XLS, ODS): each sheet a section, its rows in table blocks."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

import python_calamine as calamine

from ingest.parsing.composer import Composer
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import CorruptDocument
from ingest.parsing.row_blocks import row_blocks
from ingest.parsing.sheet_extent import check_extent

_MAX_TITLES = 5  # rows over the header that hold one cell each; more of them are a list
_EXACT = 10**15  # up to here a spreadsheet's numbers, which have 15 digits, are exact

_Cell = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


def parse(data: bytes) -> ParsedDocument:
    """Read a workbook: the values of formulas, no comments, no charts; hidden sheets too.

    Raises:
        CorruptDocument: it is damaged or no workbook.
        EncryptedDocument: it needs a password.
        DocumentTooLarge: see `sheet_extent.check_extent`, which states the limits.
        EmptyDocument: no sheet has a cell that holds anything.
    """
    check_extent(data)
    composer = Composer()
    try:
        _add_workbook(composer, data)
    except (calamine.CalamineError, ValueError, OverflowError) as exc:
        raise CorruptDocument(f"The reader says: {exc}") from exc
    except BaseException as exc:
        # What a failure inside the Rust library arrives as; its class cannot be imported.
        if type(exc).__name__ != "PanicException":
            raise
        raise CorruptDocument("The reader stumbled over it.") from exc
    # A first sheet's name is no title of the whole, though the composer would take it for one.
    return replace(composer.finish(), title=None)


def _add_workbook(composer: Composer, data: bytes) -> None:
    with calamine.CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
        for number, about in enumerate(workbook.sheets_metadata):
            if about.typ != calamine.SheetTypeEnum.WorkSheet:
                continue
            rows = _rows(workbook.get_sheet_by_index(number))
            first = next(rows, None)
            if first is not None:
                composer.add("heading", about.name, level=1)
                _add_rows(composer, chain([first], rows))


def _rows(sheet: calamine.CalamineSheet) -> Iterator[list[str]]:
    """The rows that hold anything."""
    for cells in sheet.iter_rows():
        row = [_text(cell) for cell in cells]
        if any(row):
            yield row


def _add_rows(composer: Composer, rows: Iterator[list[str]]) -> None:
    """Add a sheet's rows; what stands alone over a wider header is its title."""
    top: list[list[str]] = []
    table: Iterable[list[str]] = top
    for row in rows:
        if sum(map(bool, row)) > 1:
            for title in top:
                composer.add("paragraph", "".join(title))
            table = chain([row], rows)
            break
        top.append(row)
        if len(top) > _MAX_TITLES:
            table = chain(top, rows)
            break
    for block in row_blocks(table):
        composer.add("table", block)


def _text(cell: _Cell) -> str:
    """A cell as people read it: ISO dates, TRUE or FALSE, numbers of at most 15 digits."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _EXACT else f"{cell:.15g}"
    if isinstance(cell, dt.datetime):
        midnight = cell.time() == dt.time()
        return cell.date().isoformat() if midnight else cell.isoformat(" ", "seconds")
    if isinstance(cell, dt.timedelta):
        return _duration(cell)
    return str(cell)


def _duration(length: dt.timedelta) -> str:
    """Hours, minutes and seconds, as spreadsheets show them; the hours may pass 24."""
    seconds = round(abs(length.total_seconds()))
    sign = "-" if length < dt.timedelta() else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
