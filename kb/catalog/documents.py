"""Documents, their immutable versions, and the canonical texts that citations point into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row

from kb.catalog.errors import NotFound
from retrieval.index import IndexVersion
from retrieval.postgres import Connection
from retrieval.scope import Scope, TeamScope
from retrieval.sql import load_queries
from retrieval.store import DocumentVersion

QUERIES = load_queries(Path(__file__).with_name("documents.sql"))

Status = Literal["pending", "running", "indexed", "failed", "superseded", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document as its newest version stands in the live index."""

    id: UUID
    data_source_id: UUID
    item_name: str
    created_at: datetime
    version_id: UUID
    version_number: int
    version_created_at: datetime
    sha256: bytes
    size_in_bytes: int
    status: Status | None
    stage: str | None
    error_code: str | None
    error: str | None
    pages: int | None
    chunks: int | None
    tokens: int | None
    embedded_chunks: int | None
    notes: list[str] | None
    metadata: dict[str, Any] | None
    """What it is indexed with, as `retrieval.metadata.as_json` has it."""

    finished_at: datetime | None

    @property
    def version(self) -> DocumentVersion:
        """The newest version, as a store knows it."""
        return DocumentVersion(
            document_id=self.id,
            version_id=self.version_id,
            version_number=self.version_number,
            item_name=self.item_name,
            ingested_at=self.version_created_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How a knowledge base's documents stand."""

    documents: int
    pending: int
    indexed: int
    failed: int
    chunks: int
    tokens: int
    size_in_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What sending a file led to."""

    document_id: UUID
    version_id: UUID
    queued: bool
    """False where the same bytes stand there already, indexed or on their way."""


async def add(
    scope: Scope,
    conn: Connection,
    index: IndexVersion,
    *,
    data_source_id: UUID,
    item_name: str,
    sha256: bytes,
    size_in_bytes: int,
) -> Added:
    """Make the bytes the newest version of the data source's document of that name.

    The same bytes again change nothing, except that a version that failed or was cancelled in the
    live index is to be queued once more.
    """
    ids = {
        **_ids(scope),
        "index_version_id": index.id,
        "data_source_id": data_source_id,
        "item_name": item_name,
    }
    await conn.execute(QUERIES["lock_name"], {**ids, "data_source_id": str(data_source_id)})
    found = await (await conn.execute(QUERIES["find"], ids)).fetchone()
    if found is None:
        document_id, version_id, number, known = await _value(conn, "create", ids), None, 0, None
    else:
        document_id, version_id, number, known, status = found
        if known == sha256 and status not in (None, "failed", "cancelled"):
            return Added(document_id=document_id, version_id=version_id, queued=False)
    if version_id is None or known != sha256:
        new = {"number": number + 1, "sha256": sha256, "size_in_bytes": size_in_bytes}
        version_id = await _value(
            conn, "create_version", {**ids, **new, "document_id": document_id}
        )
    return Added(document_id=document_id, version_id=version_id, queued=True)


async def get(scope: Scope, conn: Connection, document_id: UUID) -> Document:
    """Raises `NotFound`."""
    found = await list_page(scope, conn, ids=[document_id])
    if not found:
        raise NotFound(f"Document {document_id}.")
    return found[0]


async def named(scope: Scope, conn: Connection, item_name: str) -> Document:
    """Raises `NotFound`."""
    found = await list_page(scope, conn, item_name=item_name)
    if not found:
        raise NotFound(f"Document {item_name!r}.")
    return found[0]


async def list_page(
    scope: Scope,
    conn: Connection,
    *,
    ids: Sequence[UUID] | None = None,
    item_name: str | None = None,
    data_source_id: UUID | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[Document]:
    """The knowledge base's documents, oldest first, narrowed as asked."""
    parameters = {
        **_ids(scope),
        "ids": None if ids is None else list(ids),
        "item_name": item_name,
        "data_source_id": data_source_id,
        "limit": limit,
        "offset": offset,
    }
    async with conn.cursor(row_factory=class_row(Document)) as cursor:
        await cursor.execute(QUERIES["list"], parameters)
        return await cursor.fetchall()


async def tally(scope: Scope, conn: Connection, *, data_source_id: UUID | None = None) -> Tally:
    """How the documents stand, counted; of one data source or of all."""
    parameters = {**_ids(scope), "data_source_id": data_source_id}
    row = await (await conn.execute(QUERIES["tally"], parameters)).fetchone()
    assert row
    documents, pending, indexed, failed, chunks, tokens, size = (int(value) for value in row)
    return Tally(
        documents=documents,
        pending=pending,
        indexed=indexed,
        failed=failed,
        chunks=chunks,
        tokens=tokens,
        size_in_bytes=size,
    )


async def mark_deleted(scope: Scope, conn: Connection, document_id: UUID) -> None:
    """From now on it is no document of the knowledge base. Raises `NotFound`."""
    cursor = await conn.execute(QUERIES["mark_deleted"], {**_ids(scope), "id": document_id})
    if cursor.rowcount == 0:
        raise NotFound(f"Document {document_id}.")


async def mark_source_deleted(scope: Scope, conn: Connection, data_source_id: UUID) -> None:
    """From now on none of its documents is one of the knowledge base."""
    await conn.execute(
        QUERIES["mark_source_deleted"], {**_ids(scope), "data_source_id": data_source_id}
    )


async def deleted(
    scope: Scope,
    conn: Connection,
    *,
    document_id: UUID | None = None,
    data_source_id: UUID | None = None,
) -> list[DocumentVersion]:
    """The document, or the data source's documents, that are marked deleted and not yet gone."""
    parameters = {**_ids(scope), "id": document_id, "data_source_id": data_source_id}
    cursor = await conn.execute(QUERIES["deleted"], parameters)
    return [
        DocumentVersion(
            document_id=found_id,
            version_id=version_id,
            version_number=number,
            item_name=item_name,
            ingested_at=created_at,
        )
        async for found_id, item_name, version_id, number, created_at in cursor
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One of a document's versions as it stands in the live index."""

    id: UUID
    number: int
    sha256: bytes
    size_in_bytes: int
    created_at: datetime
    status: Status | None
    error_code: str | None
    error: str | None
    chunks: int | None
    tokens: int | None


async def versions(scope: Scope, conn: Connection, document_id: UUID) -> list[Version]:
    """A document's versions, newest first. Raises `NotFound`."""
    async with conn.cursor(row_factory=class_row(Version)) as cursor:
        await cursor.execute(QUERIES["versions"], {**_ids(scope), "id": document_id})
        found = await cursor.fetchall()
    if not found:
        raise NotFound(f"Document {document_id}.")
    return found


async def blobs_of(scope: Scope, conn: Connection, document_id: UUID | None = None) -> list[bytes]:
    """SHA-256 of every version's bytes, of one document or of the whole knowledge base."""
    cursor = await conn.execute(QUERIES["blobs_of"], {**_ids(scope), "id": document_id})
    return [row[0] async for row in cursor]


async def lock_blob(scope: TeamScope, conn: Connection, sha256: bytes) -> None:
    """Until the transaction ends, nobody else adds or deletes a version with these bytes."""
    await conn.execute(QUERIES["lock_blob"], {"team_id": str(scope.team_id), "sha256": sha256})


async def is_unused(scope: TeamScope, conn: Connection, sha256: bytes) -> bool:
    """Whether no document version of the team needs these bytes any more."""
    parameters = {"team_id": scope.team_id, "sha256": sha256}
    row = await (await conn.execute(QUERIES["is_unused"], parameters)).fetchone()
    return bool(row and row[0])


async def forget(scope: Scope, conn: Connection, document_id: UUID) -> None:
    """Remove the rows of a document whose chunks are gone."""
    await conn.execute(QUERIES["forget"], {**_ids(scope), "id": document_id})


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionState:
    """A document version as a worker finds it."""

    document: DocumentVersion
    data_source_id: UUID
    sha256: bytes
    size_in_bytes: int
    is_deleted: bool
    is_superseded: bool
    """A newer version of the document has arrived."""


async def version_state(scope: Scope, conn: Connection, version_id: UUID) -> VersionState | None:
    """The version, or none where it was deleted."""
    parameters = {**_ids(scope), "version_id": version_id}
    row = await (await conn.execute(QUERIES["version_state"], parameters)).fetchone()
    if row is None:
        return None
    item_name, source_id, document_id, number, sha256, size, created_at, deleted, superseded = row
    return VersionState(
        document=DocumentVersion(
            document_id=document_id,
            version_id=version_id,
            version_number=number,
            item_name=item_name,
            ingested_at=created_at,
        ),
        data_source_id=source_id,
        sha256=sha256,
        size_in_bytes=size,
        is_deleted=deleted,
        is_superseded=superseded,
    )


async def save_text(
    scope: Scope, conn: Connection, version_id: UUID, *, parser: str, text: str, parsed: bytes
) -> None:
    """Keep the canonical text, so that citations can be read back, and what the parser made.

    Raises `NotFound` where the document was deleted.
    """
    parameters = {
        **_ids(scope),
        "version_id": version_id,
        "parser": parser,
        "text": text,
        "parsed": parsed,
    }
    if (await conn.execute(QUERIES["save_text"], parameters)).rowcount == 0:
        raise NotFound(f"Version {version_id}.")


async def read_parsed(
    scope: Scope, conn: Connection, version_id: UUID, *, parser: str
) -> bytes | None:
    """What the parser made of a version, where it was kept."""
    parameters = {**_ids(scope), "version_id": version_id, "parser": parser}
    row = await (await conn.execute(QUERIES["parsed"], parameters)).fetchone()
    return row[0] if row else None


async def lines(scope: Scope, conn: Connection, document_id: UUID) -> dict[bytes, str]:
    """Lines that situate the document's chunks, by content hash."""
    cursor = await conn.execute(QUERIES["lines"], {**_ids(scope), "id": document_id})
    return {digest: line async for digest, line in cursor}


async def keep_lines(
    scope: Scope, conn: Connection, document_id: UUID, lines: Mapping[bytes, str]
) -> None:
    """Keep such lines for as long as there is the document."""
    parameters = {"content_hashes": list(lines), "lines": list(lines.values())}
    await conn.execute(QUERIES["keep_lines"], {**_ids(scope), "id": document_id, **parameters})


async def read_text(
    scope: Scope, conn: Connection, document_id: UUID, version_id: UUID, *, start: int, end: int
) -> str:
    """`canonical_text[start:end]` of a version, in code points. Raises `NotFound`."""
    parameters = {
        **_ids(scope),
        "id": document_id,
        "version_id": version_id,
        "start": start,
        "length": max(0, end - start),
    }
    row = await (await conn.execute(QUERIES["text"], parameters)).fetchone()
    if row is None:
        raise NotFound(f"A text of version {version_id} of document {document_id}.")
    return row[0]


async def read_spans(
    scope: Scope, conn: Connection, spans: Sequence[tuple[UUID, int, int]], *, parser: str
) -> list[str | None]:
    """The text of each span: version, start and end. None where the version is gone."""
    versions, starts, ends = zip(*spans, strict=True)
    parameters = {
        **_ids(scope),
        "parser": parser,
        "version_ids": list(versions),
        "starts": list(starts),
        "lengths": [end - start for start, end in zip(starts, ends, strict=True)],
    }
    rows = await conn.execute(QUERIES["spans"], parameters)
    return [text async for (text,) in rows]


async def _value(conn: Connection, name: str, parameters: dict[str, object]) -> UUID:
    row = await (await conn.execute(QUERIES[name], parameters)).fetchone()
    assert row
    return row[0]


def _ids(scope: Scope) -> dict[str, object]:
    return {"team_id": scope.team_id, "knowledge_base_id": scope.knowledge_base_id}
