"""A picture of one page: what is asked for, and what comes back."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

DEFAULT_SCALE = 2.0
MIN_SCALE, MAX_SCALE = 0.1, 8.0
MAX_PIXELS = 16_000_000  # A4 at 300 dpi has 9 million


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page to draw, and what of its text to mark."""

    page: int
    """From 1."""

    scale: float = DEFAULT_SCALE
    """Pixels for each point, of which an inch has 72."""

    text: str = ""
    """The page's part of the canonical text."""

    start: int = 0
    end: int = 0
    """Characters of `text`; none are marked where both are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """A picture, not compressed: three bytes a pixel (red, green, blue), row by row from the top.

    Who drew it may have been taken over by a hostile file; pixels are all that it can choose.
    """

    width: int
    height: int
    rgb: bytes

    def png(self) -> bytes:
        """The picture as a PNG file."""
        file = io.BytesIO()
        Image.frombytes("RGB", (self.width, self.height), self.rgb).save(file, "PNG")
        return file.getvalue()
