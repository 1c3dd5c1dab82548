"""PPTX: each slide a section and a page, with what stands on it and its notes."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import Any

from pptx import Presentation
from pptx.exc import PythonPptxError

from ingest.parsing.composer import Composer
from ingest.parsing.document import ParsedDocument
from ingest.parsing.errors import CorruptDocument, EmptyDocument
from ingest.parsing.outline import heading_title
from ingest.parsing.pptx_package import readable
from ingest.parsing.pptx_shapes import Piece, paragraphs, pieces
from ingest.parsing.trees import TreeError

_DEFAULT_TITLE = "PowerPoint Presentation"  # what PowerPoint writes where nobody gave one
_NOTES = "Notes:"

# Whatever a damaged package makes zipfile, lxml and python-pptx stumble over.
_DAMAGE: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    TreeError,
    PythonPptxError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    NotImplementedError,
    RecursionError,
)


def parse(data: bytes) -> ParsedDocument:
    """Read a PPTX, hidden slides included. A slide without a title is headed by its number."""
    try:
        return _read(Presentation(io.BytesIO(readable(data))))
    except _DAMAGE as exc:
        raise CorruptDocument(f"{type(exc).__name__}: {exc}") from exc


def _read(presentation: Any) -> ParsedDocument:
    composer = Composer()
    titles: list[str] = []
    written = False
    slides = list(presentation.slides)
    for number, slide in enumerate(slides, 1):
        title, found = _slide(slide)
        heading = heading_title(title)
        composer.add("heading", heading or f"Slide {number}", page=number, level=1)
        if heading is None:
            composer.add("paragraph", title, page=number)  # blank, or too long for a heading
        else:
            titles.append(heading)
        for piece in found:
            composer.add(piece.kind, piece.text, page=number)
        written = written or bool(title.strip()) or any(piece.text.strip() for piece in found)
    if not written:
        raise EmptyDocument(f"Slides: {len(slides)}.")
    own: str = presentation.core_properties.title
    title = next((title for title in (own, *titles) if title and title != _DEFAULT_TITLE), None)
    document = composer.finish(title=title, page_count=len(slides))
    return document if title else replace(document, title=None)  # "Slide 1" is none


def _slide(slide: Any) -> tuple[str, list[Piece]]:
    """A slide's title, and everything else on it and in its notes."""
    shape = slide.shapes.title
    title = "" if shape is None else "\n".join(paragraphs(shape.text_frame))
    found = list(pieces(slide.shapes, skipped=None if shape is None else shape.element))
    notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    lines = [] if notes is None else [line for line in paragraphs(notes) if line.strip()]
    if lines:
        found += [Piece("paragraph", text) for text in (_NOTES, *lines)]
    return title, found
