"""reStructuredText: sections, lists, tables and code as docutils understands them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ingest.parsing import plain_text
from ingest.parsing.characters import decode
from ingest.parsing.composer import Composer
from ingest.parsing.document import BlockKind, ParsedDocument
from ingest.parsing.errors import EmptyDocument
from ingest.parsing.rst_tree import FAULTS, MAX_LINE, rst_tree
from ingest.parsing.tables import table_text

_MAX_TEXT = 500_000  # characters; docutils takes two seconds for 100,000 full of markup
# docutils looks to the end of a paragraph or table for each character that may open markup. So
# many characters looked at, summed up, take it about 15 seconds.
_MAX_LOOKED_AT = 500_000_000
_MAX_SUBSTITUTE = 200  # characters; a long text put in many times would grow without end
_MAX_SPAN = 100  # columns of one cell
_ADMONITIONS = frozenset(
    {"attention", "caution", "danger", "error", "hint", "important", "note", "tip", "warning"}
)
_CODE = frozenset({"literal_block", "doctest_block", "math_block"})
_LISTS = frozenset({"bullet_list", "enumerated_list"})
_SKIPPED = frozenset(
    {"comment", "substitution_definition", "target", "pending", "meta", "raw", "decoration"}
)
_OPENING = re.compile(r"[*`|_+]")
_BLANK = re.compile(r"\n[ \t]*\n")
# A reference to another document, a class or the like: Sphinx has roles that docutils lacks.
_ROLE = re.compile(r":[\w+:.-]+:`([^`]*)`")
_TARGET = re.compile(r"\s*<[^<>]*>$")
_DIRECTIVE = re.compile(r"\.\.\s+(?:\|[^|]*\|\s+)?([\w:+.-]+?)::[ \t]*(.*)")
_OPTION = re.compile(r"\s*:[\w-]+:(?:\s|$)")
_NOTHING_TO_READ = frozenset({"raw", "include", "image", "literalinclude", "toctree"})


def parse(data: bytes) -> ParsedDocument:
    """Read a reStructuredText file; as plain text where docutils cannot make sense of it.

    What Sphinx adds to the language is kept: its roles by what they show, its directives as
    paragraphs. Dates of today are not put in, as the text would change from day to day.
    """
    text = decode(data)
    if len(text) > _MAX_TEXT or _is_tangled(text):
        return plain_text.parse(data)
    try:
        tree = rst_tree(text)
        walk = _Walk(tree)
        walk.blocks(tree, level=0)
        return walk.composer.finish()
    except EmptyDocument:
        return plain_text.parse(data)  # a file of comments and links alone is still a text
    except FAULTS:
        return plain_text.parse(data)


def _is_tangled(text: str) -> bool:
    """Whether docutils would take too long, or refuses for the length of a line."""
    looked_at = sum(len(block) * len(_OPENING.findall(block)) for block in _BLANK.split(text))
    return looked_at > _MAX_LOOKED_AT or max(map(len, text.split("\n"))) > MAX_LINE


class _Walk:
    """Adds the blocks of a tree, in order."""

    def __init__(self, tree: Any) -> None:
        self.composer = Composer()
        self._substitutes: dict[str, Any] = tree.substitution_defs

    def blocks(self, parent: Any, *, level: int, kind: BlockKind = "paragraph") -> None:
        """Add what is in this node; `kind` is what its paragraphs are."""
        for node in parent.children:
            self._block(node, level=level, kind=kind)

    def _block(self, node: Any, *, level: int, kind: BlockKind) -> None:
        name: str = node.tagname
        if name in _SKIPPED or self._labelled(node, level, kind):
            return
        if name == "section":
            self.blocks(node, level=level + 1)
        elif name == "title" and node.parent.tagname == "section":
            self.composer.add("heading", self._text(node), level=level)
        elif name in _CODE:
            self.composer.add("code", self._text(node))
        elif name == "table":
            self._table(node)
        elif name in _LISTS:
            self._list(node, level)
        elif name == "line_block":
            self.composer.add(kind, "\n".join(self._lines(node)))
        elif name == "system_message":
            self._misunderstood(node)
        elif _holds_text(node):
            self.composer.add(kind, self._text(node))
        else:
            self.blocks(node, level=level, kind=kind)

    def _labelled(self, node: Any, level: int, kind: BlockKind) -> bool:
        """Add a node that has some name before its blocks; False if it is none of those."""
        name: str = node.tagname
        if name in _ADMONITIONS:
            self._lead(f"{name.capitalize()}: ", node, level, kind)
        elif name == "admonition":
            self._lead(f"{self._text(node.children[0])}: ", node, level, kind, skip=1)
        elif name == "definition_list_item":
            terms = [self._text(child) for child in node.children if child.tagname != "definition"]
            self._lead(f"{' : '.join(terms)}: ", node.children[-1], level, "list_item")
        elif name == "field":
            self._lead(f"{self._text(node.children[0])}: ", node.children[1], level, "list_item")
        elif name == "option_list_item":
            self._lead(f"{node.children[0].astext()}: ", node.children[1], level, "list_item")
        elif name in ("footnote", "citation"):
            labels = [self._text(child) for child in node.children if child.tagname == "label"]
            self._lead(f"[{''.join(labels) or '#'}] ", node, level, kind, skip=len(labels))
        else:
            return False
        return True

    def _list(self, node: Any, level: int) -> None:
        number = node.attributes.get("start", 1) if node.tagname == "enumerated_list" else None
        for item in node.children:
            self._lead("" if number is None else f"{number}. ", item, level, "list_item")
            number = None if number is None else number + 1

    def _lead(self, lead: str, node: Any, level: int, kind: BlockKind, *, skip: int = 0) -> None:
        """Add a node's blocks, with words before the first paragraph, or alone if none is first."""
        rest = node.children[skip:]
        if rest and rest[0].tagname == "paragraph":
            self.composer.add(kind, lead + self._text(rest[0]))
            rest = rest[1:]
        else:
            self.composer.add(kind, lead.strip() if any(map(str.isalnum, lead)) else "")
        for child in rest:
            self._block(child, level=level, kind=kind)

    def _table(self, table: Any) -> None:
        captions = [self._text(child) for child in table.children if child.tagname == "title"]
        rows: list[list[str]] = []
        for row in _rows(table):
            cells: list[str] = []
            for entry in row.children:
                cells.append(" ".join(self._texts(entry)))
                cells += [""] * min(entry.attributes.get("morecols", 0), _MAX_SPAN)
            rows.append(cells)
        self.composer.add("table", "\n".join(filter(None, [*captions, table_text(rows)])))

    def _misunderstood(self, message: Any) -> None:
        """What docutils complains about is quoted in its complaint: keep the author's text."""
        for quoted in message.children:
            if quoted.tagname != "literal_block":
                continue
            source: str = quoted.astext()
            match = _DIRECTIVE.match(source)
            if match is None:
                self.composer.add("code", source)
            elif match[1] not in _NOTHING_TO_READ:
                body = source[match.end() :].split("\n")
                lines = [line.strip() for line in body if not _OPTION.match(line)]
                self.composer.add("paragraph", "\n".join([f"{match[1]}: {match[2]}", *lines]))

    def _lines(self, block: Any) -> Iterator[str]:
        for node in block.children:
            if node.tagname == "line_block":
                yield from self._lines(node)
            else:
                yield self._text(node)

    def _texts(self, node: Any) -> Iterator[str]:
        """The text of each block inside, for cells of tables."""
        for child in node.children:
            if child.tagname in _SKIPPED or child.tagname == "system_message":
                continue
            if _holds_text(child):
                yield self._text(child)
            else:
                yield from self._texts(child)

    def _text(self, node: Any) -> str:
        """What a reader sees of a line."""
        name: str = node.tagname
        if name == "#text":
            text: str = node.astext()
        elif name == "problematic":
            text = _without_role(node.astext())
        elif name == "substitution_reference":
            text = self._substituted(node)
        elif name in ("footnote_reference", "citation_reference"):
            text = f"[{node.astext() or '#'}]"
        elif name == "image":
            text = node.attributes.get("alt", "")
        elif name in _SKIPPED and name != "target":
            text = ""
        else:
            text = "".join(self._text(child) for child in node.children)
        return text

    def _substituted(self, node: Any) -> str:
        name: str = node.astext()
        found = self._substitutes.get(node.attributes.get("refname", ""))
        if found is None or "date::" in found.rawsource:
            return name
        text: str = found.astext()
        return text if 0 < len(text) <= _MAX_SUBSTITUTE else name


def _rows(table: Any) -> Iterator[Any]:
    for node in table.children:
        if node.tagname == "row":
            yield node
        elif node.tagname in ("tgroup", "thead", "tbody"):
            yield from _rows(node)


def _holds_text(node: Any) -> bool:
    """Whether a node is a line of text, and not made of blocks."""
    return any(
        child.tagname in ("#text", "problematic", "reference", "substitution_reference")
        for child in node.children
    ) or node.tagname in ("paragraph", "rubric", "term", "caption", "attribution")


def _without_role(source: str) -> str:
    r"""The visible part of a reference like :func:`~os.getcwd` or :doc:`Install <install>`."""
    return _ROLE.sub(lambda match: _TARGET.sub("", match[1]).lstrip("~!") or match[1], source)
