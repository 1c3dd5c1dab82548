"""Formats are told by content; a name decides only between kinds of text."""

from __future__ import annotations

import io
import zipfile

import pytest

from ingest.parsing.detect import detect
from ingest.parsing.errors import (
    CorruptDocument,
    EmptyDocument,
    EncryptedDocument,
    ParseError,
    UnsupportedFormat,
)
from tests.ingest.parsing import samples


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        for name in names:
            target.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (samples.pdf(), "report.txt", "pdf"),
        (b"\x00\x01junk before it\n" + samples.pdf(), "report", "pdf"),
        (samples.word(), "manual.pdf", "docx"),
        (samples.HTML, "page", "html"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><html/>", "page.txt", "html"),
        (b"<p>a fragment</p>", "page.htm", "html"),
        (b"<p>a fragment</p>", "page.txt", "text"),
        (b"# Lids", "LIDS.MD", "markdown"),
        (b"# Lids", "lids.py", "text"),
        (b"MAGIC = b'%PDF-'", "detect.py", "text"),
        ("Lids \x1b[1m".encode("utf-16"), "lids.log", "text"),
        ("Lids and boxes".encode("utf-16-le"), "lids", "text"),
        ("Käse".encode("cp1252"), "cheese", "text"),
    ],
)
def test_the_format_is_found(data: bytes, name: str, kind: str) -> None:
    assert detect(data, name) == kind


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptyDocument),
        (b" \n", EmptyDocument),
        (bytes(range(256)) * 8, UnsupportedFormat),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", UnsupportedFormat),
        (b"{\\rtf1\\ansi Lids}", UnsupportedFormat),
        (archive("xl/workbook.xml"), UnsupportedFormat),
        (archive("word/document.xml")[:40], CorruptDocument),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, UnsupportedFormat),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            EncryptedDocument,
        ),
    ],
)
def test_what_cannot_be_read_is_refused(data: bytes, error: type[ParseError]) -> None:
    with pytest.raises(error):
        detect(data, "file.docx")


def test_the_refusal_lists_what_can_be_read() -> None:
    with pytest.raises(UnsupportedFormat, match="PDF, DOCX, HTML, Markdown or plain text"):
        detect(b"\x7fELF\x00\x00", "a.out")
