"""Uploaded bytes, stored once per team under their SHA-256."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from retrieval.errors import ServiceError
from retrieval.scope import TeamScope


class BlobTooLarge(ServiceError):
    """The file is larger than this service accepts; split it or raise KB_MAX_UPLOAD_BYTES."""


class BlobMissing(ServiceError):
    """The bytes of this document are gone from where they were kept; upload it again."""


class BlobsUnavailable(ServiceError):
    """The uploaded files cannot be reached at the moment; try again later."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What was stored."""

    sha256: bytes
    size: int


class Blobs(Protocol):
    """Where uploaded bytes are kept. Each team has its own, whatever another has sent."""

    async def put(self, scope: TeamScope, data: AsyncIterable[bytes]) -> Blob:
        """Store a stream; there under its name only once it is whole.

        Raises `BlobTooLarge` as soon as it is, and then has stored nothing.
        """
        ...

    async def get(self, scope: TeamScope, digest: bytes) -> bytes:
        """The bytes. Raises `BlobMissing`."""
        ...

    async def require(self, scope: TeamScope, digest: bytes) -> None:
        """Raises `BlobMissing` unless the bytes are there."""
        ...

    async def delete(self, scope: TeamScope, digest: bytes) -> None:
        """Forget the bytes. Does nothing where there are none."""
        ...


@asynccontextmanager
async def incoming(
    folder: Path, data: AsyncIterable[bytes], *, max_bytes: int
) -> AsyncGenerator[tuple[Path, Blob]]:
    """A stream as a file, whole and on the disk; gone afterwards unless it was moved away.

    Raises `BlobTooLarge` as soon as it is.
    """
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    digest, size = sha256(), 0
    handle, name = tempfile.mkstemp(prefix="incoming-", dir=folder)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            async for part in data:
                size += len(part)
                if size > max_bytes:
                    raise BlobTooLarge(f"The limit is {max_bytes:,} bytes.")
                digest.update(part)
                await asyncio.to_thread(file.write, part)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        yield path, Blob(digest.digest(), size)
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


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
        async with incoming(team, data, max_bytes=self._max_bytes) as (file, blob):
            await asyncio.to_thread(file.replace, self._path(scope, blob.sha256))
        return blob

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
