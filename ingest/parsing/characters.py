"""Bytes to text, and text to what the database can store and offsets can rely on."""

from __future__ import annotations

import codecs
import re

import charset_normalizer

from ingest.parsing.errors import UnsupportedFormat

_BOMS = (  # UTF-32 first: its little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SNIFFED_BYTES = 64 * 1024  # charset detection is slow, and 64 kB tell as much as the whole
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x1a\x1f\x7f]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with bare newlines and without NULs; a lone surrogate becomes U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return _SURROGATES.sub("\ufffd", text)


def decode(data: bytes) -> str:
    """The text of a text file, whatever its encoding."""
    return storable(_decode(data))


def looks_binary(data: bytes) -> bool:
    """Whether these bytes are something other than text in some encoding."""
    head = data[:_SNIFFED_BYTES]
    if head.startswith(tuple(bom for bom, _ in _BOMS)):
        return False
    if _unmarked_utf16(head):
        return False
    controls = head.count(0) + len(_CONTROLS.findall(head.decode("latin-1")))
    return 0 in head[:1024] or controls > len(head) * 0.02


def _decode(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, errors="replace")
    if encoding := _unmarked_utf16(data[:_SNIFFED_BYTES]):
        return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if looks_binary(data):
        raise UnsupportedFormat("The file is not text.")
    best = charset_normalizer.from_bytes(data[:_SNIFFED_BYTES]).best()
    # A few hundred bytes of Western text fit many code pages; the Windows one is the likeliest.
    encoding = "cp1252" if best is None or len(data) < 256 else best.encoding
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 without a mark, told by Latin letters having a zero byte on one side."""
    if len(head) < 4 or len(head) % 2:
        head = head[: len(head) // 2 * 2]
    half = len(head) // 2
    if half < 2:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > half * 0.4 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.05:
        return "utf-16-be"
    return None
