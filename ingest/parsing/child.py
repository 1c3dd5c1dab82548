"""One task on one document, in a process of its own that ends with it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ingest.parsing import ocr, office, pdf_page, tasks, wire
from ingest.parsing.confinement import confine
from ingest.parsing.detect import detect
from ingest.parsing.errors import (
    DocumentTooLarge,
    ParseError,
    ParserCrashed,
    ParserOutOfMemory,
    UnsupportedFormat,
)
from ingest.parsing.limits import ParserLimits
from ingest.parsing.page_image import PageRequest
from ingest.parsing.parsers import load
from ingest.parsing.programs import Programs

_OUT_OF_MEMORY = wire.encode_error(ParserOutOfMemory())


def answer(
    channel: int,
    *,
    task_size: int,
    size: int,
    parsers: Mapping[str, str],
    limits: ParserLimits,
    folder: Path,
    programs: Programs,
    ocr_languages: Sequence[str],
) -> None:
    """Read task and document from the channel, do it confined, and write the outcome there."""
    held = confine(limits, folder, readable=programs.folders())
    # LibreOffice reads what a document links to, so only where there is nothing it could reach.
    if programs.libreoffice is not None and {"landlock", "seccomp"} <= set(held):
        office.allow(Path(programs.libreoffice))
    ocr.use(ocr.Recogniser(programs.tesseract, ocr_languages, seconds=limits.ocr_seconds))
    payload = outcome(channel, task_size=task_size, size=size, parsers=parsers)
    if len(payload) > limits.output_bytes:
        payload = wire.encode_error(DocumentTooLarge(f"The result has {len(payload)} bytes."))
    _write(channel, len(payload).to_bytes(wire.HEADER_BYTES, "big"))
    _write(channel, payload)


def outcome(channel: int, *, task_size: int, size: int, parsers: Mapping[str, str]) -> bytes:
    """The encoded result or error of the task that comes through the channel."""
    try:
        task = tasks.decode(_read(channel, task_size))
        data = _read(channel, size)
        if isinstance(task, PageRequest):
            return wire.encode_pixels(pdf_page.render(data, task))
        kind = detect(data, task.name)
        if kind not in parsers:
            raise UnsupportedFormat(f"Its kind is {kind}.")
        return wire.encode(load(parsers[kind])(data))
    except MemoryError:
        return _OUT_OF_MEMORY
    except Exception as exc:  # noqa: BLE001 - whatever it was, it becomes a typed error
        if any(_means_memory(link) for link in _chain(exc)):
            return _OUT_OF_MEMORY
        if isinstance(exc, ParseError):
            return wire.encode_error(exc)
        last = traceback.extract_tb(exc.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        return wire.encode_error(ParserCrashed(f"{type(exc).__name__} at {place}: {exc}"))


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if exc is None:
            return
        yield exc
        exc = exc.__cause__ or exc.__context__


def _means_memory(exc: BaseException) -> bool:
    return isinstance(exc, MemoryError) or "memory allocation failed" in str(exc).lower()


# Plain reads and writes: the filter refuses even the sending calls of sockets.


def _read(channel: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = os.read(channel, min(1 << 20, size - len(data)))
        if not piece:
            os._exit(1)  # the parent has gone or given up
        data += piece
    return bytes(data)


def _write(channel: int, payload: bytes) -> None:
    view = memoryview(payload)
    while view:
        view = view[os.write(channel, view) :]
