"""Uploaded bytes, stored once per team under their SHA-256."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from retrieval.errors import ServiceError
from retrieval.scope import TeamScope


class BlobTooLarge(ServiceError):
    """The file is larger than this service accepts; split it or raise KB_MAX_UPLOAD_BYTES."""


class BlobMissing(ServiceError):
    """The bytes of this document are gone from the data folder; upload it again."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What was stored."""

    sha256: bytes
    size: int


class FolderBlobs:
    """Blobs as files. No part of a path comes from a caller: names are hashes, folders team ids."""

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    async def put(self, scope: TeamScope, data: AsyncIterable[bytes]) -> Blob:
        """Store a stream; there under its name only once it is whole and on the disk.

        Raises `BlobTooLarge` as soon as it is.
        """
        team = self._folder / scope.team_id.hex
        team.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest, size = sha256(), 0
        handle, name = tempfile.mkstemp(prefix="incoming-", dir=team)
        incoming = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                async for part in data:
                    size += len(part)
                    if size > self._max_bytes:
                        raise BlobTooLarge(f"The limit is {self._max_bytes:,} bytes.")
                    digest.update(part)
                    await asyncio.to_thread(file.write, part)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
            await asyncio.to_thread(incoming.replace, self._path(scope, digest.digest()))
        finally:
            await asyncio.to_thread(incoming.unlink, missing_ok=True)
        return Blob(digest.digest(), size)

    async def get(self, scope: TeamScope, digest: bytes) -> bytes:
        """The bytes. Raises `BlobMissing`."""
        try:
            return await asyncio.to_thread(self._path(scope, digest).read_bytes)
        except FileNotFoundError as exc:
            raise BlobMissing(f"SHA-256 {digest.hex()}.") from exc

    async def require(self, scope: TeamScope, digest: bytes) -> None:
        """Raises `BlobMissing` unless the bytes are there."""
        if not await asyncio.to_thread(self._path(scope, digest).exists):
            raise BlobMissing(f"SHA-256 {digest.hex()}.")

    async def delete(self, scope: TeamScope, digest: bytes) -> None:
        """Forget the bytes. Does nothing where there are none."""
        await asyncio.to_thread(self._path(scope, digest).unlink, missing_ok=True)

    def _path(self, scope: TeamScope, digest: bytes) -> Path:
        return self._folder / scope.team_id.hex / digest.hex()
