"""Scanned pages: text recognised by Tesseract, as lines with their place and size.

Tesseract's library is called in the child that parses. Its program would need the right to run
programs, loads its model anew for every page and takes half again as long.
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import pypdfium2.raw as pdfium_c  # pyright: ignore[reportMissingTypeStubs]

from ingest.parsing import hocr
from ingest.parsing.confinement import extend_processor_time
from ingest.parsing.pdf_lines import Line

_pdfium: Any = pdfium_c
_DPI = 300  # what Tesseract's models were trained at
_MAX_PIXELS = 40_000_000  # of one page, at one byte each; A4 has 9 million, A2 35
_MAX_SIDE = 30_000  # Tesseract's own limit is 32,767


class OcrUnavailable(Exception):
    """Why scanned pages are not read, in a sentence for whoever uploaded them."""


class Recogniser:
    """Reads pictures of pages. One serves a document and all that is packed in it."""

    def __init__(self, library: str | None, languages: Sequence[str], *, seconds: float) -> None:
        self._library = library
        self._languages = languages
        self._seconds = seconds
        self._engine: _Engine | None = None
        self._until = 0.0

    def lines(self, page: Any) -> list[Line]:
        """The lines on a page of PDFium's; none where there are none or the time is used up.

        Raises OcrUnavailable where nothing can be recognised at all.
        """
        if self._engine is None:
            self._engine = self._start()
            self._until = time.monotonic() + self._seconds
            extend_processor_time(self._seconds)
        left = self._until - time.monotonic()
        if left <= 0:
            return []
        with _Picture(page) as picture:
            recognised = self._engine.recognise(picture, seconds=left)
        if recognised is None:
            return []
        return hocr.lines(recognised, scale=picture.scale, height=picture.height / picture.scale)

    def _start(self) -> _Engine:
        if not self._languages:
            raise OcrUnavailable("OCR is switched off.")
        if self._library is None:
            raise OcrUnavailable(
                "Install Tesseract on the server to have them read (on Debian: tesseract-ocr)."
            )
        return _Engine(self._library, self._languages)


_CURRENT: ContextVar[Recogniser | None] = ContextVar("kb_ocr", default=None)


def use(recogniser: Recogniser) -> None:
    """Have scanned pages read by this from here on."""
    _CURRENT.set(recogniser)


def current() -> Recogniser:
    """Whatever reads scanned pages here; where nothing was arranged, one that reads none."""
    return _CURRENT.get() or Recogniser(None, (), seconds=0)


class _Engine:
    """Tesseract with its models loaded, through its C interface."""

    def __init__(self, library: str, languages: Sequence[str]) -> None:
        self._api = api = ctypes.CDLL(library)
        api.TessBaseAPICreate.restype = ctypes.c_void_p
        api.TessMonitorCreate.restype = ctypes.c_void_p
        api.TessBaseAPIGetHOCRText.restype = ctypes.c_void_p
        self._handle = ctypes.c_void_p(api.TessBaseAPICreate())
        for language in languages:  # of several it would leave out the missing ones
            if api.TessBaseAPIInit3(self._handle, None, language.encode()) != 0:
                raise OcrUnavailable(
                    f"Tesseract has no model for the language {language!r} (on Debian:"
                    f" tesseract-ocr-{language.replace('_', '-')})."
                )
        if len(languages) > 1:
            api.TessBaseAPIInit3(self._handle, None, "+".join(languages).encode())

    def recognise(self, picture: _Picture, *, seconds: float) -> bytes | None:
        """What is written there as hOCR; None where it took too long or failed."""
        api, handle = self._api, self._handle
        monitor = ctypes.c_void_p(api.TessMonitorCreate())
        api.TessMonitorSetDeadlineMSecs(monitor, max(1, int(seconds * 1000)))  # 0 is none
        api.TessBaseAPISetImage(
            handle, picture.pixels, picture.width, picture.height, 1, picture.stride
        )
        api.TessBaseAPISetSourceResolution(handle, round(picture.scale * 72))
        try:
            if api.TessBaseAPIRecognize(handle, monitor) != 0:
                return None
            text = ctypes.c_void_p(api.TessBaseAPIGetHOCRText(handle, 0))
            if not text.value:
                return None
            recognised = ctypes.string_at(text)
            api.TessDeleteText(text)
            return recognised
        finally:
            api.TessBaseAPIClear(handle)
            api.TessMonitorDelete(monitor)


class _Picture:
    """A page drawn in shades of grey, of which PDFium holds the memory until it is left."""

    def __init__(self, page: Any) -> None:
        points = (_pdfium.FPDF_GetPageWidthF(page), _pdfium.FPDF_GetPageHeightF(page))
        self.scale = _scale(*points)
        self.width, self.height = (max(round(length * self.scale), 1) for length in points)
        size = (self.width, self.height)
        self._bitmap = _pdfium.FPDFBitmap_CreateEx(*size, _pdfium.FPDFBitmap_Gray, None, 0)
        if not self._bitmap:
            raise MemoryError
        _pdfium.FPDFBitmap_FillRect(self._bitmap, 0, 0, *size, 0xFFFFFFFF)
        flags = _pdfium.FPDF_GRAYSCALE | _pdfium.FPDF_ANNOT
        _pdfium.FPDF_RenderPageBitmap(self._bitmap, page, 0, 0, *size, 0, flags)
        self.stride: int = _pdfium.FPDFBitmap_GetStride(self._bitmap)
        self.pixels = ctypes.c_void_p(_pdfium.FPDFBitmap_GetBuffer(self._bitmap))

    def __enter__(self) -> _Picture:
        return self

    def __exit__(self, *_: object) -> None:
        _pdfium.FPDFBitmap_Destroy(self._bitmap)


def _scale(width: float, height: float) -> float:
    """Pixels for each point: as Tesseract likes it, fewer where the page is a poster."""
    area, longest = max(width * height, 1), max(width, height, 1)
    return min(_DPI / 72, math.sqrt(_MAX_PIXELS / area), _MAX_SIDE / longest)
