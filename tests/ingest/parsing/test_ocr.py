"""Scanned pages are read where Tesseract is installed, and said to be unread where not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ingest.parsing.errors import EmptyDocument, ScannedDocument
from ingest.parsing.jail import ParserJail
from ingest.parsing.limits import ParserLimits
from ingest.parsing.programs import Programs
from tests.ingest.parsing import samples
from tests.ingest.parsing.document_samples import packed
from tests.ingest.parsing.installed import needs_tesseract
from tests.ingest.parsing.scans import scanned

SCAN = scanned(samples.pdf(2))
MIXED = scanned(samples.pdf(1), added="This page has text of its own.", blank=True)


@pytest.fixture(scope="module")
async def jail() -> AsyncIterator[ParserJail]:
    async with ParserJail() as jail:
        yield jail


@needs_tesseract
async def test_a_scan_is_read_with_its_headings_tables_and_pages(jail: ParserJail) -> None:
    document = await jail.parse(SCAN, name="scan.pdf")
    blocks = [(block.kind, block.page, document.text_of(block)) for block in document.blocks]
    assert ("heading", 1, "Chapter B") in blocks
    assert ("heading", 2, "Chapter C") in blocks
    assert samples.SENTENCE * 4 in document.text
    table = next(text for kind, page, text in blocks if kind == "table" and page == 2)
    assert table == "| Item | 2021 | 2022 |\n| Lids | 1,204 | 1,377 |"
    assert (document.page_count, document.pages_by_ocr) == (2, 2)
    assert document.pages_without_text == 0


@needs_tesseract
async def test_scans_in_an_archive_are_read_and_counted(jail: ParserJail) -> None:
    document = await jail.parse(packed({"a.pdf": SCAN, "b.pdf": MIXED}), name="scans.zip")
    assert document.text.count("quick brown fox") == 15
    assert document.pages_by_ocr == 3


@needs_tesseract
async def test_a_picture_without_words_is_a_page_without_text(jail: ParserJail) -> None:
    with pytest.raises(ScannedDocument, match="OCR found no text"):
        await jail.parse(samples.pdf_without_text(), name="drawing.pdf")


@needs_tesseract
async def test_pages_that_time_does_not_suffice_for_are_counted() -> None:
    async with ParserJail(ParserLimits(ocr_seconds=0.001)) as jail:
        document = await jail.parse(MIXED, name="mixed.pdf")
    assert document.pages_without_text == 1
    assert document.text == "This page has text of its own."


@needs_tesseract
async def test_a_language_without_a_model_is_named() -> None:
    async with ParserJail(ocr_languages=("eng", "tlh_x")) as jail:
        with pytest.raises(ScannedDocument, match=r"'tlh_x'.*tesseract-ocr-tlh-x"):
            await jail.parse(SCAN, name="scan.pdf")


@pytest.mark.parametrize(
    ("languages", "programs", "says"),
    [
        ((), None, "OCR is switched off"),
        (("eng",), Programs(), "Install Tesseract .* tesseract-ocr"),
    ],
)
async def test_without_ocr_a_scan_says_what_to_do_and_a_mixed_file_is_read(
    languages: tuple[str, ...], programs: Programs | None, says: str
) -> None:
    async with ParserJail(ocr_languages=languages, programs=programs) as jail:
        with pytest.raises(ScannedDocument, match=f"Pages: 2. {says}"):
            await jail.parse(SCAN, name="scan.pdf")
        document = await jail.parse(MIXED, name="mixed.pdf")
    assert document.text == "This page has text of its own."
    assert (document.page_count, document.pages_without_text, document.pages_by_ocr) == (3, 1, 0)


async def test_blank_pages_are_not_taken_for_scanned_ones(jail: ParserJail) -> None:
    with pytest.raises(EmptyDocument, match="blank") as raised:
        await jail.parse(samples.blank_pdf(), name="blank.pdf")
    assert type(raised.value) is EmptyDocument
