"""JSON and JSON lines: keys as headings and `key: value` lines, flat records as tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ingest.parsing.characters import decode
from ingest.parsing.composer import Composer
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import CorruptDocument, DocumentTooLarge, EmptyDocument
from ingest.parsing.records import (
    Record,
    add_lines,
    add_table,
    inline,
    is_list,
    is_record,
    record_name,
    scalar_text,
)

MAX_DEPTH = 100  # of arrays and objects in each other; people's data has a tenth of it
_MAX_LEVEL = 3  # deeper objects are indented lines, because a heading for each would drown them
_INDENT = "  "


def parse(data: bytes) -> ParsedDocument:
    """Read a JSON file. In an object, plain values come before the parts that get headings.

    Raises:
        CorruptDocument: it is not JSON.
        DocumentTooLarge: it is nested more than `MAX_DEPTH` deep.
        EmptyDocument: it holds nothing.
    """
    value = _loads(decode(data))
    composer = Composer()
    _add(composer, value, level=1)
    title = record_name(value) if is_record(value) else None
    # A first key is no title of the whole, though the composer would take it for one.
    return replace(composer.finish(), title=title)


def parse_lines(data: bytes) -> ParsedDocument:
    """Read JSON lines, one record a line: a table if they have one shape, else sections.

    Raises:
        CorruptDocument: a line, which is named, is not JSON.
        DocumentTooLarge: a record is nested more than `MAX_DEPTH` deep.
        EmptyDocument: there is no record.
    """
    records = [
        _loads(line, number=number)
        for number, line in enumerate(decode(data).split("\n"), start=1)
        if line.strip()
    ]
    composer = Composer()
    if not add_table(composer, records):
        _add_sections(composer, records, level=1, kind="Record")
    return replace(composer.finish(), title=None)


def _loads(text: str, *, number: int | None = None) -> object:
    """The value of a JSON text, its numbers as they are written; `number` is the line it is on."""
    try:
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        _check_depth(value)
    except json.JSONDecodeError as exc:
        if not text.strip():
            raise EmptyDocument from exc
        place = f"line {exc.lineno if number is None else number}, column {exc.colno}"
        raise CorruptDocument(f"It is not JSON at {place}: {exc.msg}.") from exc
    except RecursionError as exc:
        raise _too_deep() from exc
    return value


def _check_depth(value: object) -> None:
    values = [value]
    for _ in range(MAX_DEPTH + 1):
        values = [
            part
            for each in values
            for part in (each.values() if is_record(each) else each if is_list(each) else ())
            if is_record(part) or is_list(part)
        ]
        if not values:
            return
    raise _too_deep()


def _too_deep() -> DocumentTooLarge:
    return DocumentTooLarge(f"It is nested more than {MAX_DEPTH} deep.")


def _add(composer: Composer, value: object, *, level: int) -> None:
    if is_record(value):
        _add_record(composer, value, level=level)
    elif is_list(value):
        _add_list(composer, value, level=level)
    else:
        composer.add("paragraph", scalar_text(value))


def _add_record(composer: Composer, record: Record, *, level: int) -> None:
    plain: list[str] = []
    parts: list[tuple[str, object]] = []
    for key, value in record.items():
        text = inline(value) if level > 1 or not is_list(value) else None
        if text is not None:
            plain.append(f"{key}: {text}".rstrip())
        elif value:
            parts.append((key, value))
    add_lines(composer, plain)
    for key, part in parts:
        if level > _MAX_LEVEL:
            add_lines(composer, _lines({key: part}, 0))
        else:
            composer.add("heading", key, level=level)
            _add(composer, part, level=level + 1)


def _add_list(composer: Composer, values: Sequence[object], *, level: int) -> None:
    if add_table(composer, values):
        return
    if any(is_record(value) or is_list(value) for value in values):
        _add_sections(composer, values, level=level, kind="Item")
    else:
        for value in values:
            composer.add("list_item", f"- {scalar_text(value)}")


def _add_sections(composer: Composer, values: Sequence[object], *, level: int, kind: str) -> None:
    """Each value under a heading: the name it gives itself, or its number from 1."""
    for number, value in enumerate(values, start=1):
        if level > _MAX_LEVEL:
            add_lines(composer, _lines([value], 0))
        else:
            name = record_name(value) if is_record(value) else None
            composer.add("heading", name or f"{kind} {number}", level=level)
            _add(composer, value, level=level + 1)


def _lines(value: object, depth: int) -> Iterator[str]:
    """A value with parts as indented lines."""
    indent = _INDENT * depth
    if is_record(value):
        for key, part in value.items():
            text = inline(part)
            yield f"{indent}{key}:{'' if text is None else f' {text}'}"
            if text is None:
                yield from _lines(part, depth + 1)
    elif is_list(value):
        for part in value:
            text = inline(part)
            yield f"{indent}-{'' if text is None else f' {text}'}"
            if text is None:
                yield from _lines(part, depth + 1)
