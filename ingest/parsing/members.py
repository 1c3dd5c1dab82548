"""The files in a ZIP that nobody vouches for. Whatever reads a ZIP format reads it through here.

Nothing a ZIP says of itself is believed: members are counted before the directory is read, sizes
while the bytes come out, and members that share bytes, the trick of most zip bombs, are refused.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from ingest.parsing import compound
from ingest.parsing.budget import Budget, container
from ingest.parsing.errors import (
    CorruptDocument,
    DocumentTooLarge,
    EncryptedDocument,
    UnsupportedFormat,
)

MAX_PATH = 250  # shorter than the longest section title, so that a path can be one

_DIRECTORY_ENTRY = b"PK\x01\x02"
_DIRECTORY_END = b"PK\x05\x06"
# Office encrypts a package by putting it into a compound file, under this name.
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_DIRECTORY_END_BYTES = 22
_END_WITHIN = _DIRECTORY_END_BYTES + 0xFFFF  # a comment may follow it
_LOCAL_HEADER_BYTES = 30
_PIECE = 256 * 1024
_FLAG_ENCRYPTED, _FLAG_UTF8 = 0x1, 0x800
# bzip2 and LZMA are left out: zipfile unpacks each piece of theirs whole, to gigabytes if need be.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_DRIVE = re.compile(r"[A-Za-z]:")
_DIGITS = re.compile(r"([0-9]+)")

# Whatever zipfile stumbles over in a damaged file.
_DAMAGE: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    IndexError,
    OverflowError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a ZIP."""

    path: str
    """Where it is inside the ZIP, as `shown_path` writes it."""
    info: zipfile.ZipInfo


class Members:
    """The files of one open ZIP."""

    def __init__(self, archive: zipfile.ZipFile, budget: Budget) -> None:
        self._archive = archive
        self._budget = budget
        files = [(_name(info), info) for info in archive.infolist()]
        self._files = [
            Member(shown_path(name), info) for name, info in files if not _is_folder(name)
        ]
        self._by_path = {member.path: member for member in self._files}
        self.paths = list(self._by_path)
        """The path of every file, in the order of the list in the ZIP."""

    def documents(self) -> list[Member]:
        """The files someone put there, not what their system did, in natural order of paths."""
        found = [member for member in self._files if not _is_junk(_name(member.info))]
        return sorted(found, key=lambda member: natural(member.path))

    def find(self, path: str) -> Member | None:
        """The file at this path, or None."""
        return self._by_path.get(path)

    def read(self, member: Member | str) -> bytes:
        """The file unpacked.

        Raises EncryptedDocument, CorruptDocument, UnsupportedFormat where it is packed in a way
        that cannot be bounded, and DocumentTooLarge past any of the limits.
        """
        if isinstance(member, str):
            found = self.find(member)
            if found is None:
                raise CorruptDocument(f"{member} is not in it.")
            member = found
        if member.info.flag_bits & _FLAG_ENCRYPTED:
            raise EncryptedDocument
        if member.info.compress_type not in _METHODS:
            raise UnsupportedFormat("It is packed by another method than Deflate; pack it anew.")
        try:
            return self._unpack(member.info)
        except _DAMAGE as exc:
            raise CorruptDocument(f"{member.path} cannot be unpacked: {exc}") from exc

    def _unpack(self, info: zipfile.ZipInfo) -> bytes:
        limits = self._budget.limits
        content = bytearray()
        with self._archive.open(info) as file:
            while piece := file.read(_PIECE):
                content += piece
                self._budget.spend_bytes(len(piece))
                if len(content) > limits.member_bytes:
                    raise DocumentTooLarge(
                        f"Unpacked, it is over {limits.member_bytes // 2**20} MiB."
                    )
                if len(content) > max(limits.ratio_from, limits.ratio * info.compress_size):
                    raise DocumentTooLarge(
                        f"It unpacks to more than {limits.ratio} times its size, like a bomb."
                    )
        return bytes(content)


@contextmanager
def members(data: bytes) -> Generator[Members]:
    """Open a ZIP, one container deeper.

    Raises CorruptDocument where it is damaged or its files share bytes, DocumentTooLarge where
    there are too many of them or they are packed too deeply inside other containers, and
    EncryptedDocument where Office has put a password on it.
    """
    if data.startswith(compound.MAGIC) and _ENCRYPTED_PACKAGE in data:
        raise EncryptedDocument
    with container() as budget:
        budget.spend_members(_directory_entries(data))
        try:
            archive = zipfile.ZipFile(io.BytesIO(data))
        except _DAMAGE as exc:
            raise CorruptDocument(f"Its list of files cannot be read: {exc}") from exc
        with archive:
            _refuse_overlaps(archive, len(data))
            yield Members(archive, budget)


def shown_path(name: str) -> str:
    """A name from a container as a relative path that is safe to show and fit for a heading."""
    parts = _UNPRINTABLE.sub("", _DRIVE.sub("", name, count=1)).replace("\\", "/").split("/")
    path = "/".join(part.strip() for part in parts if part.strip() not in ("", ".", ".."))
    if len(path) > MAX_PATH:
        path = f"{path[:100]}…{path[-(MAX_PATH - 101) :]}"
    return path or "unnamed"


def natural(path: str) -> list[list[str | int]]:
    """Sorts paths folder by folder, and 2 before 10."""
    # Splitting by digits gives text and numbers in turn, so only like is compared with like.
    return [
        [int(piece) if index % 2 else piece for index, piece in enumerate(_DIGITS.split(part))]
        for part in [*path.casefold().split("/"), path]
    ]


def _directory_entries(data: bytes) -> int:
    """How many members the directory lists at most, found without building an object for each."""
    end = data.rfind(_DIRECTORY_END, max(0, len(data) - _END_WITHIN))
    if end < 0 or end + _DIRECTORY_END_BYTES > len(data):
        raise CorruptDocument("It has no list of files; it may be cut short.")
    (size,) = struct.unpack_from("<L", data, end + 12)
    start = 0 if size == 0xFFFFFFFF else max(0, end - size)  # that size stands for ZIP64
    return data.count(_DIRECTORY_ENTRY, start, end)


def _refuse_overlaps(archive: zipfile.ZipFile, size: int) -> None:
    extents = sorted(
        (info.header_offset, info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size)
        for info in archive.infolist()
    )
    if any(end > start for (_, end), (start, _) in pairwise([*extents, (size, size)])):
        raise CorruptDocument("Its files share bytes, as in a zip bomb, or run past its end.")


def _name(info: zipfile.ZipInfo) -> str:
    """The member's name; macOS writes UTF-8 without saying so, and zipfile reads that as cp437."""
    if info.flag_bits & _FLAG_UTF8:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _is_folder(name: str) -> bool:
    return name.endswith(("/", "\\"))


def _is_junk(name: str) -> bool:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return any(part.startswith(".") or part.casefold() in _JUNK for part in parts)
