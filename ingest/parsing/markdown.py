"""Markdown: the file is the canonical text, so that spans point into the very file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingest.parsing.characters import decode
from ingest.parsing.document import BlockKind, ParsedDocument
from ingest.parsing.spans import Spans

_STEPS = (("open", 1), ("close", -1))
_FRONT_MATTER_TITLE = re.compile(r"title\s*:\s*(['\"]?)(.+?)\1\s*")
_KEY = re.compile(r"[\w-]+\s*:|#")
_LISTS = {f"{kind}_list_{end}": step for kind in ("bullet", "ordered") for end, step in _STEPS}
_LEAVES: dict[str, BlockKind] = {
    "heading_open": "paragraph",  # at the top level only is it a section
    "paragraph_open": "paragraph",
    "hr": "paragraph",
    "blockquote_open": "paragraph",
    "html_block": "paragraph",
    "fence": "code",
    "code_block": "code",
    "table_open": "table",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaf:
    kind: BlockKind
    first: int
    end: int
    title: str = ""
    level: int | None = None


def parse(data: bytes) -> ParsedDocument:
    """Read a Markdown file: CommonMark with tables and YAML front matter."""
    spans = Spans(decode(data))
    skipped = _front_matter_end(spans.lines)
    # The parser sees blank lines where the front matter was, so its line numbers stay the file's.
    source = "\n".join([""] * skipped + spans.lines[skipped:])
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)

    if skipped:
        # Front matter is a code block: every character of the text belongs to some block.
        spans.mark("code", 0, skipped)
    position = skipped
    for leaf in _leaves(tokens):
        first, end = max(leaf.first, position), min(leaf.end, len(spans.lines))
        if first >= end:
            continue
        _mark_rest(spans, position, first)
        spans.mark(leaf.kind, first, end, title=leaf.title, level=leaf.level)
        position = end
    _mark_rest(spans, position, len(spans.lines))
    return spans.finish(title=_front_matter_title(spans.lines[:skipped]))


def _mark_rest(spans: Spans, first: int, end: int) -> None:
    """Mark what the parser made no token of (link definitions, bare list markers) as paragraphs."""
    start = first
    for number in range(first, end):
        if not spans.lines[number].strip():
            spans.mark("paragraph", start, number)
            start = number + 1
    if start < end:
        spans.mark("paragraph", start, end)


def _leaves(tokens: Sequence[Token]) -> Iterator[_Leaf]:
    """The innermost blocks, in order. A quotation is one block, whatever is in it."""
    items: list[int] = []  # first lines of list items that no block has begun yet
    lists = 0
    quote: int | None = None
    for index, token in enumerate(tokens):
        if quote is not None:
            quote = None if token.type == "blockquote_close" and token.level == quote else quote
            continue
        lists += _LISTS.get(token.type, 0)
        if token.type == "list_item_open" and token.map:
            items.append(token.map[0])
        elif token.type == "list_item_close":
            items.clear()
        kind = _LEAVES.get(token.type)
        if kind is None or token.map is None:
            continue
        if token.type == "blockquote_open":
            quote = token.level
        # A marker alone on its line belongs to the item's first block.
        first, end = min([token.map[0], *items]), token.map[1]
        items.clear()
        if token.type == "heading_open" and token.level == 0:
            title, level = _plain(tokens[index + 1]), int(token.tag[1:])
            yield _Leaf(kind="heading", first=first, end=end, title=title, level=level)
        elif token.type == "html_block" and token.content.lstrip().lower().startswith("<table"):
            yield _Leaf(kind="table", first=first, end=end)
        else:
            in_list = lists > 0 and kind == "paragraph"
            yield _Leaf(kind="list_item" if in_list else kind, first=first, end=end)


def _plain(inline: Token) -> str:
    """Inline content without its markup."""
    return "".join(
        " " if child.type in ("softbreak", "hardbreak") else child.content
        for child in inline.children or []
        if child.type != "html_inline"
    )


def _front_matter_end(lines: Sequence[str]) -> int:
    """How many lines at the top are front matter, fences included."""
    if len(lines) < 2 or lines[0].rstrip() != "---" or not _KEY.match(lines[1]):
        return 0  # a thematic break, then text
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() in ("---", "..."):
            return number + 1
    return 0


def _front_matter_title(lines: Sequence[str]) -> str | None:
    for line in lines:
        if match := _FRONT_MATTER_TITLE.fullmatch(line):
            return match[2]
    return None
