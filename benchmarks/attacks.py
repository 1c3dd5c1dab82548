"""Files made to harm whoever reads them: damaged, swollen, or asking for things from elsewhere."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from benchmarks.quine import quine

Attack = tuple[str, bytes]
"""Its file name, and its bytes."""

PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
BOMB_LAYERS = 3
BOMB_FILES = 22  # in each layer: 22 * 22 * 22 times a megabyte are 10 GB
MAX_SEED_BYTES = 300_000
ONION_LAYERS = 1000
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
        "onion.zip": _onion(),
        "quine.zip": quine(),
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


def _onion() -> bytes:
    """An archive in an archive, and so on: whoever opens them one inside the other runs deep."""
    data = b"Text."
    for layer in range(ONION_LAYERS):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a.zip" if layer else "a.txt", data)
        data = file.getvalue()
    return data


def _laughs() -> bytes:
    entities = '<!ENTITY l0 "ha">' + "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)
    )
    return f'<?xml version="1.0"?><!DOCTYPE d [{entities}]><d><p>&l11;</p></d>'.encode()


def _docx(doctype: str, text: str) -> bytes:
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    body = f"<w:p><w:r><w:t>{text} and text</w:t></w:r></w:p>"
    document = f'{doctype}<w:document xmlns:w="{word}"><w:body>{body}</w:body></w:document>'
    return _package("word/document.xml", {"word/document.xml": (document, kind)})


def _sheet(*, rows: int, columns: int) -> bytes:
    """Numbers in a workbook, written directly: a library takes ten times as long."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    book = (
        f'<workbook xmlns="{main}" xmlns:r="{OFFICE}"><sheets>'
        '<sheet name="Numbers" sheetId="1" r:id="r"/></sheets></workbook>'
    )
    kinds = [
        f"{''.join(f'<c><v>{row * column}</v></c>' for column in range(columns))}</row>"
        for row in range(DIFFERENT_ROWS)
    ]
    cells = "".join(f'<row r="{row + 1}">{kinds[row % DIFFERENT_ROWS]}' for row in range(rows))
    sheet = f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>'
    return _package(
        "xl/workbook.xml",
        {
            "xl/workbook.xml": (book, f"{kind}.sheet.main+xml"),
            "xl/sheet.xml": (sheet, f"{kind}.worksheet+xml"),
        },
        links={"xl/_rels/workbook.xml.rels": _relation("worksheet", "sheet.xml")},
    )


def _package(
    main: str, parts: Mapping[str, tuple[str, str]], links: Mapping[str, str] | None = None
) -> bytes:
    """An Office file of these parts, each with its content type."""
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{kind}"/>' for name, (_, kind) in parts.items()
    )
    relations = "application/vnd.openxmlformats-package.relationships+xml"
    members = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels"'
        f' ContentType="{relations}"/>{overrides}</Types>',
        "_rels/.rels": _relation("officeDocument", main),
        **{name: f'<?xml version="1.0"?>{content}' for name, (content, _) in parts.items()},
        **(links or {}),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _relation(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r"'
        f' Type="{OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


def _pdf(*, pages: int, padding: int) -> bytes:
    """Pages of text, written directly; the padding is a stream that nothing refers to."""
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    kids = " ".join(f"{number} 0 R" for number in range(5, 5 + 2 * pages, 2))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {pages}/Kids[{kids}]/MediaBox[0 0 595 842]>>".encode(),
        font,
        _stream(Random(0).randbytes(padding)),
    ]
    for page in range(1, pages + 1):
        lines = [f"Lid number {page} closes box number {page * n} very well." for n in range(1, 13)]
        shown = "".join(f"({line})Tj 0 -20 Td " for line in lines)
        resources = "/Resources<</Font<</F 3 0 R>>>>"
        contents = 4 + 2 * page
        objects.append(f"<</Type/Page/Parent 2 0 R{resources}/Contents {contents} 0 R>>".encode())
        objects.append(_stream(f"BT /F 11 Tf 60 780 Td {shown}ET".encode()))
    file, places = bytearray(b"%PDF-1.7\n"), list[int]()
    for number, content in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(file)
    entries = b"".join(b"%010d 00000 n \n" % place for place in places)
    file += b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(places) + 1, entries)
    file += b"trailer\n<</Size %d/Root 1 0 R>>\n" % (len(places) + 1)
    return bytes(file) + b"startxref\n%d\n%%%%EOF\n" % start


def _stream(content: bytes) -> bytes:
    return b"<</Length %d>>\nstream\n%b\nendstream" % (len(content), content)
