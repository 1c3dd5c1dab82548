"""What kind of file this is: told by its bytes first, and by its name only among text formats."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import PurePath

from ingest.parsing.characters import decode, looks_binary
from ingest.parsing.errors import (
    CorruptDocument,
    EmptyDocument,
    EncryptedDocument,
    UnsupportedFormat,
)
from ingest.parsing.parsers import Format

_PDF = b"%PDF-"
_PDF_WITHIN = 1024  # readers accept junk before the header, up to this far
_RTF = b"{\\rtf"
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd"})
_HTML = frozenset({".html", ".htm", ".xhtml"})
_HTML_OPENING = re.compile(
    r"(?:\s|<\?xml[^>]*>|<!--.*?-->)*<(?:!doctype\s+html|html|head|body|title|meta)\b",
    re.IGNORECASE | re.DOTALL,
)


def detect(data: bytes, name: str) -> Format:
    """The format of a file; the name matters only where bytes cannot tell text from text."""
    if not data.strip():
        raise EmptyDocument("The file is empty.")
    if data.lstrip().startswith(_PDF) or (_PDF in data[:_PDF_WITHIN] and looks_binary(data)):
        return "pdf"
    if data.startswith(_ZIP):
        return _detect_in_zip(data)
    if data.startswith(_OLE):
        return _refuse_ole(data)
    if data.startswith(_RTF):
        raise UnsupportedFormat("It is an RTF file; save it as DOCX.")
    if looks_binary(data):
        raise UnsupportedFormat("The content is binary and of no kind known here.")
    suffix = PurePath(name).suffix.lower()
    if suffix in _MARKDOWN:
        return "markdown"
    if suffix in _HTML or _HTML_OPENING.match(decode(data[:4096])):
        return "html"
    return "text"


def _detect_in_zip(data: bytes) -> Format:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, NotImplementedError) as exc:
        raise CorruptDocument("It starts like a ZIP or DOCX file but is cut short.") from exc
    if "word/document.xml" in names:
        return "docx"
    raise UnsupportedFormat("It is a ZIP archive, but not a DOCX file.")


def _refuse_ole(data: bytes) -> Format:
    # Office encrypts a DOCX by wrapping it in an OLE file that has this stream.
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise EncryptedDocument
    raise UnsupportedFormat("It is a file of Office 97 to 2003; save it as DOCX.")
