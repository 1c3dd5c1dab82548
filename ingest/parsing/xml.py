"""XML of any kind: titles as headings, prose as paragraphs, records as `name: value` lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from ingest.parsing.characters import decode
from ingest.parsing.composer import Composer
from ingest.parsing.document import BlockKind, ParsedDocument
from ingest.parsing.errors import CorruptDocument, EmptyDocument
from ingest.parsing.records import add_lines
from ingest.parsing.row_blocks import row_blocks
from ingest.parsing.trees import TreeError, xml_tree
from ingest.parsing.xml_elements import (
    attributes_of,
    children_of,
    holds_rows,
    line_of,
    name_of,
    raw_text,
    rows_of,
    text_of,
)

_TITLES = frozenset({"title", "head", "heading", "name"})
_PARAGRAPHS = frozenset({"p", "para", "simpara", "paragraph"})
_RUNNING = _PARAGRAPHS | (_TITLES - {"name"}) | {"article-title"}
_PROSE = frozenset({"text", "content", "body", "abstract", "description", "summary", "note"})
_ITEMS = frozenset({"li", "item", "listitem", "list-item"})
_CODE = frozenset({"code", "pre", "programlisting", "screen"})
_TABLES = frozenset({"table", "informaltable"})
_LONG = 200  # characters; a longer value is prose, whatever its element is called
_MAX_LEVEL = 6


def parse(data: bytes) -> ParsedDocument:
    """Read an XML file. Entities other than XML's own and HTML's stay as they are written.

    Raises:
        CorruptDocument: it is not well-formed, nested too deeply, or its entities swell.
        EmptyDocument: there is no text in it.
    """
    root = _tree(data)
    walk = _Walk()
    try:
        walk.element(root, 1)
    except RecursionError as exc:
        raise CorruptDocument("Its elements are nested too deeply.") from exc
    walk.flush()
    # The title of it all heads the root, or the front matter of an article.
    front = next(root.iter("{*}title-group"), root)
    return replace(walk.composer.finish(), title=_title(root)[0] or _title(front)[0])


def _tree(data: bytes) -> Any:
    try:
        return xml_tree(data)
    except TreeError as exc:
        try:  # the encoding that it declares may not be the one it is in
            text = decode(data).lstrip()
            declared = text.find("?>") + 2 if text.startswith("<?xml") else 0
            return xml_tree(text[declared:].encode())
        except TreeError:
            if not data.strip():
                raise EmptyDocument from exc
            raise CorruptDocument(f"It is not well-formed XML: {exc}.") from exc


class _Walk:
    """Goes through the tree in reading order; lines wait until what they belong to is over."""

    def __init__(self) -> None:
        self.composer = Composer()
        self._lines: list[str] = []

    def flush(self) -> None:
        """Add the lines that wait."""
        add_lines(self.composer, self._lines)
        self._lines = []

    def element(self, element: Any, level: int) -> None:
        """Add an element and all in it; `level` is that of a heading it may have."""
        name = name_of(element)
        children = children_of(element)
        title, source = _title(element)
        if name in _CODE and "\n" in raw_text(element).strip():
            self._block("code", raw_text(element))
        elif name in _TABLES and (rows := rows_of(element)):
            self._parts([child for child in children if not holds_rows(child)], level)
            for text in row_blocks(rows):
                self._block("table", text)
        elif children and not _is_text(element, name, children):
            if title:
                self._block("heading", title, level=min(level, _MAX_LEVEL))
            about = attributes_of(element)
            self._lines += (f"{key}: {value}" for key, value in about if value != title)
            self._parts([child for child in children if child is not source], level + bool(title))
        elif name in _ITEMS:
            self._block("list_item", f"- {text_of(element)}" if text_of(element) else "")
        elif children or name in _PARAGRAPHS | _PROSE or len(text_of(element)) > _LONG:
            self._block("paragraph", text_of(element))
        else:
            self._lines += line_of(element)

    def _parts(self, children: list[Any], level: int) -> None:
        repeated = Counter(map(name_of, children))
        for child in children:
            self.element(child, level)
            if len(child) and repeated[name_of(child)] > 1:  # one of several records ends here
                self.flush()

    def _block(self, kind: BlockKind, text: str, *, level: int | None = None) -> None:
        self.flush()
        self.composer.add(kind, text, level=level)


def _is_text(element: Any, name: str, children: list[Any]) -> bool:
    """Whether this is running text with marked words in it, and no frame around further parts."""
    mixed = [element.text, *(child.tail for child in element)]
    if any(text and not text.isspace() for text in mixed):
        return True
    flat = not any(children_of(child) for child in children)
    if name in _ITEMS:
        return flat and all(name_of(child) in _PARAGRAPHS for child in children)
    return flat and name in _RUNNING


def _title(element: Any) -> tuple[str | None, Any]:
    """The title of an element that has further parts, and the child that it comes from, if any."""
    children = children_of(element)
    for child in children if len(children) > 1 else ():
        name = name_of(child)
        if name not in _TITLES and (name, name_of(element)) != ("article-title", "title-group"):
            continue
        parts = children_of(child)
        inline = not parts or (name != "name" and _is_text(child, name, parts))
        if inline and (text := text_of(child)):
            return text, child
    about = dict(attributes_of(element)) if children else {}
    return about.get("title") or about.get("name"), None
