"""Formats are told by content; a name decides only between kinds of text."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.parsing.detect import detect
from ingest.parsing.errors import (
    CorruptDocument,
    EmptyDocument,
    EncryptedDocument,
    ParseError,
    UnsupportedFormat,
)
from tests.ingest.parsing import data_samples, samples
from tests.ingest.parsing.data_samples import compound_file
from tests.ingest.parsing.document_samples import packed

OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
MAIL = b"From: Ann <ann@example.org>\r\nSubject: Lids\r\n\r\nAre they in?"
BINARY = [
    samples.pdf(),
    samples.word(),
    data_samples.workbook(),
    data_samples.xls({(0, 0): "Lid"}),
    compound_file({"__properties_version1.0": b"x"}),
    packed({"a.txt": "x", "mimetype": "application/epub+zip"}),
]


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (samples.pdf(), "report.txt", "pdf"),
        (b"\x00\x01junk before it\n" + samples.pdf(), "report", "pdf"),
        (samples.word(), "manual.pdf", "docx"),
        (packed({"ppt/presentation.xml": "x"}), "talk.zip", "pptx"),
        (data_samples.workbook(), "prices", "spreadsheet"),
        (packed({"xl/workbook.bin": "x"}), "prices.xlsx", "spreadsheet"),
        (data_samples.ods(""), "prices.zip", "spreadsheet"),
        (packed({"mimetype": OPEN_DOCUMENT + "text"}), "letter", "odt"),
        (packed({"mimetype": "application/epub+zip\n"}), "book", "epub"),
        (packed({"lids.txt": "x"}), "lids.docx", "zip"),
        (packed({}), "lids.zip", "zip"),
        (data_samples.xls({(0, 0): "Lid"}), "old.doc", "spreadsheet"),
        (compound_file({"__properties_version1.0": b"x"}), "mail", "msg"),
        (compound_file({"WordDocument": b"x"}), "manual.docx", "doc"),
        (compound_file({"PowerPoint Document": b"x"}), "talk", "ppt"),
        (b"{\\rtf1\\ansi Lids}", "manual.doc", "rtf"),
    ],
)
def test_bytes_tell_the_format_of_binary_files(data: bytes, name: str, kind: str) -> None:
    assert detect(data, name) == kind


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (samples.HTML, "page", "html"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><html/>", "page.txt", "html"),
        (b"<?xml version='1.0'?><html xmlns='x'/>", "page.xml", "html"),
        (b"<p>a fragment</p>", "page.htm", "html"),
        (b"<p>a fragment</p>", "page.txt", "text"),
        (b"<?xml version='1.0'?><lids/>", "lids", "xml"),
        ("<?xml version='1.0'?><lids/>".encode("utf-16"), "lids.txt", "xml"),
        (b"<lids/>", "lids.xml", "xml"),
        (b"<lids/>", "lids", "text"),
        (b"no tags", "lids.xml", "text"),
        (b"# Lids", "LIDS.MD", "markdown"),
        (b"Lids\n====", "lids.rst", "rst"),
        (b'{"lids": 3}', "lids.json", "json"),
        (b'{\n "lids": 3\n}\n', "lids", "json"),
        (b'[{"lid": 3}]', "lids.data", "json"),
        (b'{"lids": 3}', "lids.txt", "text"),
        (b"[1] Lids are closed.", "notes", "text"),
        (b"{{ template }}", "notes", "text"),
        (b'{"lid": 1}\n{"lid": 2}\n', "lids.json", "jsonl"),
        (b'{"lid": 1}', "lids.ndjson", "jsonl"),
        (b"not JSON at all", "lids.json", "json"),
        (b"a,b\n1,2", "lids.csv", "csv"),
        (b"a\tb\n1\t2", "lids.TSV", "csv"),
        (b"a,b\n1,2", "lids", "text"),
        (b"<!doctype html><p>Please log in", "lids.csv", "html"),
        (MAIL, "mail.txt", "eml"),
        (b"Received: from a\r\n by b\r\nX-Lid: 1\r\nTo: Ann\r\n\r\n", "mail", "eml"),
        (b"no header", "mail.eml", "eml"),
        (b"From: the start\nthey were closed.\nTo: the end", "story", "text"),
        (b"Subject: lids\n\nFrom: nobody", "note", "text"),
        (samples.HTML, "https://lids.org/index.php", "html"),
        (samples.HTML, "https://docs.rs/", "html"),
        (b"# Lids", "https://lids.org/README.md?raw=1#lids", "markdown"),
        (b"lids = 3", "https://lids.org/lids.py", "code"),
        (b"<!doctype html><?php lids(); ?>", "index.php", "code"),
        (b"# Lids", "lids.py", "code"),
        (b"FROM lids", "Dockerfile", "code"),
        (b"lids:\n", "build/makefile", "code"),
        (b"#!/bin/sh\necho lids", "lids", "code"),
        (b"MAGIC = b'%PDF-'", "detect.py", "code"),
        (b"Lids and boxes", "lids", "text"),
        ("Lids \x1b[1m".encode("utf-16"), "lids.log", "text"),
        ("Lids and boxes".encode("utf-16-le"), "lids", "text"),
        ("Käse".encode("cp1252"), "cheese", "text"),
        (("é" * 20_000).encode(), "long", "text"),
    ],
)
def test_text_is_told_by_its_opening_and_then_by_its_name(
    data: bytes, name: str, kind: str
) -> None:
    assert detect(data, name) == kind


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"", EmptyDocument, "empty"),
        (b" \n", EmptyDocument, "empty"),
        (bytes(range(256)) * 8, UnsupportedFormat, "binary"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", UnsupportedFormat, "PNG image; run OCR"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", UnsupportedFormat, "JPEG image; run OCR"),
        (b"\x00\x00\x00\x20ftypmp42\x00", UnsupportedFormat, "transcript"),
        (b"\x1f\x8b\x08\x00\x00\x00", UnsupportedFormat, "gzip archive; unpack it"),
        (b"\x7fELF\x00\x00", UnsupportedFormat, "program"),
        (packed({"mimetype": OPEN_DOCUMENT + "presentation"}), UnsupportedFormat, "as PPTX"),
        (packed({"visio/document.xml": "x"}), UnsupportedFormat, "Visio drawing"),
        (compound_file({"Contents": b"x"}), UnsupportedFormat, "old Office or Windows file"),
        (compound_file({"EncryptedPackage": b"x"}), EncryptedDocument, "password"),
        (packed({"word/document.xml": "x"})[:40], CorruptDocument, "cut short"),
        (compound_file({"WordDocument": b"x"})[:600], CorruptDocument, "cut short"),
        (compound_file({})[:30], CorruptDocument, "cut short"),
    ],
)
def test_what_cannot_be_read_is_refused_with_advice(
    data: bytes, error: type[ParseError], says: str
) -> None:
    with pytest.raises(error, match=says):
        detect(data, "file.docx")


def test_a_chain_of_sectors_in_a_circle_is_refused() -> None:
    data = bytearray(compound_file({"Workbook": b"x"}))
    data[512 + 4 * 2 : 512 + 4 * 3] = (1).to_bytes(4, "little")  # sector 2 leads back to 1
    with pytest.raises(CorruptDocument, match="leads nowhere"):
        detect(bytes(data), "lids.xls")


def test_the_refusal_lists_what_can_be_read() -> None:
    with pytest.raises(UnsupportedFormat, match="PDF, DOCX"):
        detect(b"\x7fELF\x00\x00", "a.out")


@given(
    sample=st.sampled_from([*BINARY, samples.HTML, MAIL]),
    at=st.integers(0, 3000),
    junk=st.binary(max_size=40),
    keep=st.integers(0, 5000),
    name=st.sampled_from(["a", "a.json", "a.csv", "a.xml"]),
)
@settings(max_examples=300, deadline=None)
def test_damaged_files_have_a_format_or_a_typed_error(
    sample: bytes, at: int, junk: bytes, keep: int, name: str
) -> None:
    damaged = sample[:at] + junk + sample[at + len(junk) : at + len(junk) + keep]
    with suppress(ParseError):
        assert detect(damaged, name)
