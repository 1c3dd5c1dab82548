"""Pages drawn in the jail, and marks that cover exactly what is quoted."""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import ctypes
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pypdfium2.raw as pdfium_c
import pytest
from fpdf import FPDF
from PIL import Image, ImageChops

from ingest.parsing import pdf, pdf_boxes, wire
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import (
    CorruptDocument,
    EncryptedDocument,
    NoSuchPage,
    PageTooLarge,
    ParserCrashed,
    ParserTimeout,
)
from ingest.parsing.jail import ParserJail
from ingest.parsing.limits import ParserLimits
from ingest.parsing.page_image import MAX_PIXELS, PageRequest, Pixels
from ingest.parsing.pdf_boxes import Box, boxes
from ingest.parsing.programs import Programs
from tests.ingest.parsing import samples
from tests.ingest.parsing.scans import scanned

_pdfium: Any = pdfium_c
PARAGRAPH = (
    "A difficult office finds efficient affluent waffles; the well-known inter-national committee "
    "agreed on exactly 3.5 % of it (see note 12). "
)


def narrow(*, rotation: int = 0) -> bytes:
    """A page of narrow justified lines with headers, footers and words cut at line ends."""
    writer = FPDF()
    writer.set_auto_page_break(auto=False)
    for number in range(1, 5):
        writer.add_page()
        writer.set_font("Helvetica", size=8)
        writer.text(20, 8, "A running header about efficient waffles")
        writer.text(20, 290, f"Page {number}")
        writer.set_font("Times", size=12)
        writer.set_xy(20, 60)
        writer.multi_cell(60, 5, f"Story {number}. " + PARAGRAPH * 3, align="J")
        writer.set_xy(20, 200)
        writer.multi_cell(50, 5, "The extra-\nordinary end\nof it, with a hyphen-\nated word.")
    data = bytes(writer.output())
    if not rotation:
        return data
    document: Any = pdf.open_document(data)
    for page in document:
        page.set_rotation(rotation)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


@pytest.fixture(scope="module")
async def jail() -> AsyncIterator[ParserJail]:
    async with ParserJail(ocr_languages=(), programs=Programs(), parsers={}) as jail:
        yield jail


class Page:
    """A page of a PDF in this process: these files are our own."""

    def __init__(self, data: bytes, number: int) -> None:
        self.parsed: ParsedDocument = pdf.parse(data)
        here = [block for block in self.parsed.blocks if block.page == number]
        self.text = self.parsed.text[here[0].char_start : here[-1].char_end]
        self._document: Any = pdf.open_document(data)
        self.page = self._document[number - 1]
        self.text_page = _pdfium.FPDFText_LoadPage(self.page.raw)

    def boxes(self, quote: str) -> list[Box]:
        """Where the quote stands, by our own account."""
        start = self.text.index(quote)
        return boxes(self.text_page, self.text, start=start, end=start + len(quote))

    def searched(self, words: str) -> Iterator[list[Box]]:
        """Where PDFium finds the words: the rectangles of each place."""
        wanted = ctypes.create_string_buffer((words + "\0").encode("utf-16-le"))
        pointer = ctypes.cast(wanted, ctypes.POINTER(ctypes.c_ushort))
        search = _pdfium.FPDFText_FindStart(self.text_page, pointer, 0, 0)
        while _pdfium.FPDFText_FindNext(search):
            first = _pdfium.FPDFText_GetSchResultIndex(search)
            count = _pdfium.FPDFText_GetSchCount(search)
            yield [
                self._rectangle(number)
                for number in range(_pdfium.FPDFText_CountRects(self.text_page, first, count))
            ]
        _pdfium.FPDFText_FindClose(search)

    def _rectangle(self, number: int) -> Box:
        left, top, right, bottom = (ctypes.c_double() for _ in range(4))
        _pdfium.FPDFText_GetRect(self.text_page, number, left, top, right, bottom)
        return Box(left=left.value, bottom=bottom.value, right=right.value, top=top.value)


def covered(box: Box, by: list[Box]) -> bool:
    """Whether one of the boxes holds it, but for a hair."""
    hair = 0.5
    return any(
        one.left <= box.left + hair
        and one.bottom <= box.bottom + hair
        and one.right >= box.right - hair
        and one.top >= box.top - hair
        for one in by
    )


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        ("Story 2.", "Story 2."),
        ("difficult office", "difficult office"),
        ("3.5 %", "3.5 %"),
        ("end of it", "end of it"),
        ("(see note 12)", "(see note 12)"),
    ],
)
def test_the_boxes_of_a_quote_are_where_pdfium_finds_its_words(quote: str, words: str) -> None:
    page = Page(narrow(), 2)
    ours = page.boxes(quote)
    first = next(page.searched(words))
    assert first
    assert all(covered(box, ours) for box in first)
    width = sum(box.right - box.left for box in first)
    assert sum(box.right - box.left for box in ours) == pytest.approx(width, abs=6)


def test_a_word_that_occurs_often_is_marked_in_its_own_place_only() -> None:
    """The header holds the same words, and is no part of the canonical text of later pages."""
    page = Page(narrow(), 3)
    assert "running header" not in page.text
    start = page.text.rindex("waffles")
    (box,) = boxes(page.text_page, page.text, start=start, end=start + len("waffles"))
    places = [place for (place,) in page.searched("waffles")]
    assert len(places) == 4
    assert [covered(place, [box]) for place in places] == [False, False, False, True]


