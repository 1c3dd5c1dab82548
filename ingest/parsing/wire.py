"""A task's outcome as bytes. The sender may have been taken over by a hostile file: plain JSON and
pixels, read with suspicion, and never anything that can name code."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from ingest.parsing.document import (
    BLOCK_KINDS,
    Block,
    BlockKind,
    ContractError,
    ParsedDocument,
    SectionPath,
    verify,
)
from ingest.parsing.errors import ERRORS, ParseError, ParserCrashed
from ingest.parsing.page_image import MAX_PIXELS, Pixels

HEADER_BYTES = 8
"""The length of a result, big-endian, before it."""
ORDER_BYTES = 4
"""The length of an order to the nursery, likewise."""

_MAX_DETAIL = 500
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")


def encode(document: ParsedDocument) -> bytes:
    """The document as bytes; each distinct section path is written once."""
    paths: dict[SectionPath, int] = {}
    blocks = [
        [
            block.kind,
            block.char_start,
            block.char_end,
            paths.setdefault(block.section_path, len(paths)),
            block.page,
            block.level,
        ]
        for block in document.blocks
    ]
    return json.dumps(
        {
            "text": document.text,
            "blocks": blocks,
            "paths": [list(path) for path in paths],
            "title": document.title,
            "page_count": document.page_count,
            "pages_by_ocr": document.pages_by_ocr,
            "pages_without_text": document.pages_without_text,
        },
        ensure_ascii=False,
    ).encode()


def encode_pixels(pixels: Pixels) -> bytes:
    """Width and height on a line, then the colours."""
    head = json.dumps({"width": pixels.width, "height": pixels.height})
    return head.encode() + b"\n" + pixels.rgb


def encode_error(error: ParseError) -> bytes:
    """The error as bytes: its code and its particulars."""
    return json.dumps({"error": error.code, "detail": _printable(error.detail)}).encode()


def decode(payload: bytes) -> ParsedDocument:
    """The document, or its error raised. ParserCrashed where the bytes are neither."""
    with _suspicion():
        document = _document(_outcome(payload))
        verify(document)
    return document


def decode_pixels(payload: bytes) -> Pixels:
    """The picture, or its error raised. ParserCrashed where the bytes are neither."""
    with _suspicion():
        head, _, rgb = payload.partition(b"\n")
        outcome = _outcome(head)
        width, height = _int(outcome["width"]), _int(outcome["height"])
        if min(width, height) < 1 or width * height > MAX_PIXELS or len(rgb) != width * height * 3:
            raise ValueError(f"{width} by {height} pixels in {len(rgb)} bytes")
    return Pixels(width=width, height=height, rgb=rgb)


@contextmanager
def _suspicion() -> Generator[None]:
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as exc:
        detail = str(exc) if isinstance(exc, ContractError) else type(exc).__name__
        raise ParserCrashed(f"Its result was malformed: {detail}.") from exc


def _outcome(payload: bytes) -> Any:
    outcome = json.loads(payload)
    if "error" in outcome:
        raise ERRORS[_str(outcome["error"])](_printable(_str(outcome["detail"])))
    return outcome


@dataclass(frozen=True, slots=True)
class _Fields:
    """One block as it travels."""

    kind: str
    start: int
    end: int
    path: int
    page: int | None
    level: int | None


def _document(outcome: Any) -> ParsedDocument:
    paths = [tuple(_str(title) for title in path) for path in outcome["paths"]]
    blocks: list[Block] = []
    for raw in outcome["blocks"]:
        fields = _Fields(*raw)
        if fields.kind not in BLOCK_KINDS or _int(fields.path) < 0:
            raise ValueError(fields.kind)
        blocks.append(
            Block(
                kind=cast(BlockKind, fields.kind),
                char_start=_int(fields.start),
                char_end=_int(fields.end),
                section_path=paths[fields.path],
                page=None if fields.page is None else _int(fields.page),
                level=None if fields.level is None else _int(fields.level),
            )
        )
    title, pages = outcome["title"], outcome["page_count"]
    return ParsedDocument(
        text=_str(outcome["text"]),
        blocks=tuple(blocks),
        title=None if title is None else _str(title),
        page_count=None if pages is None else _int(pages),
        pages_by_ocr=_int(outcome["pages_by_ocr"]),
        pages_without_text=_int(outcome["pages_without_text"]),
    )


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value


def _int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(type(value).__name__)
    return value


def _printable(detail: str) -> str:
    return _UNPRINTABLE.sub(" ", detail)[:_MAX_DETAIL].strip()
