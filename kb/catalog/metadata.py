"""What knowledge bases declare of their documents, what is given with them, what they came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from ingest.metadata import Declared
from kb.catalog.errors import NotFound
from kb.catalog.ledger import Place, Unindexed
from retrieval.filters import FieldType
from retrieval.metadata import as_json, from_json, value_from_json
from retrieval.metadata_schema import DeclaredField, FieldSource, MetadataSchema
from retrieval.postgres import Connection, Pool, fetch, scope_settings
from retrieval.scope import Scope
from retrieval.sql import load_queries
from retrieval.store import MetadataValue

QUERIES = load_queries(Path(__file__).with_name("metadata.sql"))
MOST_VALUES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentMetadata:
    """A document's metadata."""

    given: Mapping[str, Any]
    """With the document, as JSON."""

    indexed: Mapping[str, MetadataValue] | None
    """With which its passages can be found; none before it is indexed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the documents that the live index answers from were indexed with."""

    documents: int
    with_pages: int
    having: Mapping[str, int]
    """How many of them have a field."""

    top_values: Mapping[str, Sequence[tuple[MetadataValue, int]]]
    """A field's most frequent values, each with the number of documents that have it."""


async def fields_of(scope: Scope, pool: Pool) -> dict[str, FieldType]:
    """What filters may name besides the built-in fields; in one round trip."""
    parameters = {"team_id": scope.team_id, "id": scope.knowledge_base_id}
    rows = await fetch(pool, scope_settings(scope), QUERIES["schema"], parameters)
    return {one["name"]: one["type"] for (stored,) in rows for one in stored}


async def lock(scope: Scope, conn: Connection, *, shared: bool = False) -> None:
    """Until the transaction ends, schema and given metadata stay, but for what it changes itself.

    Taken before anything else is locked, or two could wait for each other for ever.
    """
    key = {"key": str(scope.knowledge_base_id)}
    await conn.execute(QUERIES["lock_shared" if shared else "lock"], key)


async def schema(scope: Scope, conn: Connection) -> MetadataSchema:
    """What the knowledge base declares. Raises `NotFound`."""
    missing = f"Knowledge base {scope.knowledge_base_id}."
    return _read_schema((await _one(conn, "schema", _ids(scope), missing))[0])


async def set_schema(scope: Scope, conn: Connection, wanted: MetadataSchema) -> None:
    """From now on the knowledge base declares this."""
    stored = Jsonb([asdict(one) for one in wanted.fields])
    await conn.execute(QUERIES["set_schema"], {**_ids(scope), "schema": stored})


async def set_given(
    scope: Scope, conn: Connection, document_id: UUID, given: Mapping[str, object]
) -> bool:
    """Give a document this metadata instead of what it had; whether that changes anything.

    Raises `NotFound`.
    """
    parameters = {**_ids(scope), "document_id": document_id, "given": Jsonb(dict(given))}
    return (await _one(conn, "set_given", parameters, f"Document {document_id}."))[0]


async def declared(scope: Scope, conn: Connection, document_id: UUID) -> Declared | None:
    """What a document's metadata is made from; none where it was deleted."""
    parameters = {**_ids(scope), "document_id": document_id}
    row = await (await conn.execute(QUERIES["declared"], parameters)).fetchone()
    return None if row is None else Declared(schema=_read_schema(row[0]), given=row[1])


async def keep(
    scope: Scope, conn: Connection, place: Place, metadata: Mapping[str, MetadataValue]
) -> None:
    """Remember what a version was indexed with."""
    parameters = {
        **_ids(scope),
        "index_version_id": place.index_version_id,
        "version_id": place.version_id,
        "metadata": Jsonb(as_json(metadata)),
    }
    await conn.execute(QUERIES["keep"], parameters)


async def indexed(
    scope: Scope, conn: Connection, document_id: UUID | None = None
) -> list[tuple[UUID, Unindexed]]:
    """Where a document, or every one, is indexed; each with its data source."""
    cursor = await conn.execute(QUERIES["indexed"], {**_ids(scope), "document_id": document_id})
    return [
        (
            source_id,
            Unindexed(
                document_id=found_id, place=Place(index_version_id=index_id, version_id=version_id)
            ),
        )
        async for found_id, source_id, version_id, index_id in cursor
    ]


async def of_document(scope: Scope, conn: Connection, document_id: UUID) -> DocumentMetadata:
    """Raises `NotFound`."""
    parameters = {**_ids(scope), "document_id": document_id}
    given, found = await _one(conn, "of_document", parameters, f"Document {document_id}.")
    return DocumentMetadata(given=given, indexed=None if found is None else from_json(found))


async def coverage(scope: Scope, conn: Connection) -> Coverage:
    """Counted over the documents."""
    documents, with_pages, having, top = await _one(
        conn, "coverage", {**_ids(scope), "most": MOST_VALUES}, ""
    )
    values: dict[str, list[tuple[MetadataValue, int]]] = {}
    for field, value, count in top:
        values.setdefault(field, []).append((value_from_json(value), count))
    return Coverage(documents=documents, with_pages=with_pages, having=having, top_values=values)


def _read_schema(stored: Sequence[Mapping[str, Any]]) -> MetadataSchema:
    return MetadataSchema(tuple(map(_read_field, stored)))


def _read_field(stored: Mapping[str, Any]) -> DeclaredField:
    return DeclaredField(
        name=stored["name"],
        type=stored["type"],
        description=stored["description"],
        enum=tuple(stored["enum"]),
        source=FieldSource(**stored["source"]),
    )


async def _one(
    conn: Connection, name: str, parameters: Mapping[str, object], missing: str
) -> tuple[Any, ...]:
    row = await (await conn.execute(QUERIES[name], parameters)).fetchone()
    if row is None:
        raise NotFound(missing)
    return row


def _ids(scope: Scope) -> dict[str, object]:
    return {"team_id": scope.team_id, "id": scope.knowledge_base_id}