def test_a_word_cut_at_a_lines_end_is_marked_in_both_lines() -> None:
    page = Page(narrow(), 1)
    word = next(one for one in page.text.split() if one.replace("-", "") == "extraordinary")
    upper, lower = page.boxes(f"The {word} end")
    assert upper.bottom > lower.bottom
    assert covered(next(page.searched("The extra"))[0], [upper])
    assert covered(next(page.searched("ordinary end"))[0], [lower])


def test_all_of_a_page_is_found_on_it() -> None:
    for number in (1, 2, 3, 4):
        page = Page(narrow(), number)
        everything = page.boxes(page.text)
        assert all(
            covered(box, everything) for words in page.searched("waffles") for box in words[:1]
        ) is (number == 1)  # from the second page on, the header's is not quoted
        assert boxes(page.text_page, page.text, start=0, end=0) == []
        assert boxes(page.text_page, "Nothing like that: 9q", start=0, end=4) == []


def test_rows_of_a_table_are_marked_cell_by_cell() -> None:
    page = Page(samples.pdf(pages=2), 1)
    row = next(line for line in page.text.splitlines() if "1,204" in line)
    ours = page.boxes(row)
    assert len(ours) == 3
    for cell in ("Lids", "1,204", "1,377"):
        assert covered(next(page.searched(cell))[0], ours)


def test_text_that_matches_in_too_many_ways_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(samples.pdf(pages=2), 1)
    assert page.boxes("The quick")
    monkeypatch.setattr(pdf_boxes, "MAX_WORK", 10)
    assert page.boxes("The quick") == []


async def drawn(jail: ParserJail, data: bytes, **fields: Any) -> Image.Image:
    pixels = await jail.render(data, PageRequest(**fields))
    return Image.open(io.BytesIO(pixels.png())).convert("RGB")


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
async def test_the_marks_are_where_the_words_are_however_the_page_is_turned(
    jail: ParserJail, rotation: int
) -> None:
    """What is not marked is as on the page without marks; what is marked has the quoted ink."""
    data = narrow(rotation=rotation)
    page = Page(narrow(), 2)
    start = page.text.index("difficult office")
    span = {"text": page.text, "start": start, "end": start + len("difficult office")}
    plain = await drawn(jail, data, page=2)
    marked = await drawn(jail, data, page=2, **span)
    assert plain.size == marked.size == ((1191, 1684) if rotation % 180 == 0 else (1684, 1191))
    upright = [image.rotate(rotation, expand=True) for image in (plain, marked)]
    (box,) = page.boxes("difficult office")
    expected = (box.left * 2, 1684 - box.top * 2, box.right * 2, 1684 - box.bottom * 2)
    changed = _changed(*upright)
    assert changed == pytest.approx(expected, abs=4)


async def test_a_scanned_page_comes_without_marks(jail: ParserJail) -> None:
    data = scanned(samples.pdf(pages=1))
    text = "The quick brown fox"
    plain = await drawn(jail, data, page=1, scale=1.0)
    asked = await drawn(jail, data, page=1, scale=1.0, text=text, start=0, end=len(text))
    assert plain.tobytes() == asked.tobytes()


async def test_what_cannot_be_drawn_is_a_typed_error(jail: ParserJail) -> None:
    with pytest.raises(NoSuchPage, match="It has 2"):
        await jail.render(samples.pdf(), PageRequest(page=3))
    with pytest.raises(PageTooLarge, match=r"At most 5\.6"):
        await jail.render(samples.pdf(), PageRequest(page=1, scale=8.0))
    with pytest.raises(CorruptDocument):
        await jail.render(b"%PDF-1.7 and no more", PageRequest(page=1))
    with pytest.raises(EncryptedDocument):
        await jail.render(samples.pdf(password="secret"), PageRequest(page=1))


async def test_a_page_that_takes_too_long_is_given_up() -> None:
    writer = FPDF()
    writer.add_page()
    for _ in range(20_000):
        writer.ellipse(0, 0, 200, 280, style="DF")
    limits = ParserLimits(cpu_seconds=1, wall_seconds=20, ocr_seconds=0)
    async with ParserJail(limits, ocr_languages=(), parsers={}, programs=Programs()) as jail:
        with pytest.raises(ParserTimeout):
            await jail.render(bytes(writer.output()), PageRequest(page=1, scale=5.0))
        assert (await jail.render(samples.pdf(), PageRequest(page=1, scale=0.5))).width == 298


@pytest.mark.parametrize(
    "forged",
    [
        b"",
        b"{}",
        b'{"width": 2, "height": 2}\n' + bytes(11),
        b'{"width": -2, "height": -2}\n' + bytes(12),
        b'{"width": 2.0, "height": 2}\n' + bytes(12),
        b'{"width": %d, "height": 2}\n' % MAX_PIXELS,
        b'{"error": "no_such_error", "detail": ""}',
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_a_forged_picture_is_refused(forged: bytes) -> None:
    with pytest.raises(ParserCrashed, match="malformed"):
        wire.decode_pixels(forged)


def test_a_picture_travels_whole() -> None:
    pixels = Pixels(width=2, height=3, rgb=bytes(range(10, 28)))
    assert wire.decode_pixels(wire.encode_pixels(pixels)) == pixels
    assert Image.open(io.BytesIO(pixels.png())).convert("RGB").tobytes() == pixels.rgb


def _changed(before: Image.Image, after: Image.Image) -> tuple[int, int, int, int]:
    found = ImageChops.difference(before, after).getbbox()
    assert found
    return found
