"""One library's text of some PDF files, page by page, and what reading them took.

Run by a Python that has the library; needs nothing else of ours, except for our own parser.
"""
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportMissingTypeStubs=false

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path
from time import process_time

WHOLE = -1
"""Where a library that marks headings and tables only in the whole document's text puts it."""

Reader = Callable[[bytes, int], dict[int, str]]
"""A file's bytes to its text by page index, of every so many pages at least."""


def kb(data: bytes, step: int) -> dict[int, str]:
    """What the service reads, headings marked as in Markdown."""
    from ingest.parsing.pdf import parse

    del step  # it reads the whole document, as does kreuzberg
    document = parse(data)
    pages: dict[int, list[str]] = {index: [] for index in range(document.page_count or 0)}
    for block in document.blocks:
        assert block.page is not None
        mark = "#" * block.level + " " if block.level else ""
        pages[block.page - 1].append(mark + document.text_of(block))
    return {index: "\n\n".join(texts) for index, texts in pages.items()}


def pypdfium2(data: bytes, step: int) -> dict[int, str]:
    from pypdfium2 import PdfDocument

    document = PdfDocument(data)
    return {
        index: document[index].get_textpage().get_text_bounded()
        for index in range(0, len(document), step)
    }


def pdf_oxide(data: bytes, step: int) -> dict[int, str]:
    from pdf_oxide import PdfDocument

    document = PdfDocument.from_bytes(data)
    return {index: document.extract_text(index) for index in range(0, document.page_count(), step)}


def pdf_oxide_markdown(data: bytes, step: int) -> dict[int, str]:
    from pdf_oxide import PdfDocument

    document = PdfDocument.from_bytes(data)
    return {index: document.to_markdown(index) for index in range(0, document.page_count(), step)}


def kreuzberg(data: bytes, step: int) -> dict[int, str]:
    del step
    return _kreuzberg(data, "plain")


def kreuzberg_markdown(data: bytes, step: int) -> dict[int, str]:
    del step
    return _kreuzberg(data, "markdown")


def _kreuzberg(data: bytes, form: str) -> dict[int, str]:
    from kreuzberg import ExtractionConfig, PageConfig, extract_bytes_sync

    config = ExtractionConfig(
        use_cache=False, output_format=form, pages=PageConfig(extract_pages=True)
    )
    found = extract_bytes_sync(data, "application/pdf", config)
    pages = {page["page_number"] - 1: page["content"] for page in found.pages or ()}
    return pages | {WHOLE: found.content}


def pypdf(data: bytes, step: int) -> dict[int, str]:
    from pypdf import PdfReader

    pages = PdfReader(BytesIO(data)).pages
    return {index: pages[index].extract_text() for index in range(0, len(pages), step)}


def pdfminer(data: bytes, step: int) -> dict[int, str]:
    from pdfminer.high_level import extract_text
    from pdfminer.pdfpage import PDFPage

    count = sum(1 for _ in PDFPage.get_pages(BytesIO(data)))
    chosen = range(0, count, step)
    texts = extract_text(BytesIO(data), page_numbers=list(chosen)).split("\f")
    return dict(zip(chosen, texts, strict=False))


def pdfplumber(data: bytes, step: int) -> dict[int, str]:
    from pdfplumber import open as open_pdf

    texts: dict[int, str] = {}
    with open_pdf(BytesIO(data)) as document:
        for page in document.pages[::step]:
            texts[page.page_number - 1] = page.extract_text()
            page.close()
    return texts


# The distribution to name, and how it is read.
READERS: dict[str, tuple[str, Reader]] = {
    "kb": ("pypdfium2", kb),
    "pypdfium2": ("pypdfium2", pypdfium2),
    "pdf_oxide": ("pdf_oxide", pdf_oxide),
    "pdf_oxide, Markdown": ("pdf_oxide", pdf_oxide_markdown),
    "kreuzberg": ("kreuzberg", kreuzberg),
    "kreuzberg, Markdown": ("kreuzberg", kreuzberg_markdown),
    "pypdf": ("pypdf", pypdf),
    "pdfminer.six": ("pdfminer.six", pdfminer),
    "pdfplumber": ("pdfplumber", pdfplumber),
}


def main() -> None:
    """A JSON line of versions and size, then one for each file."""
    name, step, *paths = sys.argv[1:]
    distribution_name, read = READERS[name]
    installed = distribution(distribution_name)
    size = sum(path.size or 0 for path in installed.files or ())
    print(json.dumps({"version": installed.version, "size": size}), flush=True)
    read(Path(paths[0]).read_bytes(), 1000)  # imports and first-time tables are no part of it
    for path in paths:
        data = Path(path).read_bytes()
        start = process_time()
        try:
            pages, error = read(data, int(step)), None
        except Exception as exc:  # noqa: BLE001 whatever a library raises is its failure
            pages, error = {}, repr(exc)
        seconds = process_time() - start
        line = {"pages": pages, "seconds": seconds, "error": error, "peak": _peak()}
        print(json.dumps(line), flush=True)


def _peak() -> int:
    """The most resident bytes of this process so far; `getrusage` would count its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main()
