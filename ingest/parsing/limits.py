"""How much a single document may cost to parse."""

from __future__ import annotations

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ParserLimits:
    """Bounds on one parse. Past any of them the child is stopped and a typed error raised."""

    input_bytes: int = 128 * _MIB
    """Larger files are refused unread."""
    output_bytes: int = 128 * _MIB
    """Of the result: the text and its blocks as they travel back."""
    memory_bytes: int = 1024 * _MIB
    """Address space beyond what the parsers loaded in advance take up."""
    cpu_seconds: int = 120
    """Processor time."""
    wall_seconds: float = 180.0
    """Time on the clock, from the start of the child."""
    ocr_seconds: float = 300.0
    """On top of both times, for recognising the text of scanned pages, where that is on. Pages
    that are not read by then stay without text; the document says how many."""
    file_bytes: int = 64 * _MIB
    """Of any one temporary file."""
    open_files: int = 64
    """Files open at a time."""
    parallel: int = 4
    """Documents parsed at the same time by one jail; others wait, and their clocks stand."""
