"""Uploaded bytes in an S3-compatible bucket, for services that run on more than one machine."""

from __future__ import annotations

from collections.abc import AsyncIterable
from pathlib import Path

from ingest.sources.bucket_settings import BucketSettings
from ingest.sources.bucket_store import bucket_errors, open_bucket
from ingest.sources.errors import BucketError, ObjectMissing
from kb.blobs import Blob, BlobMissing, BlobsUnavailable, incoming
from retrieval.scope import TeamScope

_PART = 16 * 1024 * 1024  # bytes; S3 takes 10,000 parts of one object at most
_PARTS_AT_ONCE = 2


class BucketBlobs:
    """Blobs as objects, each named `{folder}{team}/{sha256}`.

    Larger ones go up in parts. Where a service stops half-way, the parts are no object and cost
    storage: give the bucket a lifecycle rule that ends incomplete uploads.
    """

    def __init__(self, settings: BucketSettings, *, spool: Path, max_bytes: int) -> None:
        self._store = open_bucket(settings, for_writing=True)
        self._folder = settings.folder
        self._spool = spool
        self._max_bytes = max_bytes

    async def put(self, scope: TeamScope, data: AsyncIterable[bytes]) -> Blob:
        """Store a stream; in the bucket only once all of it is here and its hash is known.

        Raises `BlobTooLarge` as soon as it is.
        """
        async with incoming(self._spool, data, max_bytes=self._max_bytes) as (file, blob):
            try:
                with bucket_errors():
                    await self._store.put_async(
                        self._name(scope, blob.sha256),
                        file,
                        chunk_size=_PART,
                        max_concurrency=_PARTS_AT_ONCE,
                    )
            except BucketError as exc:
                raise _unavailable(exc) from exc
        return blob

    async def get(self, scope: TeamScope, digest: bytes) -> bytes:
        """The bytes. Raises `BlobMissing`."""
        try:
            with bucket_errors():
                found = await self._store.get_async(self._name(scope, digest))
                return (await found.bytes_async()).to_bytes()
        except BucketError as exc:
            raise _missing(exc, digest) from exc

    async def require(self, scope: TeamScope, digest: bytes) -> None:
        """Raises `BlobMissing` unless the bytes are there."""
        try:
            with bucket_errors():
                await self._store.head_async(self._name(scope, digest))
        except BucketError as exc:
            raise _missing(exc, digest) from exc

    async def delete(self, scope: TeamScope, digest: bytes) -> None:
        """Forget the bytes. Does nothing where there are none."""
        try:
            with bucket_errors():
                await self._store.delete_async(self._name(scope, digest))
        except ObjectMissing:
            return
        except BucketError as exc:
            raise _unavailable(exc) from exc

    def _name(self, scope: TeamScope, digest: bytes) -> str:
        return f"{self._folder}{scope.team_id.hex}/{digest.hex()}"


def _missing(error: BucketError, digest: bytes) -> BlobMissing | BlobsUnavailable:
    if isinstance(error, ObjectMissing):
        return BlobMissing(f"SHA-256 {digest.hex()}.")
    return _unavailable(error)


def _unavailable(error: BucketError) -> BlobsUnavailable:
    return BlobsUnavailable(str(error))
