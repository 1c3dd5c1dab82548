"""Gzip, unpacked piece by piece, so that a bomb is noticed before it fills the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from ingest.sources.errors import FetchFailed, ResponseTooLarge

_PIECE = 256 * 1024  # bytes that one call may unpack at most
_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f"


class Gunzip:
    """One gzip stream of any number of members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes unpack to, in pieces of 256 KiB at most. Raises FetchFailed."""
        more = bool(data)
        while more:
            if self._member.eof:
                if not data.startswith(_MAGIC):
                    return  # padding, which browsers overlook as well
                self._member = zlib.decompressobj(_GZIP)
            self._begun = True
            try:
                piece = self._member.decompress(data, _PIECE)
            except zlib.error as exc:
                raise FetchFailed("Its gzip compression is damaged.") from exc
            data = self._member.unconsumed_tail or self._member.unused_data
            if piece:
                yield piece
            # A full piece may leave output behind in zlib when all input is read.
            more = bool(data) or (len(piece) == _PIECE and not self._member.eof)

    def finish(self) -> None:
        """Raises FetchFailed if the stream stopped half-way."""
        if self._begun and not self._member.eof:
            raise FetchFailed("Its gzip compression is cut short.")


def gunzip(data: bytes, *, limit: int) -> bytes:
    """A gzip file, unpacked. Raises ResponseTooLarge past `limit` bytes, and FetchFailed."""
    stream, unpacked = Gunzip(), bytearray()
    for piece in stream.feed(data):
        unpacked += piece
        if len(unpacked) > limit:
            raise ResponseTooLarge(f"More than {limit} bytes when unpacked.")
    stream.finish()
    return bytes(unpacked)
