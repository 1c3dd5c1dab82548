"""One page of a PDF drawn, with a span of its text marked as with a highlighter."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import pypdfium2.raw as pdfium_c  # pyright: ignore[reportMissingTypeStubs]
from PIL import Image, ImageChops, ImageDraw

from ingest.parsing import pdf
from ingest.parsing.errors import CorruptDocument, NoSuchPage, PageTooLarge
from ingest.parsing.page_image import MAX_PIXELS, PageRequest, Pixels
from ingest.parsing.pdf_boxes import Box, boxes

_pdfium: Any = pdfium_c
_INK = (255, 226, 92)
_MARGIN = 1  # pixel around a box, so that no stroke is cut


def render(data: bytes, request: PageRequest) -> Pixels:
    """The page as it prints. Raises `NoSuchPage`, `PageTooLarge`, or what `pdf.parse` raises."""
    document: Any = pdf.open_document(data)
    try:
        if not 1 <= request.page <= len(document):
            raise NoSuchPage(f"It has {len(document)}.")
        page: Any = document[request.page - 1]
        _refuse_posters(page.get_size(), request.scale)
        picture: Image.Image = page.render(scale=request.scale).to_pil().convert("RGB")
        text_page = _pdfium.FPDFText_LoadPage(page.raw)
        if not text_page:
            raise CorruptDocument(f"Page {request.page} has no readable text.")
        found = boxes(text_page, request.text, start=request.start, end=request.end)
        _pdfium.FPDFText_ClosePage(text_page)
        if found:
            _mark(picture, [_place(page, one, picture.size) for one in found])
    finally:
        document.close()
    return Pixels(width=picture.width, height=picture.height, rgb=picture.tobytes())


def _refuse_posters(size: tuple[float, float], scale: float) -> None:
    width, height = size
    if math.ceil(width * scale) * math.ceil(height * scale) > MAX_PIXELS:
        fits = math.sqrt(MAX_PIXELS / (width * height))
        raise PageTooLarge(f"At most {math.floor(fits * 100) / 100:g}.")


def _place(page: Any, box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box in pixels, from the top left corner, however the page is turned."""
    x, y = ctypes.c_int(), ctypes.c_int()
    corners: list[tuple[int, int]] = []
    for left, bottom in ((box.left, box.bottom), (box.right, box.top)):
        _pdfium.FPDF_PageToDevice(page.raw, 0, 0, *size, 0, left, bottom, x, y)
        corners.append((x.value, y.value))
    (x0, y0), (x1, y1) = corners
    return (
        min(x0, x1) - _MARGIN,
        min(y0, y1) - _MARGIN,
        max(x0, x1) + _MARGIN,
        max(y0, y1) + _MARGIN,
    )


def _mark(picture: Image.Image, places: list[tuple[int, int, int, int]]) -> None:
    """Colour what lies under the boxes, once where they overlap; black stays black."""
    mask = Image.new("L", picture.size)
    draw = ImageDraw.Draw(mask)
    for place in places:
        draw.rectangle(place, fill=255)
    picture.paste(ImageChops.multiply(picture, Image.new("RGB", picture.size, _INK)), mask=mask)
