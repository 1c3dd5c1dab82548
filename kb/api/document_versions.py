"""A document's versions: how each was indexed, and the file itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from ingest.indexing import Stage
from kb import document_versions
from kb.api.attachment import attachment
from kb.api.caller import KeyFirst, KnowledgeBaseScope, TheService
from kb.catalog.documents import Version
from kb.catalog.ledger import StageEntry

router = APIRouter(
    prefix="/v2/gen-ai/knowledge_bases/{knowledge_base_uuid}/documents/{document_uuid}",
    tags=["documents"],
    route_class=KeyFirst,
)


class VersionBody(BaseModel):
    """A version as it stands in the live index."""

    uuid: UUID
    version_number: int
    created_at: datetime
    sha256: str
    size_in_bytes: str
    status: str
    error_code: str | None
    error_details: str | None
    chunks: int | None
    tokens: str | None

    @classmethod
    def of(cls, version: Version) -> VersionBody:
        """One version."""
        return cls(
            uuid=version.id,
            version_number=version.number,
            created_at=version.created_at,
            sha256=version.sha256.hex(),
            size_in_bytes=str(version.size_in_bytes),
            status=version.status or "pending",
            error_code=version.error_code,
            error_details=version.error,
            chunks=version.chunks,
            tokens=None if version.tokens is None else str(version.tokens),
        )


class StageBody(BaseModel):
    """One stage as it went the last time."""

    stage: Stage
    attempt: int
    started_at: datetime
    duration_ms: int
    bytes: str | None
    tokens: str | None
    error_code: str | None
    error_details: str | None

    @classmethod
    def of(cls, entry: StageEntry) -> StageBody:
        """One stage."""
        return cls(
            stage=entry.stage,
            attempt=entry.attempt,
            started_at=entry.started_at,
            duration_ms=entry.duration_ms,
            bytes=None if entry.bytes is None else str(entry.bytes),
            tokens=None if entry.tokens is None else str(entry.tokens),
            error_code=entry.error_code,
            error_details=entry.error,
        )


class VersionList(BaseModel):
    """The envelope of all of them; a document never has many."""

    versions: list[VersionBody]


class VersionLedger(BaseModel):
    """A version and how it got there."""

    version: VersionBody
    stages: list[StageBody]


@router.get("/versions")
async def list_versions(
    scope: KnowledgeBaseScope, document_uuid: UUID, service: TheService
) -> VersionList:
    """The document's versions, newest first."""
    found = await document_versions.list_all(service, scope, document_uuid)
    return VersionList(versions=[VersionBody.of(one) for one in found])


@router.get("/versions/{version_uuid}/ledger")
async def get_ledger(
    scope: KnowledgeBaseScope, document_uuid: UUID, version_uuid: UUID, service: TheService
) -> VersionLedger:
    """What each stage of indexing a version took, and where it failed if it did."""
    version, stages = await document_versions.stages(service, scope, document_uuid, version_uuid)
    return VersionLedger(
        version=VersionBody.of(version), stages=[StageBody.of(entry) for entry in stages]
    )


@router.get("/original", response_class=Response)
async def get_original(
    scope: KnowledgeBaseScope,
    document_uuid: UUID,
    service: TheService,
    version: Annotated[
        UUID | None, Query(description="UUID of a version; the newest unless given")
    ] = None,
) -> Response:
    """Download the file, byte for byte as it came."""
    found = await document_versions.original(service, scope, document_uuid, version)
    return Response(
        found.data, media_type="application/octet-stream", headers=attachment(found.item_name)
    )
