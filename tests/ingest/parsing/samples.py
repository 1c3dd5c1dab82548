"""Small documents of every format, made on the spot."""

from __future__ import annotations

import io

import docx
from docx.document import Document
from fpdf import FPDF
from fpdf.enums import AccessPermission

SENTENCE = "The quick brown fox jumps over the lazy dog while the band plays on and on. "


def word(*, encrypted_part: bool = False) -> bytes:
    """A DOCX with headings, a list, a table and text around them."""
    document: Document = docx.Document()
    document.add_heading("Manual", level=1)
    document.add_paragraph("How to use it.")
    document.add_heading("Parts", level=2)
    document.add_paragraph("A lid", style="List Bullet")
    document.add_paragraph("A box", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ("Part", "Price", "Lid", "3 €"), strict=True):  # pyright: ignore[reportPrivateUsage]
        cell.text = text
    document.add_heading("Care", level=1)
    document.add_paragraph("Keep it dry.")
    return saved(document)


def saved(document: Document) -> bytes:
    """The document as a file's bytes."""
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def pdf(pages: int = 2, *, password: str | None = None, title: str = "") -> bytes:
    """A PDF whose pages have a header, a heading, prose, a table and a page number."""
    writer = FPDF()
    writer.set_auto_page_break(auto=False)
    if title:
        writer.set_title(title)
    if password:
        writer.set_encryption(
            owner_password="owner", user_password=password, permissions=AccessPermission.none()
        )
    for number in range(1, pages + 1):
        writer.add_page()
        writer.set_font("Helvetica", size=8)
        writer.text(20, 10, "Annual Report of the Lid Company")
        writer.text(100, 290, str(number))
        writer.set_font("Helvetica", "B", size=18)
        writer.text(20, 30, f"Chapter {'ABCDEFGH'[number % 8]}")
        writer.set_font("Helvetica", size=11)
        writer.set_xy(20, 40)
        writer.multi_cell(170, 5, SENTENCE * 5, align="L")
        for row, cells in enumerate([("Item", "2021", "2022"), ("Lids", "1,204", "1,377")]):
            for column, cell in enumerate(cells):
                writer.text(20 + column * 50, 100 + row * 6, cell)
    return bytes(writer.output())


def pdf_without_text() -> bytes:
    """A PDF of drawings only, as a scanner makes."""
    writer = FPDF()
    writer.add_page()
    writer.rect(10, 10, 50, 50)
    return bytes(writer.output())


def blank_pdf() -> bytes:
    """A PDF of one empty page."""
    writer = FPDF()
    writer.add_page()
    return bytes(writer.output())


HTML = b"""<!doctype html><html><head><title>Lids</title><style>p {color: red}</style></head><body>
<nav><a href="/">Home</a> <a href="/shop">Shop</a></nav>
<h1>All about lids</h1><p>A lid <b>closes</b> a box.</p><script>alert("no")</script>
<h2>Kinds</h2><ul><li>Flat</li><li>Round</li></ul>
<figure><figcaption>A round lid</figcaption></figure>
<table><tr><th>Kind</th><th>Price</th></tr><tr><td>Flat</td><td>3</td></tr></table>
<pre>lid = Lid()
lid.close()</pre>
<p hidden>Secret</p><p style="display: none">Unseen</p>
<footer>Imprint</footer></body></html>"""

MARKDOWN = b"""---
title: Lids of the world
---

# Lids

A lid closes a *box*.

## Kinds

- flat
  - very flat
- round

  still round

| Kind | Price |
|------|-------|
| flat | 3     |

```python
# not a heading
close(lid)
```

Care
====

> Keep it
>
> dry.

[lid]: https://example.org
"""

TEXT = b"""LID MANUAL
==========

1. INTRODUCTION

A lid closes a box.
It does so well.

1.1 KINDS OF LIDS

- flat
- round
  as the moon

Care
----
Keep it dry.
"""
