"""A document's metadata, gathered: given with it, else in it, else told by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingest.columns import Column, holds_records, read_columns
from ingest.front_matter import read_front_matter
from ingest.parsing.document import ParsedDocument
from retrieval.metadata_schema import (
    MAX_VALUES,
    DeclaredField,
    InvalidMetadata,
    MetadataSchema,
    value_of,
    value_of_texts,
)
from retrieval.path_pattern import match
from retrieval.store import MetadataValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a document's metadata may be, and what of it was given with the document, as JSON."""

    schema: MetadataSchema = field(default_factory=MetadataSchema)
    given: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a document is indexed with."""

    values: Mapping[str, MetadataValue]
    notes: tuple[str, ...] = ()
    """Values that were found, but are not what is declared."""


def gather(declared: Declared, item_name: str, parsed: ParsedDocument, data: bytes) -> Gathered:
    """Each field's value from the first that has one: given, front matter, column, path.

    One that does not fit its field is left out and noted, and the next is asked. `data` is the file
    itself; it is looked at only where `reads_file` says so.
    """
    fields = declared.schema.fields
    columns = [one.source.column for one in fields if one.source.column is not None]
    found = _Found(
        given=declared.given,
        matter=read_front_matter(parsed.text)
        if any(one.source.front_matter is not None for one in fields)
        else {},
        columns=read_columns(columns, item_name, parsed, data) if columns else {},
        item_name=item_name,
    )
    values: dict[str, MetadataValue] = {}
    for one in fields:
        for look in (_given, _in_front_matter, _in_column, _in_path):
            try:
                value = look(one, found)
            except InvalidMetadata as exc:
                found.notes.append(f"Metadata not set: {exc.detail}")
                continue
            if value is not None:
                values[one.name] = value
                break
    return Gathered(values=values, notes=tuple(found.notes))


def reads_file(declared: Declared, item_name: str) -> bool:
    """Whether `gather` needs the file itself."""
    has_columns = any(one.source.column is not None for one in declared.schema.fields)
    return has_columns and holds_records(item_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What there is of a document to look for values in, and what was odd about them."""

    given: Mapping[str, object]
    matter: Mapping[str, Sequence[str]]
    columns: Mapping[str, Column]
    item_name: str
    notes: list[str] = field(default_factory=list[str])


def _given(one: DeclaredField, found: _Found) -> MetadataValue | None:
    return value_of(one, found.given[one.name]) if one.name in found.given else None


def _in_front_matter(one: DeclaredField, found: _Found) -> MetadataValue | None:
    texts = found.matter.get(one.source.front_matter or "")
    return value_of_texts(one, texts) if texts else None


def _in_column(one: DeclaredField, found: _Found) -> MetadataValue | None:
    """All its values for a list; else the one that the rows agree on."""
    column = found.columns.get(one.source.column or "")
    if column is None:
        return None
    if one.type != "string_list" and len(column.values) > 1:
        raise InvalidMetadata(f"{one.name} is one {one.type}, and the rows of its column disagree.")
    value = value_of_texts(one, column.values)
    if column.is_cut:
        found.notes.append(f"Metadata cut: {one.name} has its column's first {MAX_VALUES} values.")
    return value


def _in_path(one: DeclaredField, found: _Found) -> MetadataValue | None:
    texts = None if one.pattern is None else match(one.pattern, found.item_name)
    return None if texts is None else value_of_texts(one, [texts[one.name]])
