"""Compound files (OLE2), the containers of old and of encrypted Office files: names and streams."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.parsing.errors import CorruptDocument

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_LAST_SECTOR = 0xFFFFFFFA  # greater numbers are marks: end of a chain, free, part of the table
_END_OF_CHAIN = 0xFFFFFFFE
_ROOT = 0
_STREAM, _ROOT_STORAGE = 2, 5
_ENTRY_BYTES = 128
_MINI_SHIFT = 6
_MINI_BELOW = 4096  # a shorter stream lives in the mini stream


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: int
    left: int
    right: int
    child: int
    start: int
    size: int


class CompoundFile:
    """A compound file whose chains of sectors are all known to end.

    Raises:
        CorruptDocument: its tables are cut short, point outside the file or run in circles.
    """

    def __init__(self, data: bytes) -> None:
        if not data.startswith(MAGIC) or len(data) < 512:
            raise CorruptDocument("It starts like an old Office file but is cut short.")
        self._data = data
        (self._shift,) = struct.unpack_from("<H", data, 30)
        if self._shift not in (9, 12):
            raise CorruptDocument("Its sectors have a size that no Office file uses.")
        self._count = -(-len(data) >> self._shift) - 1
        first_directory, _, _, first_mini = struct.unpack_from("<4I", data, 48)
        self._fat = self._allocation()
        self._entries = _entries(self._read(first_directory))
        if not self._entries or self._entries[_ROOT].kind != _ROOT_STORAGE:
            raise CorruptDocument("Its directory is damaged.")
        self._mini_fat = _numbers(self._read(first_mini) if first_mini <= _LAST_SECTOR else b"")
        root = self._entries[_ROOT]
        self._mini = self._read(root.start) if root.start <= _LAST_SECTOR else b""
        self._check_streams()

    def root_names(self) -> set[str]:
        """The names of what stands at the top, which tell the format. Order has no meaning."""
        names: set[str] = set()
        seen: set[int] = set()
        waiting = [self._entries[_ROOT].child]
        while waiting:
            number = waiting.pop()
            if number in seen or number >= len(self._entries):
                continue  # no entry, or a tree that was tied into a knot
            seen.add(number)
            entry = self._entries[number]
            names.add(entry.name)
            waiting += (entry.left, entry.right)
        return names

    def stream(self, name: str) -> bytes | None:
        """The content of the first stream of this name, or None where there is none."""
        for entry in self._entries:
            if entry.name == name and entry.kind == _STREAM:
                if entry.size >= _MINI_BELOW:
                    return self._read(entry.start)[: entry.size]
                mini = self._mini
                chain = _chain(entry.start, self._mini_fat) if entry.size else []
                return b"".join(
                    mini[number << _MINI_SHIFT : (number + 1) << _MINI_SHIFT] for number in chain
                )[: entry.size]
        return None

    def _allocation(self) -> list[int]:
        """The table that chains sectors: for each of them, the number of the next."""
        tables = list(struct.unpack_from("<109I", self._data, 76))
        (following,) = struct.unpack_from("<I", self._data, 68)
        for _ in range(self._count):
            if following > _LAST_SECTOR:
                break
            *more, following = _numbers(self._sector(following))
            tables += more
        else:
            raise CorruptDocument("Its sector table runs in a circle.")
        tables = [number for number in tables if number <= _LAST_SECTOR]
        if len(tables) > self._count:
            raise CorruptDocument("Its sector table is longer than the file.")
        return _numbers(b"".join(self._sector(number) for number in tables))

    def _sector(self, number: int) -> bytes:
        if number >= self._count:
            raise CorruptDocument("It points to a place past its end; it may be cut short.")
        start = (number + 1) << self._shift
        return self._data[start : start + (1 << self._shift)]

    def _read(self, start: int) -> bytes:
        return b"".join(self._sector(number) for number in _chain(start, self._fat))

    def _check_streams(self) -> None:
        """Refuse circles and false sizes, which readers written for honest files run into."""
        steps = 0
        for entry in self._entries:
            if entry.kind != _STREAM or not entry.size:
                continue
            if entry.size > len(self._data):
                raise CorruptDocument("A stream in it claims to be larger than the file.")
            mini = entry.size < _MINI_BELOW
            steps += len(_chain(entry.start, self._mini_fat if mini else self._fat))
            if steps > len(self._fat) + len(self._mini_fat):
                raise CorruptDocument("Streams in it share their sectors.")


def _chain(start: int, table: Sequence[int]) -> list[int]:
    chain: list[int] = []
    while start != _END_OF_CHAIN:
        if start >= len(table) or len(chain) > len(table):
            raise CorruptDocument("A chain of sectors in it leads nowhere.")
        chain.append(start)
        start = table[start]
    return chain


def _numbers(raw: bytes) -> list[int]:
    return list(struct.unpack_from(f"<{len(raw) // 4}I", raw))


def _entries(directory: bytes) -> list[_Entry]:
    found: list[_Entry] = []
    for at in range(0, len(directory) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        name, length, kind, _, left, right, child = struct.unpack_from("<64sHBB3I", directory, at)
        start, size = struct.unpack_from("<II", directory, at + 116)
        text = name[: max(0, min(length, 64) - 2)].decode("utf-16-le", errors="replace")
        found.append(_Entry(text, kind, left, right, child, start, size))
    return found
