"""What kind of file this is: told by its bytes first, and by its name only among text formats."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from pathlib import PurePath
from urllib.parse import urlsplit

from ingest.parsing import compound
from ingest.parsing.binary_kinds import refuse_binary
from ingest.parsing.characters import decode, looks_binary
from ingest.parsing.code_names import is_code
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
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # the latter is one without members
_HEAD_BYTES = 16 * 1024

_SUFFIXES: dict[str, Format] = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd"), "markdown"),
    **dict.fromkeys((".rst", ".rest"), "rst"),
}
"""Text formats that may begin with anything, even with the opening of another."""
_WEAK_SUFFIXES: dict[str, Format] = {
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".json", ".geojson", ".ipynb", ".webmanifest", ".har"), "json"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".csv", ".tsv", ".tab"), "csv"),
    **dict.fromkeys((".eml", ".mht", ".mhtml"), "eml"),
    **dict.fromkeys((".txt", ".text", ".log"), "text"),
}
"""Believed unless the text opens as something else does."""
_XML_SUFFIXES = (
    *(".xml", ".nxml", ".dbk", ".docbook", ".dita", ".tei", ".rss", ".atom", ".opml", ".svg"),
    *(".xsd", ".xsl", ".xslt", ".wsdl", ".plist", ".kml", ".gpx", ".xlf", ".tmx"),
)
_HTML_OPENING = re.compile(
    r"(?:\s|<\?xml[^>]*>|<!--.*?-->)*<(?:!doctype\s+html|html|head|body|title|meta)\b",
    re.IGNORECASE | re.DOTALL,
)
_XML_OPENING = re.compile(r"\s*<\?xml\s")
_TAG_OPENING = re.compile(r"\s*<[A-Za-z_!?]")
_JSON_OPENING = re.compile(r'\s*(?:\{\s*(?:"|\})|\[\s*(?:[\[{"\]\d-]|true|false|null))')
_HEADER_LINE = re.compile(r"[!-9;-~]+:(?:[ \t]|$)")
_MAIL_HEADER = re.compile(
    r"(from|to|subject|date|received|message-id|mime-version|return-path|delivered-to|reply-to)"
    r":\s*\S",
    re.IGNORECASE,
)
_OFFICE_PARTS: tuple[tuple[re.Pattern[str], Format], ...] = (
    (re.compile(r"word/document\d*\.xml"), "docx"),
    (re.compile(r"ppt/presentation\d*\.xml"), "pptx"),
    (re.compile(r"xl/workbook\d*\.(?:xml|bin)"), "spreadsheet"),
)
_MIMETYPES: tuple[tuple[bytes, Format], ...] = (
    (b"application/epub+zip", "epub"),
    (b"application/vnd.oasis.opendocument.text", "odt"),
    (b"application/vnd.oasis.opendocument.spreadsheet", "spreadsheet"),
)
_REFUSED_PARTS = (
    (re.compile(r"visio/document\.xml"), "It is a Visio drawing; export it as PDF."),
    (re.compile(r"Index/(?:Document|Presentation)\.iwa"), "It is an iWork file; export it as PDF."),
    (re.compile(r"AndroidManifest\.xml|META-INF/MANIFEST\.MF"), "It is a program."),
)


def detect(data: bytes, name: str) -> Format:
    """The format of a file; the name matters only where bytes cannot tell text from text.

    Raises:
        EmptyDocument: there is nothing in it.
        EncryptedDocument: it is an Office file that needs a password.
        CorruptDocument: it begins like an archive or an Office file, but is cut short.
        UnsupportedFormat: it is nothing that can be read; says what it is where that can be told.
    """
    if not data.strip():
        raise EmptyDocument("The file is empty.")
    if data.lstrip().startswith(_PDF) or (_PDF in data[:_PDF_WITHIN] and looks_binary(data)):
        return "pdf"
    if data.startswith(_ZIP):
        return _detect_in_zip(data)
    if data.startswith(compound.MAGIC):
        return _detect_in_compound_file(data)
    if data.startswith(_RTF):
        return "rtf"
    if looks_binary(data):
        refuse_binary(data)
    return _detect_text(data, name)


def _detect_in_zip(data: bytes) -> Format:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            mimetype = b""
            if "mimetype" in names:
                with archive.open("mimetype") as member:
                    mimetype = member.read(100).strip()
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError) as exc:
        raise CorruptDocument("It starts like a ZIP or Office file but is cut short.") from exc
    except NotImplementedError as exc:
        raise CorruptDocument("It is packed in a way that is not known here.") from exc
    except RuntimeError as exc:  # what zipfile raises for a member with a password
        raise EncryptedDocument from exc
    for pattern, kind in _OFFICE_PARTS:
        if any(map(pattern.fullmatch, names)):
            return kind
    for beginning, kind in _MIMETYPES:
        if mimetype.startswith(beginning):
            return kind
    if mimetype.startswith(b"application/vnd.oasis.opendocument"):
        raise UnsupportedFormat("It is an OpenDocument drawing or presentation; save it as PPTX.")
    for pattern, reason in _REFUSED_PARTS:
        if any(map(pattern.fullmatch, names)):
            raise UnsupportedFormat(reason)
    return "zip"


def _detect_in_compound_file(data: bytes) -> Format:
    names = compound.CompoundFile(data).root_names()
    if "EncryptedPackage" in names:  # Office encrypts a DOCX by wrapping it
        raise EncryptedDocument
    if names & {"Workbook", "Book"}:
        return "spreadsheet"
    if any(name.startswith(("__properties_version1.0", "__substg1.0_")) for name in names):
        return "msg"
    if "WordDocument" in names:
        return "doc"
    if "PowerPoint Document" in names:
        return "ppt"
    raise UnsupportedFormat("It is an old Office or Windows file; save it as DOCX, XLSX or PDF.")


def _detect_text(data: bytes, name: str) -> Format:
    is_url = "://" in name
    if is_url:  # its query says nothing, and its host is no suffix
        name = urlsplit(name).path
    suffix = PurePath(name).suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    head = decode(_head(data)).removeprefix("\ufeff")
    is_html = bool(_HTML_OPENING.match(head))
    if is_code(name) and not (is_url and is_html):  # what /index.php gives is no PHP
        return "code"
    by_name = _WEAK_SUFFIXES.get(suffix)
    if by_name == "html" or is_html:
        return "html"
    if _XML_OPENING.match(head) or (suffix in _XML_SUFFIXES and _TAG_OPENING.match(head)):
        return "xml"
    if by_name == "json":
        return "jsonl" if _is_json_lines(data) else "json"
    return by_name if by_name not in (None, "text") else _by_opening(data, head, by_name)


def _by_opening(data: bytes, head: str, by_name: Format | None) -> Format:
    """The format of a text whose name says nothing, or no more than that it is text."""
    if _is_mail(head):
        return "eml"
    if head.startswith("#!"):
        return "code"
    return "json" if by_name is None and _looks_like_json(data, head) else "text"


def _head(data: bytes) -> bytes:
    """The beginning, cut at the end of a line, where no character is cut in two."""
    head = data[:_HEAD_BYTES]
    if len(head) == len(data):
        return head
    end = head.rfind(b"\n") + 1
    return head[:end] if end > _HEAD_BYTES // 2 else head


def _is_json_lines(data: bytes) -> bool:
    """Whether the first two lines that hold anything are each a JSON object."""
    lines = [line for line in data.lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n", 20) if line.strip()]
    try:
        found = [json.loads(line) for line in lines[:2]]
    except (ValueError, RecursionError):
        return False
    return len(found) == 2 and all(isinstance(value, dict) for value in found)


def _looks_like_json(data: bytes, head: str) -> bool:
    """Whether it opens and closes as an object or an array does. Reading it is the parser's."""
    return bool(_JSON_OPENING.match(head)) and data.rstrip()[-1:] in (b"}", b"]")


def _is_mail(head: str) -> bool:
    """Whether it opens with header lines, two of which are such as every mail has."""
    found: set[str] = set()
    for line in head.split("\n"):
        if not line.strip():
            break
        if line[0] in " \t" and found:
            continue
        if not _HEADER_LINE.match(line):
            return False
        if match := _MAIL_HEADER.match(line):
            found.add(match[1].lower())
    return len(found) >= 2
