"""An S3-compatible bucket as a source: every object is an item, known by its key."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import TYPE_CHECKING

from ingest.sources.bucket_settings import BucketSettings
from ingest.sources.bucket_store import bucket_errors, open_bucket
from ingest.sources.errors import ItemTooLarge, ObjectMissing
from ingest.sources.source import Found, Memory, Skipped, SourceItem, Unchanged

if TYPE_CHECKING:
    from obstore import ObjectMeta

_AT_ONCE = 1000  # keys, as many as S3 lists in one answer
_PART = 1024 * 1024  # bytes


class BucketSource:
    """The objects below a prefix.

    Empty ones are left out: consoles make them to stand for folders, with a slash at the end of
    the key that `obstore` takes away, and there is nothing to find in the others.
    """

    def __init__(self, settings: BucketSettings, *, max_bytes: int) -> None:
        self._settings = settings
        self._store = open_bucket(settings)
        self._max_bytes = max_bytes

    async def items(self, known: Mapping[str, Memory]) -> AsyncGenerator[SourceItem]:
        """Every object, in the order of the keys. Raises a BucketError."""
        listed = self._store.list(  # pyright: ignore[reportUnknownMemberType] - Arrow's, not here
            self._settings.folder or None, chunk_size=_AT_ONCE
        )
        seen = set[str]()
        with bucket_errors():
            async for objects in listed:
                for one in objects:
                    # `a` and a folder `a/` that is not empty have come to look the same.
                    if one["size"] and one["path"] not in seen:
                        seen.add(one["path"])
                        yield self._item(one, known)
        if not seen:
            for one in await self._named_itself():
                yield self._item(one, known)

    async def _named_itself(self) -> list[ObjectMeta]:
        """The object that the prefix is the whole key of, if there is one."""
        key = self._settings.prefix
        if not key or key.endswith("/"):
            return []
        try:
            with bucket_errors():
                one = await self._store.head_async(key)
        except ObjectMissing:
            return []
        return [one] if one["size"] else []

    def _item(self, one: ObjectMeta, known: Mapping[str, Memory]) -> SourceItem:
        key, size = one["path"], one["size"]
        if size > self._max_bytes:
            return Skipped(key=key, error=self._too_large())
        before = known.get(key)
        etag = one["e_tag"]
        if before and etag and (before["etag"], before["size"]) == (etag, size):
            return Unchanged(key=key)
        return Found(
            key=key,
            item_name=key,
            memory={"etag": etag, "size": size, "last_modified": one["last_modified"].isoformat()},
            size=size,
            read=lambda: self._read(key),
        )

    async def _read(self, key: str) -> AsyncIterator[bytes]:
        size = 0
        with bucket_errors():
            result = await self._store.get_async(key)
            async for part in result.stream(min_chunk_size=_PART):
                size += len(part)
                if size > self._max_bytes:
                    raise self._too_large()
                yield part

    def _too_large(self) -> ItemTooLarge:
        return ItemTooLarge(f"The limit is {self._max_bytes:,} bytes.")
