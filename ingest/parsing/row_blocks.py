"""Long tables as blocks short enough to cite, each with the header row on top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ingest.parsing.tables import table_text

MAX_CHARS = 600  # about 200 tokens: one chunk holds it even of a model that reads only 256
MAX_ROWS = 25
_HEADER_SHARE = 4  # a wide header may be a quarter of its block, or repeating it swells the text


def row_blocks(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The rows as the texts of table blocks. The first row that is not empty is the header.

    A block ends before it would pass `MAX_CHARS` characters or `MAX_ROWS` rows, the header not
    counted among the rows; it holds at least one row, however long.
    """
    filled = (row for row in rows if any(cell.strip() for cell in row))
    header = next(filled, None)
    if header is None:
        return
    top = _length(header)
    limit = max(MAX_CHARS, top * _HEADER_SHARE)
    group: list[Sequence[str]] = [header]
    size = top
    for row in filled:
        length = _length(row)
        if len(group) > 1 and (len(group) > MAX_ROWS or size + length > limit):
            yield table_text(group)
            group, size = [header], top
        group.append(row)
        size += length
    yield table_text(group)


def _length(row: Sequence[str]) -> int:
    """How long the row's line is, its newline included."""
    return sum(map(len, row)) + 3 * len(row) + 2
