"""A document's versions: how each was indexed, stage by stage, and the bytes it came with."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from kb.catalog import documents, ledger
from kb.catalog.documents import Version
from kb.catalog.errors import NotFound
from kb.catalog.ledger import StageEntry
from kb.service import Service
from retrieval.postgres import scoped
from retrieval.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A file as it was sent or fetched."""

    item_name: str
    data: bytes


async def list_all(service: Service, scope: Scope, document_id: UUID) -> list[Version]:
    """A document's versions, newest first. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        return await documents.versions(scope, conn, document_id)


async def stages(
    service: Service, scope: Scope, document_id: UUID, version_id: UUID
) -> tuple[Version, list[StageEntry]]:
    """A version and what each stage took it in the live index. Raises `NotFound`."""
    found = _one(await list_all(service, scope, document_id), version_id)
    async with scoped(service.pool, scope) as conn:
        return found, await ledger.stages(scope, conn, version_id)


async def original(
    service: Service, scope: Scope, document_id: UUID, version_id: UUID | None = None
) -> Original:
    """The file of the newest version, or of another. Raises `NotFound` or `BlobMissing`."""
    document = await service.document(scope, document_id)
    digest = document.sha256
    if version_id is not None:
        digest = _one(await list_all(service, scope, document_id), version_id).sha256
    return Original(item_name=document.item_name, data=await service.blobs.get(scope, digest))


def _one(versions: list[Version], version_id: UUID) -> Version:
    for version in versions:
        if version.id == version_id:
            return version
    raise NotFound(f"Version {version_id}.")
