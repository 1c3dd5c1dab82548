"""OpenDocument text: headings by outline level, lists, tables and notes from its content part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ingest.parsing.composer import Composer
from ingest.parsing.document import BlockKind, ParsedDocument
from ingest.parsing.errors import (
    CorruptDocument,
    DocumentTooLarge,
    EncryptedDocument,
    UnsupportedFormat,
)
from ingest.parsing.members import Members, members
from ingest.parsing.tables import table_text
from ingest.parsing.trees import TreeError, xml_tree

_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_OFFICE = f"{{{_OASIS}:office:1.0}}"
_TEXT = f"{{{_OASIS}:text:1.0}}"
_TABLE = f"{{{_OASIS}:table:1.0}}"
_DRAW = f"{{{_OASIS}:drawing:1.0}}"
_STYLE = f"{{{_OASIS}:style:1.0}}"
_MANIFEST = f"{{{_OASIS}:manifest:1.0}}"
_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"

# Tables of contents and the like repeat the headings; deletions are no longer in the text.
_SKIPPED = frozenset(
    f"{_TEXT}{name}"
    for name in (
        "tracked-changes",
        "table-of-content",
        "alphabetical-index",
        "illustration-index",
        "table-index",
        "object-index",
        "user-index",
        "sequence-decls",
        "variable-decls",
        "user-field-decls",
    )
) | {f"{_OFFICE}forms", f"{_OFFICE}annotation"}
_ROWS = tuple(
    f"{_TABLE}{name}"
    for name in ("table-header-rows", "table-rows", "table-row-group", "table-header-row-group")
)
_CELLS = (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")
# Not part of the line they stand in: notes and boxes follow it, the others are not its text.
_NOT_INLINE = (
    f"{_TEXT}ruby-text",
    f"{_OFFICE}annotation",
    f"{_OFFICE}annotation-end",
    f"{_DRAW}frame",
    f"{_DRAW}g",
    f"{_DRAW}custom-shape",
)
_BOXES = (f"{_DRAW}text-box", f"{_DRAW}custom-shape")
_TITLE_STYLE = "Title"

_MAX_REPEAT = 100  # of a cell or row with text; spreadsheets fill their whole width with empty ones
_MAX_SPACES = 100
_MAX_TABLE_TEXT = 32_000_000  # characters and cells of all tables, repeats included
_SPACE = re.compile(r"[ \t\r\n]+")


def parse(data: bytes) -> ParsedDocument:
    """Read an ODT. It has no pages: where they break is up to the program that shows it."""
    try:
        with members(data) as opened:
            _refuse_encrypted(opened)
            content = xml_tree(opened.read("content.xml"))
            title = _title(opened)
        body = content.find(f"{_OFFICE}body/{_OFFICE}text")
        if body is None:
            raise UnsupportedFormat("It is an OpenDocument file, but not a text document.")
        reader = _Reader(_title_styles(content))
        reader.read(body)
        return reader.composer.finish(title=title)
    except (TreeError, RecursionError) as exc:
        raise CorruptDocument(f"{type(exc).__name__}: {exc}") from exc


def _refuse_encrypted(opened: Members) -> None:
    manifest = opened.find("META-INF/manifest.xml")
    if manifest is not None:
        root = xml_tree(opened.read(manifest))
        if next(root.iter(f"{_MANIFEST}encryption-data"), None) is not None:
            raise EncryptedDocument


def _title(opened: Members) -> str | None:
    meta = opened.find("meta.xml")
    return None if meta is None else xml_tree(opened.read(meta)).findtext(f".//{_DC_TITLE}")


def _title_styles(content: Any) -> frozenset[str]:
    """The style for a document's title, and what the document derives from it."""
    return frozenset(
        style.get(f"{_STYLE}name", "")
        for style in content.iter(f"{_STYLE}style")
        if style.get(f"{_STYLE}parent-style-name") == _TITLE_STYLE
    ) | {_TITLE_STYLE}


