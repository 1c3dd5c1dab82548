"""Scanned pages made on the spot: pictures of pages that had text."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportArgumentType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import pypdfium2 as pdfium
from fpdf import FPDF

DPI = 150


def scanned(data: bytes, *, added: str = "", blank: bool = False) -> bytes:
    """A PDF as a scanner would give it; with a page of real text or a blank one after it."""
    writer = FPDF(unit="pt")
    document = pdfium.PdfDocument(data)
    for page in document:
        picture = page.render(scale=DPI / 72, grayscale=True).to_pil()
        writer.add_page(format=page.get_size())
        writer.image(picture, 0, 0, *page.get_size())
    document.close()
    if added:
        writer.add_page()
        writer.set_font("Helvetica", size=11)
        writer.multi_cell(0, 14, added)
    if blank:
        writer.add_page()
    return bytes(writer.output())
