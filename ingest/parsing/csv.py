"""Delimited tables (CSV, TSV): one table, cut into blocks that repeat its header."""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator

from ingest.parsing.characters import decode
from ingest.parsing.composer import Composer
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import CorruptDocument
from ingest.parsing.row_blocks import row_blocks

_DELIMITERS = "\t|;,"  # the rarer one is within text, the more it means between cells
_SAMPLE_LINES = 200
_SAMPLE_CHARS = 64 * 1024
_ENOUGH = 0.6  # of the rows: prose has commas too, but not in every line
_DECLARED = re.compile(r"sep=(.)\n")  # what Excel writes on a line before the table
_ONE_COLUMN = "\x1f"  # a separator that text does not have
_END = "end of the file"


def parse(data: bytes) -> ParsedDocument:
    """Read a delimited table: commas, semicolons, tabs or bars, its first row the header.

    Raises:
        CorruptDocument: it cannot be read as a table.
        EmptyDocument: no cell holds anything.
    """
    text = decode(data)
    declared = _DECLARED.match(text)
    if declared:
        text = text[declared.end() :]
    delimiter = declared[1] if declared and declared[1] in _DELIMITERS else _delimiter(text)
    # A cell may be as long as the file; the library's own bound is for callers without one.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    composer = Composer()
    try:
        for block in row_blocks(_rows(text, delimiter, quoted=_quotes_close(text, delimiter))):
            composer.add("table", block)
    except csv.Error as exc:
        raise CorruptDocument(f"As a table it cannot be read: {exc}.") from exc
    return composer.finish()


def _rows(text: str, delimiter: str, *, quoted: bool) -> Iterator[list[str]]:
    return csv.reader(
        _lines(text),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        skipinitialspace=quoted,
    )


def _lines(text: str) -> Iterator[str]:
    """Lines that end in newlines alone; `splitlines` would cut at rarer characters too."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _quotes_close(text: str, delimiter: str) -> bool:
    """Whether no quote is left open, which would make one cell of all that follows it."""
    if '"' not in text:
        return True
    marked = text if text.endswith("\n") else text + "\n"
    return [*deque(_rows(marked + _END, delimiter, quoted=True), maxlen=1)] == [[_END]]


def _delimiter(text: str) -> str:
    """The delimiter most rows have, then the one that cuts them into equally many cells."""
    sample = text[:_SAMPLE_CHARS]
    if len(sample) < len(text):  # the last line is cut, unless it is the only one
        sample = sample[: sample.rfind("\n") + 1] or sample
    sample = "".join(line for line, _ in zip(_lines(sample), range(_SAMPLE_LINES), strict=False))
    for quoted in (True, False):  # a quote left open may hide every delimiter
        scores = {each: _score(sample, each, quoted=quoted) for each in _DELIMITERS}
        best = max(_DELIMITERS, key=scores.__getitem__)
        if scores[best][0] >= _ENOUGH:
            return best
    return _ONE_COLUMN


def _score(sample: str, delimiter: str, *, quoted: bool) -> tuple[float, float]:
    """The shares of the rows that have the delimiter, and that have the commonest width."""
    widths = [len(row) for row in _rows(sample, delimiter, quoted=quoted) if row]
    if not widths:
        return 0.0, 0.0
    cut = [width for width in widths if width > 1]
    commonest = max(Counter(cut).values(), default=0)
    return len(cut) / len(widths), commonest / len(widths)
