"""Small documents, mails and archives made on the spot, and hostile ones after known attacks."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Union, cast

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

Tree = Mapping[str, Union[bytes, "Tree"]]

RST = b"""====
Lids
====

A lid closes a *box*, as :func:`~lids.close` and :doc:`the guide <guide>` say in |release|.

.. |release| replace:: 2.1
.. note:: Keep it dry.

Kinds
-----

1. flat
2. round

   - as the moon

:Author: Ada
:Date: today

.. csv-table:: Prices
   :header: Kind, Price

   flat, "3, or 4"

.. code-block:: python

   close(lid)

.. versionadded:: 2.0
   Round ones.
"""

EML = b"""From: Ada <ada@example.org>
To: Bob <bob@example.org>, =?utf-8?q?J=C3=B6rg?= <joerg@example.org>
Cc: Eve <eve@example.org>
Date: Mon, 02 Mar 2026 10:00:00 +0000
Subject: =?utf-8?b?TGlkcyBmb3IgYm94ZXM=?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

The k=E4se lids are here.

> Where are they?

--inner
Content-Type: text/html; charset=utf-8

<h1>Lids for boxes</h1><p>The HTML lids are here.</p>
--inner--
--outer
Content-Type: text/markdown; name=lids.md
Content-Disposition: attachment; filename=lids.md

# Care

Keep them dry.
--outer
Content-Type: application/octet-stream
Content-Disposition: attachment; filename=lid.bin
Content-Transfer-Encoding: base64

AAECAwQFBgcAAQIDBAUGBwABAgMEBQYH
--outer
Content-Type: image/png; name=logo.png
Content-ID: <logo>
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--outer
Content-Type: message/rfc822

Subject: Where are the lids?
From: Bob <bob@example.org>

