"""What a file that is no text is, told by its first bytes, and what to do with it instead."""

from __future__ import annotations

from typing import NoReturn

from ingest.parsing.errors import UnsupportedFormat

_IMAGE = "a {} image; run OCR on it and upload the text"
_SOUND = "a {} recording; upload a transcript of it"
_PACKED = "a {} archive; unpack it, or pack its files as ZIP"
_PROGRAM = "a program ({}), which holds no document"

_KINDS: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, _IMAGE.format("PNG")),
    (b"\xff\xd8\xff", 0, _IMAGE.format("JPEG")),
    (b"GIF8", 0, _IMAGE.format("GIF")),
    (b"BM", 0, _IMAGE.format("BMP")),
    (b"II*\0", 0, _IMAGE.format("TIFF")),
    (b"MM\0*", 0, _IMAGE.format("TIFF")),
    (b"WEBP", 8, _IMAGE.format("WebP")),
    (b"ftyphei", 4, _IMAGE.format("HEIC")),
    (b"ftypavif", 4, _IMAGE.format("AVIF")),
    (b"\0\0\1\0", 0, _IMAGE.format("ICO")),
    (b"8BPS", 0, _IMAGE.format("Photoshop")),
    (b"AT&TFORM", 0, "a DjVu file; convert it to PDF"),
    (b"ID3", 0, _SOUND.format("MP3")),
    (b"\xff\xfb", 0, _SOUND.format("MP3")),
    (b"WAVE", 8, _SOUND.format("WAV")),
    (b"fLaC", 0, _SOUND.format("FLAC")),
    (b"OggS", 0, _SOUND.format("Ogg")),
    (b"AVI ", 8, _SOUND.format("video")),
    (b"ftyp", 4, _SOUND.format("video or sound")),
    (b"\x1aE\xdf\xa3", 0, _SOUND.format("Matroska video")),
    (b"\x1f\x8b", 0, _PACKED.format("gzip")),
    (b"BZh", 0, _PACKED.format("bzip2")),
    (b"\xfd7zXZ\0", 0, _PACKED.format("xz")),
    (b"\x28\xb5\x2f\xfd", 0, _PACKED.format("Zstandard")),
    (b"7z\xbc\xaf\x27\x1c", 0, _PACKED.format("7-Zip")),
    (b"Rar!\x1a\x07", 0, _PACKED.format("RAR")),
    (b"ustar", 257, _PACKED.format("TAR")),
    (b"\x7fELF", 0, _PROGRAM.format("ELF")),
    (b"MZ", 0, _PROGRAM.format("Windows")),
    (b"\xcf\xfa\xed\xfe", 0, _PROGRAM.format("Mach-O")),
    (b"\xca\xfe\xba\xbe", 0, _PROGRAM.format("Java or Mach-O")),
    (b"\0asm", 0, _PROGRAM.format("WebAssembly")),
    (b"SQLite format 3\0", 0, "an SQLite database; export its tables as CSV"),
    (b"PAR1", 0, "a Parquet table; export it as CSV"),
    (b"\0\1\0\0Standard", 0, "an Access database; export its tables as CSV"),
    (b"wOF", 0, "a font, which holds no document"),
    (b"\0\1\0\0\0", 0, "a font, which holds no document"),
)


def refuse_binary(data: bytes) -> NoReturn:
    """Raise UnsupportedFormat for a binary file, with its kind where the first bytes tell it."""
    for mark, at, kind in _KINDS:
        if data.startswith(mark, at):
            raise UnsupportedFormat(f"It is {kind}.")
    raise UnsupportedFormat("The content is binary and of no kind known here.")
