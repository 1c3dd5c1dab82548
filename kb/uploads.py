"""Presigned uploads: an address that takes one file without an API key, for a while."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from kb.blobs import Blob, BlobTooLarge
from kb.catalog import documents, uploads
from kb.item_names import checked_item_name
from kb.service import Service
from kb.vault import Vault
from retrieval.postgres import scoped
from retrieval.scope import TeamScope

PURPOSE = "upload"
LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presigned:
    """Where a file may be sent to."""

    token: str
    object_key: str
    file_name: str
    expires_at: datetime


class Uploads:
    """Makes such addresses and takes what is sent to them."""

    def __init__(self, service: Service, vault: Vault, *, max_bytes: int) -> None:
        self._service = service
        self._vault = vault
        self._max_bytes = max_bytes

    def presign(self, scope: TeamScope, *, file_name: str, size: int | None) -> Presigned:
        """An address for this file. Raises `InvalidItemName` or `BlobTooLarge`."""
        name = checked_item_name(file_name)
        if size is not None and size > self._max_bytes:
            raise BlobTooLarge(f"The limit is {self._max_bytes:,} bytes.")
        object_key = f"uploads/{uuid4()}/{name}"
        claims = {"team": str(scope.team_id), "key": object_key, "name": name}
        return Presigned(
            token=self._vault.sign(PURPOSE, claims),
            object_key=object_key,
            file_name=name,
            expires_at=datetime.now(UTC) + LIFETIME,
        )

    async def take(self, token: str, data: AsyncIterable[bytes]) -> Blob:
        """Store what is sent to an address. Raises `LinkInvalid` or `BlobTooLarge`."""
        claims = self._vault.claims(PURPOSE, token, max_age_seconds=int(LIFETIME.total_seconds()))
        scope, service = TeamScope(team_id=UUID(claims["team"])), self._service
        blob = await service.blobs.put(scope, data)
        async with scoped(service.pool, scope) as conn:
            await documents.lock_blob(scope, conn, blob.sha256)
            await service.blobs.require(scope, blob.sha256)
            former = await uploads.enter(
                scope, conn, claims["key"], file_name=claims["name"], blob=blob
            )
            stale = await uploads.forget_stale(scope, conn)
        await service.delete_unused(scope, [*former, *stale])
        return blob
