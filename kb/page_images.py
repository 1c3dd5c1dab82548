"""Pages of PDF documents as pictures, with what a citation quotes marked on them."""

from __future__ import annotations

import asyncio
from typing import Protocol

from ingest.parsing.document import ParsedDocument
from ingest.parsing.jail import ParserJail
from ingest.parsing.limits import ParserLimits
from ingest.parsing.page_image import MAX_PIXELS, PageRequest, Pixels
from ingest.parsing.programs import Programs
from kb import document_versions
from kb.citations import InvalidSpan, outside, parsed_version
from kb.service import Service
from retrieval.citation_uri import CitationUri
from retrieval.errors import ServiceError
from retrieval.scope import Scope


class NoPageImages(ServiceError):
    """Only pages of PDF files can be shown; read this document's text instead."""


class PageRenderer(Protocol):
    """Draws pages of untrusted files; `ingest.parsing.jail.ParserJail` is one."""

    async def render(self, data: bytes, request: PageRequest) -> Pixels:
        """Raises a `ParseError` that says why there is no picture."""
        ...


def confined_renderer(*, max_bytes: int) -> ParserJail:
    """One for files of up to so many bytes. It starts with the first page; enter it to have it
    closed.
    """
    limits = ParserLimits(
        input_bytes=max_bytes,
        output_bytes=MAX_PIXELS * 3 + 1000,
        cpu_seconds=20,  # somebody is waiting
        wall_seconds=30,
        ocr_seconds=0,
        parallel=2,
    )
    return ParserJail(limits, ocr_languages=(), programs=Programs(), parsers={})


async def page_image(
    service: Service,
    renderer: PageRenderer,
    scope: Scope,
    cited: CitationUri,
    *,
    page: int,
    scale: float,
) -> bytes:
    """The page as a PNG file, the cited span marked on it if there is one.

    Raises `NotFound`, `NoPageImages`, `InvalidSpan`, `NoSuchPage`, `PageTooLarge`, or another
    `ParseError`.
    """
    original = await document_versions.original(service, scope, cited.document_id, cited.version_id)
    if b"%PDF-" not in original.data[:1024]:
        raise NoPageImages(f"It is {original.item_name!r}.")
    request = PageRequest(page=page, scale=scale)
    if cited.span is not None:
        parsed = await parsed_version(service, scope, cited)
        request = _marking(parsed, cited.span, page=page, scale=scale)
    pixels = await renderer.render(original.data, request)
    return await asyncio.to_thread(pixels.png)


def _marking(
    parsed: ParsedDocument, span: tuple[int, int], *, page: int, scale: float
) -> PageRequest:
    """The request with the page's part of the text, and the span's part of that."""
    start, end = span
    if not 0 <= start < end <= len(parsed.text):
        raise InvalidSpan(outside(start, end, len(parsed.text)))
    pages = sorted(
        {
            block.page
            for block in parsed.blocks
            if block.page is not None and block.char_start < end and start < block.char_end
        }
    )
    if page not in pages:
        raise InvalidSpan(f"It is on page {', '.join(map(str, pages))}, not on {page}.")
    here = [block for block in parsed.blocks if block.page == page]
    first, last = here[0].char_start, here[-1].char_end
    return PageRequest(
        page=page,
        scale=scale,
        text=parsed.text[first:last],
        start=max(start, first) - first,
        end=min(end, last) - first,
    )
