"""Declared metadata: a knowledge base's schema, what is given with documents, what they have.

A changed schema, or a document's changed metadata, is in the index once the documents concerned are
indexed again, which is queued with the change. Until then they are found as before. Nothing is
parsed or embedded for it. A document whose newest version failed keeps what its last good version
was indexed with.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from kb.catalog import data_sources, index_versions, jobs, metadata
from kb.catalog.documents import Added
from kb.catalog.metadata import Coverage, DocumentMetadata
from kb.dispatch import queue_all
from kb.item_names import checked_item_name
from kb.service import Service
from retrieval.metadata_schema import (
    DeclaredField,
    MetadataSchema,
    checked_metadata,
    checked_schema,
)
from retrieval.postgres import Connection, scoped
from retrieval.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a knowledge base declares, and what its documents have of it."""

    schema: MetadataSchema
    coverage: Coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a change led to."""

    queued: tuple[UUID, ...] = ()
    """Documents that are indexed again."""


async def get_schema(service: Service, scope: Scope) -> MetadataSchema:
    """What the knowledge base declares. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        return await metadata.schema(scope, conn)


async def set_schema(service: Service, scope: Scope, fields: Sequence[DeclaredField]) -> Changed:
    """Declare these fields instead of those there were. Raises `InvalidSchema` or `NotFound`.

    What was given with documents stays, and counts again once its field is declared again.
    """
    wanted = checked_schema(fields)
    async with scoped(service.pool, scope) as conn:
        await metadata.lock(scope, conn)
        former = await metadata.schema(scope, conn)
        await metadata.set_schema(scope, conn, wanted)
        if _values_of(former) == _values_of(wanted):
            return Changed()
        return await _index_again(service, scope, conn)


async def overview(service: Service, scope: Scope) -> Overview:
    """The schema, and what the documents have. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        return Overview(
            schema=await metadata.schema(scope, conn),
            coverage=await metadata.coverage(scope, conn),
        )


async def of_document(service: Service, scope: Scope, document_id: UUID) -> DocumentMetadata:
    """What was given with a document, and what it is indexed with. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        return await metadata.of_document(scope, conn, document_id)


async def set_of_document(
    service: Service, scope: Scope, document_id: UUID, given: Mapping[str, object]
) -> Changed:
    """Give a document this metadata instead of what it had. Raises `InvalidMetadata`, `NotFound`.

    What it leaves out is again taken from where its field's source says.
    """
    async with scoped(service.pool, scope) as conn:
        await metadata.lock(scope, conn)
        return await _enter(service, scope, conn, document_id, given)


async def add_document(
    service: Service,
    scope: Scope,
    *,
    item_name: str,
    data: AsyncIterable[bytes],
    given: Mapping[str, object],
) -> Added:
    """As `Service.add_document`, with metadata in one go. Raises `InvalidMetadata` as well."""
    name = checked_item_name(item_name)
    async with scoped(service.pool, scope) as conn:  # nothing is stored for a typo
        checked_metadata(await metadata.schema(scope, conn), given)
        source_id = await data_sources.of_sent_documents(scope, conn)
    blob, fetched = await service.fetch(scope, data)
    async with scoped(service.pool, scope) as conn:
        await metadata.lock(scope, conn)
        added = await service.enter_document(
            scope, conn, data_source_id=source_id, item_name=name, blob=blob, fetched=fetched
        )
        changed = await _enter(service, scope, conn, added.document_id, given)
    return replace(added, queued=added.queued or bool(changed.queued))


async def _enter(
    service: Service,
    scope: Scope,
    conn: Connection,
    document_id: UUID,
    given: Mapping[str, object],
) -> Changed:
    checked_metadata(await metadata.schema(scope, conn), given)
    if not await metadata.set_given(scope, conn, document_id, given):
        return Changed()
    return await _index_again(service, scope, conn, document_id)


async def _index_again(
    service: Service, scope: Scope, conn: Connection, document_id: UUID | None = None
) -> Changed:
    """Queue what is indexed, in each index version; who is at work on the rest will look again."""
    found = await metadata.indexed(scope, conn, document_id)
    if found:
        live = await index_versions.live(scope, conn)
        job_id = await jobs.open_documents_job(scope, conn, live.id)
        sources = list({source_id for source_id, _ in found})
        await jobs.cover(scope, conn, job_id, sources, is_read=True)
        await queue_all(service.queue, scope, conn, [one for _, one in found], job_id)
    return Changed(queued=tuple(dict.fromkeys(one.document_id for _, one in found)))


def _values_of(schema: MetadataSchema) -> set[DeclaredField]:
    """What of a schema decides on values."""
    return {replace(one, description="") for one in schema.fields}
