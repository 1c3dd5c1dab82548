"""The values of a table's columns, or of the keys that records have, over a whole document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import urlsplit

from ingest.parsing.document import ParsedDocument
from ingest.parsing.records import is_list, is_record, scalar_text
from retrieval.metadata_schema import MAX_VALUES

TABLES = (".csv", ".tsv", ".tab")
RECORDS = (".json", ".jsonl", ".ndjson")
MAX_BYTES = 8 * 1024 * 1024  # of records, which take twenty times as much in memory
_BAR = re.compile(r"(?<!\\)\|")  # one within a cell has a backslash before it


@dataclass(frozen=True, slots=True)
class Column:
    """The different values of one column, in the order in which they first occur."""

    values: tuple[str, ...]
    is_cut: bool = False
    """There are more."""


def read_columns(
    names: Sequence[str], item_name: str, parsed: ParsedDocument, data: bytes
) -> dict[str, Column]:
    """The columns of these names that a document has, by its name a table or records.

    A table is read as it was parsed, with white space in cells made one space. Records are the
    objects of a JSON array, of each line, or one that is the whole file; of a value that is a list,
    each plain part counts. Larger files than `MAX_BYTES` have none.
    """
    suffix = _suffix(item_name)
    if suffix in TABLES:
        return _collect(names, _table_rows(parsed))
    if suffix in RECORDS and len(data) <= MAX_BYTES:
        return _collect(names, _records(names, data))
    return {}


def holds_records(item_name: str) -> bool:
    """Whether `read_columns` needs the file itself."""
    return _suffix(item_name) in RECORDS


def _suffix(item_name: str) -> str:
    path = urlsplit(item_name).path if "://" in item_name else item_name
    return PurePath(path).suffix.lower()


def _collect(
    names: Sequence[str], rows: Iterable[Mapping[str, Sequence[str]]]
) -> dict[str, Column]:
    found: dict[str, dict[str, None]] = {name: {} for name in names}
    for row in rows:
        for name, values in found.items():
            for value in row.get(name, ()):
                if value and len(values) <= MAX_VALUES:
                    values[value] = None
    return {
        name: Column(tuple(values)[:MAX_VALUES], is_cut=len(values) > MAX_VALUES)
        for name, values in found.items()
        if values
    }


def _table_rows(parsed: ParsedDocument) -> Iterator[Mapping[str, Sequence[str]]]:
    """Every block of a table begins with its header."""
    for block in parsed.blocks:
        if block.kind != "table":
            continue
        header, *rows = [_cells(line) for line in parsed.text_of(block).split("\n")]
        for row in rows:
            yield {name: [cell] for name, cell in zip(header, row, strict=False)}


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _BAR.split(line)[1:-1]]


def _records(names: Sequence[str], data: bytes) -> Iterator[Mapping[str, Sequence[str]]]:
    for value in _values(data):
        for record in value if is_list(value) else [value]:
            if is_record(record):
                yield {name: _texts(record[name]) for name in names if name in record}


def _values(data: bytes) -> Iterator[object]:
    """The one value of a JSON file, or one of each line."""
    try:
        yield _loads(data)
    except (ValueError, RecursionError):
        for line in data.split(b"\n"):
            try:
                yield _loads(line)
            except (ValueError, RecursionError):
                continue


def _loads(data: bytes) -> object:
    """Numbers stay as they are written."""
    return json.loads(data, parse_int=str, parse_float=str, parse_constant=str)


def _texts(value: object) -> list[str]:
    return [
        scalar_text(one).strip()
        for one in (value if is_list(value) else [value])
        if one is not None and not is_record(one) and not is_list(one)
    ]