I cannot find them.
--outer--
"""

_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_ODT_NAMES = " ".join(
    f'xmlns:{short}="{_ODF}:{long}:1.0"'
    for short, long in {
        "office": "office",
        "text": "text",
        "table": "table",
        "draw": "drawing",
        "style": "style",
        "manifest": "manifest",
    }.items()
)
ODT_BODY = """<text:tracked-changes><text:p>Deleted.</text:p></text:tracked-changes>
<text:h text:outline-level="1">Manual</text:h>
<text:p>How to<text:s text:c="2"/>use <text:span>it</text:span>.<text:note><text:note-citation>1
</text:note-citation><text:note-body><text:p>With care.</text:p></text:note-body></text:note> Now.
</text:p>
<text:h text:outline-level="2">Parts</text:h>
<text:list><text:list-item><text:p>A lid</text:p><text:list><text:list-item><text:p>Its rim
</text:p></text:list-item></text:list></text:list-item><text:list-item><text:p>A box</text:p>
</text:list-item></text:list>
<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>Part</text:p>
</table:table-cell><table:table-cell table:number-columns-repeated="2"><text:p>Price</text:p>
</table:table-cell><table:table-cell table:number-columns-repeated="16000"/></table:table-row>
</table:table-header-rows><table:table-row><table:table-cell><text:p>Lid</text:p>
</table:table-cell><table:table-cell><text:p>3</text:p></table:table-cell><table:table-cell>
<text:p>4</text:p></table:table-cell></table:table-row>
<table:table-row table:number-rows-repeated="1000000"><table:table-cell/></table:table-row>
</table:table>"""


def packed(files: Mapping[str, bytes | str]) -> bytes:
    """A ZIP of these files."""
    return packed_by(zipfile.ZIP_DEFLATED, files)


def packed_by(method: int, files: Mapping[str, bytes | str]) -> bytes:
    """A ZIP of these files, packed by this method."""
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", method) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return result.getvalue()


def odt(body: str = ODT_BODY, *, title: str = "", manifest: str = "") -> bytes:
    """An ODT with this markup as its text."""
    return packed(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": odt_content(body),
            "meta.xml": f"<office:document-meta {_ODT_NAMES} "
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><office:meta>'
            f"<dc:title>{title}</dc:title></office:meta></office:document-meta>",
            "META-INF/manifest.xml": f"<manifest:manifest {_ODT_NAMES}>{manifest}"
            "</manifest:manifest>",
        }
    )


def odt_content(body: str) -> str:
    """The content part of an ODT with this markup as its text."""
    return (
        f"<office:document-content {_ODT_NAMES}><office:body><office:text>{body}"
        "</office:text></office:body></office:document-content>"
    )


EPUB_CHAPTERS = {
    "cover.xhtml": '<img src="cover.png"/>',
    "nav.xhtml": '<nav xmlns:epub="http://www.idpf.org/2007/ops" epub:type="toc"><ol>'
    '<li><a href="two%20lids.xhtml#top">The second lid</a></li></ol></nav>',
    "one.xhtml": "<h1>The first lid</h1><p>It is flat.</p><aside><p>A note.</p></aside>",
    "two lids.xhtml": "<p>It is round.<br/>As the moon.</p>",
}


def epub(*, encryption: str = "", chapters: Mapping[str, str] = EPUB_CHAPTERS) -> bytes:
    """An EPUB whose second chapter has its heading in the table of contents alone."""
    items = "".join(
        f'<item id="i{number}" href="{name.replace(" ", "%20")}" '
        'media-type="application/xhtml+xml"'
        f"{' properties=' + chr(34) + 'nav' + chr(34) if name.startswith('nav') else ''}/>"
        for number, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="i{number}"/>' for number in range(len(chapters)))
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": "<container "
        'xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        "OPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>All about lids</dc:title></metadata>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
    }
    for name, body in chapters.items():
        files[f"OPS/{name}"] = (
            '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head>'
            f"<body>{body}</body></html>"
        )
    if encryption:
        files["META-INF/encryption.xml"] = (
            '<encryption xmlns:e="http://www.w3.org/2001/04/xmlenc#"><e:EncryptedData>'
            f'<e:CipherData><e:CipherReference URI="{encryption}"/></e:CipherData>'
            "</e:EncryptedData></encryption>"
        )
    return packed(files)


def slides() -> bytes:
    """A PPTX with a list, notes, columns, a table, a chart, a group and a slide without a title."""
    deck: Any = Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Lids"
    frame = first.placeholders[1].text_frame
    frame.text = "Flat"
    paragraph = frame.add_paragraph()
    paragraph.text, paragraph.level = "Very flat", 1
    first.notes_slide.notes_text_frame.text = "Say it loud."
    second = deck.slides.add_slide(deck.slide_layouts[6])
    inch = Inches(1)
    for left, top, text in ((5, 1.1, "Right"), (1, 1, "Left"), (1, 0, "Top")):
        box = second.shapes.add_textbox(Inches(left), Inches(top), inch, inch)
        box.text_frame.text = text
    grid = second.shapes.add_table(2, 2, inch, Inches(3), inch, inch).table
    for number, text in enumerate(("Part", "Price", "Lid", "3 €")):
        grid.cell(number // 2, number % 2).text = text
    data: Any = CategoryChartData()
    data.categories = ["2021", "2022"]
    data.add_series("Sold", (12, 14))
    second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, inch, Inches(5), inch, inch, data)
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(inch, Inches(7), inch, inch).text_frame.text = "Grouped"
    second._element.set("show", "0")
    file = io.BytesIO()
    deck.save(file)
    return file.getvalue()


def outlook(
    *, subject: str = "Lids for boxes", body: str = "The lids are here.", header: int = 32
) -> dict[str, bytes | Tree]:
    """The streams of a message, for `compound`; 24 bytes of header where it is in another."""
    return _properties(
        {0x001A: "IPM.Note", 0x0037: subject, 0x1000: body, 0x0C1A: "Ada", 0x0E04: "Bob"}, header
    )


def outlook_with_attachments() -> bytes:
    """A MSG with a Markdown file, something unreadable and another message attached."""
    message = outlook()
    files: Sequence[tuple[str, bytes | Tree]] = (
        ("lids.md", b"# Care\n\nKeep them dry.\n"),
        ("lid.bin", bytes(range(8)) * 4),
        ("Where are the lids?", outlook(subject="Where are the lids?", body="No idea.", header=24)),
    )
    for number, (name, content) in enumerate(files):
        attachment = _properties({0x3707: name}, 8)
        if isinstance(content, bytes):
            attachment["__substg1.0_37010102"] = content
            properties = cast(bytes, attachment["__properties_version1.0"])
            attachment["__properties_version1.0"] = properties + struct.pack(
                "<HHIQ", 0x0102, 0x3701, 6, len(content)
            )
        else:
            attachment["__substg1.0_3701000D"] = content
        message[f"__attach_version1.0_#{number:08X}"] = attachment
    return compound(message)


def _properties(texts: Mapping[int, str], header: int) -> dict[str, bytes | Tree]:
    streams: dict[str, bytes | Tree] = {}
    listed = bytes(header)
    for pid, text in texts.items():
        content = text.encode("utf-16-le")
        streams[f"__substg1.0_{pid:04X}001F"] = content
        listed += struct.pack("<HHIQ", 0x001F, pid, 6, len(content) + 2)
    streams["__properties_version1.0"] = listed
    return streams


_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def compound(tree: Tree) -> bytes:
    """A compound file of these streams and storages, as MS-CFB lays it out; all in its mini stream.

    Siblings hang on each other's right side, which readers take for a badly balanced tree.
    """
    entries: list[bytes] = [b""]
    mini, mini_fat = bytearray(), list[int]()

    def add(branch: Tree) -> int:
        first = _FREE
        for name in sorted(branch, key=lambda name: (len(name), name.upper()), reverse=True):
            content = branch[name]
            if isinstance(content, bytes):
                kind, child, start, size = 2, _FREE, len(mini_fat), len(content)
                pieces = -(-size // 64)
                mini.extend(content.ljust(pieces * 64, b"\0"))
                mini_fat.extend([*range(start + 1, start + pieces), _END] if pieces else [])
            else:
                kind, child, start, size = 1, add(content), 0, 0
            entries.append(_entry(name, kind, first, child, start, size))
            first = len(entries) - 1
        return first

    child = add(tree)
    sectors = bytearray()
    fat: list[int] = []

    def place(content: bytes) -> int:
        start, count = len(fat), -(-len(content) // 512)
        sectors.extend(content.ljust(count * 512, b"\0"))
        fat.extend([*range(start + 1, start + count), _END])
        return start

    entries[0] = _entry("Root Entry", 5, _FREE, child, place(bytes(mini)), len(mini))
    mini_start = place(struct.pack(f"<{len(mini_fat)}I", *mini_fat).ljust(512, b"\xff"))
    directory = place(b"".join(entries))
    fat_start = len(fat)
    assert fat_start < 128, "one sector of 128 numbers holds the table"
    fat.append(_FAT)
    sectors += struct.pack("<128I", *fat, *[_FREE] * (128 - len(fat)))
    header = struct.pack(
        "<8s16x5H6x9I436s",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        *(0x3E, 3, 0xFFFE, 9, 6),
        *(0, 1, directory, 0, 4096, mini_start, 1, _END, 0),
        struct.pack("<109I", fat_start, *[_FREE] * 108),
    )
    return header + bytes(sectors)


def _entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBB3I16x4x8x8xIQ", encoded, len(encoded), kind, 1, _FREE, right, child, start, size
    )


def overlapping_bomb(*, entries: int = 500, zeros: int = 10_000_000) -> bytes:
    """A ZIP whose list names the same packed bytes many times: 5 GB in 40 kB."""
    data = packed({"zeros.txt": bytes(zeros)})
    end = data.rindex(b"PK\x05\x06")
    start = data.index(b"PK\x01\x02")
    entry = data[start:end]
    return data[:start] + _listed(entry, entries, start)


def many_empty_files(count: int) -> bytes:
    """A ZIP of so many files without content."""
    files = [b"%06d.txt" % number for number in range(count)]
    content = b"".join(
        struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, 10, 0) + name
        for name in files
    )
    listing = b"".join(
        struct.pack(
            "<4s6H3I5H2I",
            *(b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 10, 0, 0, 0, 0, 0, number * 40),
        )
        + name
        for number, name in enumerate(files)
    )
    return content + listing + _end(min(count, 0xFFFF), len(listing), len(content))


def lying(data: bytes, declared: int) -> bytes:
    """A ZIP of one file whose list gives another size for it."""
    start = data.index(b"PK\x01\x02")
    return data[: start + 24] + struct.pack("<I", declared) + data[start + 28 :]


def flagged(data: bytes, flag: int) -> bytes:
    """A ZIP of one file with this flag set in its list."""
    start = data.index(b"PK\x01\x02")
    (flags,) = struct.unpack_from("<H", data, start + 8)
    return data[: start + 8] + struct.pack("<H", flags | flag) + data[start + 10 :]


def _listed(entry: bytes, count: int, offset: int) -> bytes:
    return entry * count + _end(count, len(entry) * count, offset)


def _end(count: int, size: int, offset: int) -> bytes:
    return struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, size, offset, 0)
