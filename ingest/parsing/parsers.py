"""Which parser reads which format. Imported by name, and only in the process that parses."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Literal

from ingest.parsing.document import ParsedDocument

Format = Literal["text", "markdown", "html", "docx", "pdf"]
Parse = Callable[[bytes], ParsedDocument]

PARSERS: dict[str, str] = {
    "text": "ingest.parsing.plain_text:parse",
    "markdown": "ingest.parsing.markdown:parse",
    "html": "ingest.parsing.html:parse",
    "docx": "ingest.parsing.docx:parse",
    "pdf": "ingest.parsing.pdf:parse",
}


def load(dotted: str) -> Parse:
    """The parse function that a table entry names."""
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)
