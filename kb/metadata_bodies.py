"""Metadata as JSON, the same from the API and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from kb.catalog.metadata import Coverage, DocumentMetadata
from kb.metadata import Overview
from retrieval.chunk import ChunkCategory
from retrieval.filters import FIELDS, OPERATORS, Field, FieldType, Operator
from retrieval.metadata_schema import DeclaredField, FieldSource, MetadataSchema
from retrieval.store import MetadataValue

JsonValue = str | float | bool | list[str]

DESCRIPTIONS = {
    "item_name": "The document's file name, path or URL.",
    "ingested_timestamp": "When this version of the document arrived.",
    "page_number": "The page that the passage begins on, in formats with pages.",
    "chunk_category": "Whether the passage is part of a table.",
    "source": "UUID of the data source that the document comes from.",
    "section": "Titles of the headings above the passage, outermost first, joined by ` > `.",
}


class FieldSourceBody(BaseModel):
    """Where a field's value is taken from when none is given with a document, in this order."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    front_matter: str | None = None
    """A key of the YAML between dashes at the top of a Markdown file."""
    column: str | None = None
    """A column of a CSV or TSV file, a key of the records in a JSON or JSON lines file. A list has
    all its values, up to 100; anything else the one value that all rows share."""
    path: str | None = None
    """A pattern of document names with the field's name in braces: `policies/{department}/*.pdf`.
    `*` is anything within a folder's or file's name, `**` any number of folders."""


class DeclaredFieldBody(BaseModel):
    """A field that documents may have a value of."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    name: str
    """1 to 63 of a to z, 0 to 9 and _, beginning with a letter."""
    type: FieldType
    description: str = ""
    """What it says of a document; for people, and for models that write filters."""
    enum: list[str] = []
    """The only values it may have, of strings and lists of them; any where it is empty."""
    source: FieldSourceBody = FieldSourceBody()

    def declared(self) -> DeclaredField:
        """The field, unchecked."""
        return DeclaredField(
            name=self.name,
            type=self.type,
            description=self.description,
            enum=tuple(self.enum),
            source=FieldSource(**self.source.model_dump()),
        )


class SchemaBody(BaseModel):
    """What a knowledge base declares of its documents."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "fields": [
                        {
                            "name": "department",
                            "type": "string",
                            "enum": ["hr", "sales"],
                            "source": {"path": "policies/{department}/**"},
                        }
                    ]
                }
            ]
        },
    )

    fields: list[DeclaredFieldBody]

    @classmethod
    def of(cls, schema: MetadataSchema) -> SchemaBody:
        """One schema."""
        return cls(fields=[DeclaredFieldBody(**asdict(one)) for one in schema.fields])


class ValueCount(BaseModel):
    """A value and how many documents have it."""

    value: JsonValue
    documents: int


class FilterFieldBody(BaseModel):
    """A field that filters may name."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    type: FieldType
    operators: list[Operator]
    description: str
    enum: list[str]
    """The only values it may have; any where it is empty."""
    is_built_in: bool
    documents: int | None
    """How many documents have it, of those that are indexed; null where that is not counted."""
    top_values: list[ValueCount]
    """The most frequent ones, where they are counted."""


class MetadataBody(BaseModel):
    """What passages of a knowledge base can be filtered by."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    documents: int
    """Those that are indexed."""
    fields: list[FilterFieldBody]

    @classmethod
    def of(cls, overview: Overview) -> MetadataBody:
        """Declared fields first: they are what people ask for."""
        coverage = overview.coverage
        declared = [
            FilterFieldBody(
                name=one.name,
                type=one.type,
                operators=list(OPERATORS[one.type]),
                description=one.description,
                enum=list(one.enum),
                is_built_in=False,
                documents=coverage.having.get(one.name, 0),
                top_values=_top_values(coverage, one.name),
            )
            for one in overview.schema.fields
        ]
        built_in = [_built_in(field, coverage) for field in FIELDS.values()]
        return cls(documents=coverage.documents, fields=[*declared, *built_in])


class DocumentMetadataBody(BaseModel):
    """A document's metadata."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    document_uuid: UUID
    given: dict[str, Any]
    """With the document; the rest is taken from where the schema says."""
    indexed: dict[str, JsonValue] | None
    """What its passages can be filtered by now; null before it is indexed."""

    @classmethod
    def of(cls, document_id: UUID, found: DocumentMetadata) -> DocumentMetadataBody:
        """One document's."""
        return cls(
            document_uuid=document_id,
            given=dict(found.given),
            indexed=None if found.indexed is None else as_body(found.indexed),
        )


def as_body(values: Mapping[str, MetadataValue]) -> dict[str, JsonValue]:
    """Values as callers write them."""
    return {name: _as_body(value) for name, value in values.items()}


def _as_body(value: MetadataValue) -> JsonValue:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _built_in(field: Field, coverage: Coverage) -> FilterFieldBody:
    counted = {"page_number": coverage.with_pages, "section": None}
    return FilterFieldBody(
        name=field.name,
        type=field.type,
        operators=list(OPERATORS[field.type]),
        description=DESCRIPTIONS[field.name],
        enum=list(get_args(ChunkCategory)) if field.name == "chunk_category" else [],
        is_built_in=True,
        documents=counted.get(field.name, coverage.documents),
        top_values=_top_values(coverage, field.name),
    )


def _top_values(coverage: Coverage, name: str) -> list[ValueCount]:
    return [
        ValueCount(value=_as_body(value), documents=count)
        for value, count in coverage.top_values.get(name, ())
    ]
