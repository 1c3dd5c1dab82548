"""Which parser reads which format. Imported by name, and only in the process that parses."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Literal

from ingest.parsing.document import ParsedDocument

Format = Literal[
    "text",
    "markdown",
    "rst",
    "html",
    "xml",
    "json",
    "jsonl",
    "csv",
    "code",
    "pdf",
    "docx",
    "doc",
    "rtf",
    "odt",
    "pptx",
    "ppt",
    "spreadsheet",
    "epub",
    "eml",
    "msg",
    "zip",
]
Parse = Callable[[bytes], ParsedDocument]

PARSERS: dict[str, str] = {
    "text": "ingest.parsing.plain_text:parse",
    "markdown": "ingest.parsing.markdown:parse",
    "rst": "ingest.parsing.rst:parse",
    "html": "ingest.parsing.html:parse",
    "xml": "ingest.parsing.xml:parse",
    "json": "ingest.parsing.json:parse",
    "jsonl": "ingest.parsing.json:parse_lines",
    "csv": "ingest.parsing.csv:parse",
    "code": "ingest.parsing.code:parse",
    "pdf": "ingest.parsing.pdf:parse",
    "docx": "ingest.parsing.docx:parse",
    "doc": "ingest.parsing.office:parse_doc",
    "rtf": "ingest.parsing.office:parse_rtf",
    "odt": "ingest.parsing.odt:parse",
    "pptx": "ingest.parsing.pptx:parse",
    "ppt": "ingest.parsing.office:parse_ppt",
    "spreadsheet": "ingest.parsing.spreadsheet:parse",
    "epub": "ingest.parsing.epub:parse",
    "eml": "ingest.parsing.eml:parse",
    "msg": "ingest.parsing.msg:parse",
    "zip": "ingest.parsing.archive:parse",
}


def load(dotted: str) -> Parse:
    """The parse function that a table entry names."""
    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)
