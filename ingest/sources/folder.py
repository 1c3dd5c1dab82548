"""A folder on the server as a source: every file in it is an item, known by its path."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from ingest.sources.errors import (
    FolderNotAllowed,
    FolderUnreadable,
    ItemNameUnreadable,
    ItemTooLarge,
    ItemUnreadable,
    OutsideOfFolder,
)
from ingest.sources.source import (
    Failed,
    Found,
    Incomplete,
    Memory,
    Skipped,
    SourceItem,
    Unchanged,
)

_AT_ONCE = 500  # files looked at between two turns of the event loop
_PART = 1024 * 1024  # bytes


def checked_folder(path: str, allowed: Sequence[Path]) -> Path:
    """The folder without links and dots. Raises FolderNotAllowed unless it is in an allowed one.

    What is outside of them is refused in the same words whether it is there or not.
    """
    if not path.startswith("/") or "\0" in path:
        raise FolderNotAllowed("Name it by its full path.")
    folder = _real(path)
    if not any(folder.is_relative_to(_real(opened)) for opened in allowed):
        raise FolderNotAllowed
    return folder


class FolderSource:
    """The regular files below a folder; those behind a leading dot are nobody's documents.

    A link to a file is followed within the folder. A link to a folder is not: what is behind it
    either has its own place in the folder or does not belong to it.
    """

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes

    async def items(self, known: Mapping[str, Memory]) -> AsyncGenerator[SourceItem]:
        """Every file, in the order of a walk. Raises FolderUnreadable where the folder cannot be
        read; of a folder below it that is Incomplete."""
        files = self._walk(known)
        while some := await asyncio.to_thread(lambda: list(islice(files, _AT_ONCE))):
            for item in some:
                yield item

    def _walk(self, known: Mapping[str, Memory]) -> Iterator[SourceItem]:
        root = _real(self._root)
        waiting = [root]
        while waiting:
            folder = waiting.pop()
            try:
                entries = _visible(folder)
            except OSError as exc:
                if folder == root:
                    raise FolderUnreadable(f"{exc.strerror}.") from exc
                if not isinstance(exc, FileNotFoundError):  # deleted since its parent was read
                    yield Incomplete(error=FolderUnreadable(f"It is {_key(folder, root)!r}."))
                continue
            folders = [Path(one) for one in entries if one.is_dir(follow_symlinks=False)]
            waiting += reversed(folders)
            for entry in entries:
                yield from self._look(entry, root, known)

    def _look(
        self, entry: os.DirEntry[str], root: Path, known: Mapping[str, Memory]
    ) -> Iterator[SourceItem]:
        path = Path(entry)
        key = _key(path, root)
        try:
            found = (_inside(path, root) if entry.is_symlink() else path).lstat()
        except OutsideOfFolder as exc:
            yield Skipped(key=key, error=exc)
        except FileNotFoundError:
            return  # deleted since the folder was read, or a link to nothing
        except OSError as exc:
            yield Failed(key=key, error=ItemUnreadable(f"{exc.strerror}."))
        else:
            if stat.S_ISREG(found.st_mode):
                yield self._item(path, root, found, known.get(key))

    def _item(
        self, path: Path, root: Path, found: os.stat_result, known: Memory | None
    ) -> SourceItem:
        key = _key(path, root)
        if key != path.relative_to(root).as_posix():
            return Skipped(key=key, error=ItemNameUnreadable())
        if found.st_size > self._max_bytes:
            return Skipped(key=key, error=self._too_large())
        memory = {"size": found.st_size, "mtime_ns": found.st_mtime_ns}
        if known == memory:
            return Unchanged(key=key)
        return Found(
            key=key,
            item_name=key,
            memory=memory,
            size=found.st_size,
            read=lambda: self._read(path, root),
        )

    async def _read(self, path: Path, root: Path) -> AsyncIterator[bytes]:
        try:
            with await asyncio.to_thread(_open, path, root) as file:
                size = 0
                while part := await asyncio.to_thread(file.read, _PART):
                    size += len(part)
                    if size > self._max_bytes:
                        raise self._too_large()
                    yield part
        except OSError as exc:
            raise ItemUnreadable(f"{exc.strerror}.") from exc

    def _too_large(self) -> ItemTooLarge:
        return ItemTooLarge(f"The limit is {self._max_bytes:,} bytes.")


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        seen = [entry for entry in entries if not entry.name.startswith(".")]
    return sorted(seen, key=lambda entry: entry.name)


def _real(path: Path | str) -> Path:
    """The path without links. Unlike `Path.resolve` this takes links that lead in a circle."""
    return Path(os.path.realpath(path))


def _inside(path: Path, root: Path) -> Path:
    """Where the path really is. Raises OutsideOfFolder."""
    real = _real(path)
    if not real.is_relative_to(root):
        raise OutsideOfFolder
    return real


def _key(path: Path, root: Path) -> str:
    """The path within the folder; bytes that are no UTF-8 become \\x escapes, so as to be shown."""
    name = os.fsencode(path.relative_to(root))
    return name.decode("utf-8", "backslashreplace")


def _open(path: Path, root: Path) -> BinaryIO:
    """The file, where it is still one and still within the folder."""
    # Non-blocking, because a pipe put in its place would otherwise be waited for.
    handle = os.open(_inside(path, root), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ItemUnreadable("It is no regular file any more.")
    return open(handle, "rb")  # noqa: PTH123 - a descriptor is no path