class _Reader:
    """Adds the blocks of a text body, in order."""

    def __init__(self, title_styles: frozenset[str]) -> None:
        self.composer = Composer()
        self._title_styles = title_styles
        self._table_text = 0

    def read(self, parent: Any, kind: BlockKind = "paragraph") -> None:
        """Add what is in this element; `kind` is what its paragraphs are."""
        for node in parent.iterchildren("*"):
            if node.tag in _SKIPPED:
                continue
            if node.tag == f"{_TEXT}h":
                level = _number(node.get(f"{_TEXT}outline-level"), most=10)
                self._add("heading", node, level=level)
            elif node.tag == f"{_TEXT}p":
                if node.get(f"{_TEXT}style-name") in self._title_styles:
                    self._add("heading", node, level=1)
                else:
                    self._add(kind, node)
            elif node.tag in (f"{_TEXT}list", f"{_TEXT}numbered-paragraph"):
                self.read(node, "list_item")
            elif node.tag == f"{_TABLE}table":
                self.composer.add("table", self._table(node))
                self._add_attached(node)
            elif node.tag in _BOXES:
                self.read(node)
            else:
                self.read(node, kind)

    def _add(self, kind: BlockKind, node: Any, *, level: int | None = None) -> None:
        self.composer.add(kind, _line(node), level=level)
        self._add_attached(node)

    def _add_attached(self, node: Any) -> None:
        """Add the notes and text boxes that this element anchors, as paragraphs after it."""
        for attached in _attached(node):
            if attached.tag == f"{_TEXT}note":
                body = attached.find(f"{_TEXT}note-body")
                text = "" if body is None else _lines(body)
                self.composer.add("paragraph", f"{_citation(attached)} {text}" if text else "")
            else:
                self.read(attached)

    def _table(self, table: Any) -> str:
        rows: list[list[str]] = []
        for row in _table_rows(table):
            cells: list[str] = []
            for cell in row.iterchildren(*_CELLS):
                text = _lines(cell)
                repeat = _number(cell.get(f"{_TABLE}number-columns-repeated"), most=_MAX_REPEAT)
                self._spend((len(text) + 1) * repeat)
                cells += [text] * repeat
            repeat = _number(row.get(f"{_TABLE}number-rows-repeated"), most=_MAX_REPEAT)
            self._spend(sum(map(len, cells)) * repeat)
            rows += [cells] * (repeat if any(cells) else 1)
        return table_text(rows)

    def _spend(self, characters: int) -> None:
        self._table_text += characters
        if self._table_text > _MAX_TABLE_TEXT:
            raise DocumentTooLarge("Its tables hold over 32 million characters.")


def _table_rows(table: Any) -> Iterator[Any]:
    for node in table.iterchildren("*"):
        if node.tag == f"{_TABLE}table-row":
            yield node
        elif node.tag in _ROWS:
            yield from _table_rows(node)


def _attached(node: Any) -> Iterator[Any]:
    """The outermost notes and boxes inside an element."""
    for child in node.iterchildren("*"):
        if child.tag == f"{_TEXT}note" or child.tag in _BOXES:
            yield child
        elif child.tag not in _SKIPPED:
            yield from _attached(child)


def _lines(parent: Any) -> str:
    """The paragraphs inside a cell or note, however deep, one a line."""
    lines = [
        _line(node)
        for node in parent.iter(f"{_TEXT}p", f"{_TEXT}h")
        if not _is_elsewhere(node, parent)
    ]
    return "\n".join(filter(None, lines))


def _is_elsewhere(node: Any, parent: Any) -> bool:
    """Whether a paragraph belongs to a note, box or comment within `parent`."""
    for above in node.iterancestors():
        if above is parent:
            return False
        if above.tag == f"{_TEXT}note" or above.tag in _BOXES or above.tag in _SKIPPED:
            return True
    return False


def _line(node: Any) -> str:
    return "".join(_inline(node)).strip()


def _inline(node: Any) -> Iterator[str]:
    """The pieces of text in a paragraph. Runs of white space are one space, as ODF has it."""
    yield _SPACE.sub(" ", node.text or "")
    for child in node:
        if child.tag == f"{_TEXT}s":
            yield " " * _number(child.get(f"{_TEXT}c"), most=_MAX_SPACES)
        elif child.tag == f"{_TEXT}tab":
            yield "\t"
        elif child.tag == f"{_TEXT}line-break":
            yield "\n"
        elif child.tag == f"{_TEXT}note":
            yield _citation(child)
        elif isinstance(child.tag, str) and child.tag not in _NOT_INLINE:  # else a comment
            yield from _inline(child)
        yield _SPACE.sub(" ", child.tail or "")


def _citation(note: Any) -> str:
    """What marks a note in the text, set apart from the word it stands at."""
    mark = (note.findtext(f"{_TEXT}note-citation") or "").strip()
    return f"[{mark or '*'}]"


def _number(value: str | None, *, most: int) -> int:
    """A count or level from an attribute: at least 1, and 1 where it is not a number."""
    if value is None or not value.isascii() or not value.isdecimal():
        return 1
    return most if len(value) > 6 else min(max(int(value), 1), most)
