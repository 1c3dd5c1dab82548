"""A volume as plain blocks: what is left of Markdown once nobody needs to know it was Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

Style = Literal["plain", "bold", "italic", "code"]
STYLES: dict[str, Style] = {"strong_open": "bold", "em_open": "italic"}


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one style."""

    text: str
    style: Style = "plain"


Line = tuple[Span, ...]


def plain(line: Line) -> str:
    """The words alone."""
    return "".join(span.text for span in line)


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    line: Line


@dataclass(frozen=True, slots=True)
class Listing:
    """A flat list; the source has no lists within lists."""

    ordered: bool
    items: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Table:
    header: tuple[Line, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True, slots=True)
class Code:
    text: str


Block = Heading | Paragraph | Listing | Table | Code


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume: its file name without a suffix, and its blocks, of which the first is the H1."""

    name: str
    blocks: tuple[Block, ...]

    @property
    def title(self) -> str:
        first = self.blocks[0]
        assert isinstance(first, Heading)
        assert first.level == 1
        return first.text


class MarkdownError(ValueError):
    """The handbook is written in headings, paragraphs, flat lists, tables and fences; use those."""


class CharacterError(ValueError):
    """The handbook stays within Latin-1, so that the PDF needs no embedded font; replace these."""


def parse(name: str, markdown: str) -> Volume:
    beyond = sorted({character for character in markdown if ord(character) > 0xFF})
    if beyond:
        raise CharacterError(f"{name}: {' '.join(beyond)}")
    tokens = iter(MarkdownIt("commonmark").enable("table").parse(markdown))
    return Volume(name, tuple(_block(token, tokens) for token in tokens))


def _block(token: Token, rest: Iterator[Token]) -> Block:
    match token.type:
        case "heading_open":
            line = _lines(rest, "heading_close")[0]
            return Heading(int(token.tag[1]), plain(line))
        case "paragraph_open":
            return Paragraph(_lines(rest, "paragraph_close")[0])
        case "bullet_list_open":
            return Listing(False, _lines(rest, "bullet_list_close"))
        case "ordered_list_open":
            return Listing(True, _lines(rest, "ordered_list_close"))
        case "table_open":
            return _table(rest)
        case "fence":
            return Code(token.content.rstrip("\n"))
        case other:
            raise MarkdownError(other)


def _lines(tokens: Iterator[Token], end: str) -> tuple[Line, ...]:
    """The inline texts up to the token that closes what we are in."""
    lines: list[Line] = []
    for token in tokens:
        if token.type == end:
            break
        if token.type == "inline":
            lines.append(_line(token.children or []))
        elif token.type.endswith("_list_open"):
            raise MarkdownError("a list within a list")
    return tuple(lines)


def _table(tokens: Iterator[Token]) -> Table:
    rows: list[tuple[Line, ...]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append(_lines(tokens, "tr_close"))
    return Table(rows[0], tuple(rows[1:]))


def _line(children: Sequence[Token]) -> Line:
    spans: list[Span] = []
    style: Style = "plain"
    for child in children:
        if child.type in STYLES:
            style = STYLES[child.type]
        elif child.type in {"strong_close", "em_close"}:
            style = "plain"
        elif child.type == "code_inline":
            spans.append(Span(child.content, "code"))
        elif child.type == "softbreak":
            spans.append(Span(" ", style))
        elif child.type != "text":
            raise MarkdownError(child.type)
        elif child.content:
            spans.append(Span(child.content, style))
    assert all(a.style == "plain" or b.style == "plain" for a, b in pairwise(spans))
    return tuple(spans)
