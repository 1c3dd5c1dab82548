"""Values from data formats as text: what is a flat record, what it is called, lines to blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeGuard, cast

from ingest.parsing.composer import Composer
from ingest.parsing.row_blocks import MAX_CHARS, row_blocks

Scalar = str | bool | None
"""A number is a string here: the digits that stand in the file."""
Record = Mapping[str, object]

_NAMED_BY = ("title", "name", "label", "headline", "subject", "id")
_MAX_NAME = 120
_MAX_CELL = 300  # longer text is prose, which a table would bury
_MAX_INLINE = 120  # tags and the like, which a list of their own would tear from their record
_MAX_COLUMNS = 40
_SHARED = 0.5  # of all their keys, what each record must have for a table not to be mostly gaps


def is_record(value: object) -> TypeGuard[Record]:
    """Whether this is an object with keys."""
    return isinstance(value, Mapping)


def is_list(value: object) -> TypeGuard[Sequence[object]]:
    """Whether this is a list of values."""
    return isinstance(value, list)


def scalar_text(value: object) -> str:
    """A value without parts, as JSON spells it, a string without its quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def inline(value: object) -> str | None:
    """A value as it stands within a line: a plain one, or the plain ones of a short list."""
    if is_record(value):
        return None
    if not is_list(value):
        return scalar_text(value)
    if any(is_record(part) or is_list(part) for part in value):
        return None
    text = ", ".join(map(scalar_text, value))
    return text if len(text) <= _MAX_INLINE and "\n" not in text else None


def record_name(record: Record) -> str | None:
    """What the record calls itself, or None: its title, its name or, failing these, its id."""
    by_key = {key.lower(): value for key, value in record.items()}
    for key in _NAMED_BY:
        value = by_key.get(key)
        if isinstance(value, str) and 0 < len(value.strip()) <= _MAX_NAME:
            return value
    return None


def add_table(composer: Composer, values: Sequence[object]) -> bool:
    """Add these as table blocks if they are flat records of about one shape; whether they were."""
    if not values or not all(map(_is_flat, values)):
        return False
    records = cast(Sequence[Record], values)
    columns = list(dict.fromkeys(key for record in records for key in record))
    fewest = min(map(len, records))
    if not columns or len(columns) > _MAX_COLUMNS or fewest < len(columns) * _SHARED:
        return False
    rows = ([_cell(record, column) for column in columns] for record in records)
    for block in row_blocks(_with_header(columns, rows)):
        composer.add("table", block)
    return True


def add_lines(composer: Composer, lines: Iterable[str]) -> None:
    """Add lines as paragraphs of at most `MAX_CHARS` characters, where no line is longer."""
    group: list[str] = []
    size = 0
    for line in lines:
        if group and size + len(line) > MAX_CHARS:
            composer.add("paragraph", "\n".join(group))
            group, size = [], 0
        group.append(line)
        size += len(line) + 1
    composer.add("paragraph", "\n".join(group))


def _is_flat(value: object) -> bool:
    return is_record(value) and all(map(_fits_cell, value.values()))


def _fits_cell(value: object) -> bool:
    text = inline(value)
    return text is not None and len(text) <= _MAX_CELL and "\n" not in text


def _cell(record: Record, column: str) -> str:
    value = record.get(column)
    return "" if value is None else inline(value) or ""


def _with_header(columns: list[str], rows: Iterable[list[str]]) -> Iterable[list[str]]:
    yield columns
    yield from rows
