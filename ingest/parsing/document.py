"""A parsed document: its canonical text, and the blocks that say what each part of it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

BlockKind = Literal["heading", "paragraph", "list_item", "table", "code"]
BLOCK_KINDS: frozenset[str] = frozenset(get_args(BlockKind))

SectionPath = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stretch of the canonical text that is one thing."""

    kind: BlockKind
    char_start: int
    char_end: int
    """Offsets are in characters (code points); the end is exclusive."""
    section_path: SectionPath = ()
    """The headings this block stands under, outermost first; a heading's own title comes last."""
    page: int | None = None
    """The page it is on, from 1. A block never spans two pages."""
    level: int | None = None
    """Of a heading: 1 is the outermost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedDocument:
    """What every parser returns.

    Blocks are in order and do not overlap; each one's text is non-empty and stripped; between
    them is only whitespace. Lines end in a bare newline, and there is nothing in the text that
    PostgreSQL cannot store. Characters are otherwise as the author wrote them: the text is not
    put into a Unicode normal form, because a citation quotes the file. Folding is for search.
    """

    text: str
    blocks: tuple[Block, ...]
    title: str | None = None
    page_count: int | None = None
    pages_by_ocr: int = 0
    """Pages whose text was recognised in a picture, and may have its mistakes."""
    pages_without_text: int = 0
    """Pages that show something and of which nothing was read. Blank pages do not count."""

    def text_of(self, block: Block) -> str:
        """The block's own text."""
        return self.text[block.char_start : block.char_end]


class ContractError(ValueError):
    """A document does not keep the promises of `ParsedDocument`."""


def verify(document: ParsedDocument) -> None:
    """Raise ContractError unless the document keeps every promise of `ParsedDocument`."""
    _verify_text(document.text)
    _verify_pages(document)
    position = 0
    page = 1
    for block in document.blocks:
        if not position <= block.char_start < block.char_end <= len(document.text):
            raise ContractError(f"a block at {block.char_start}:{block.char_end} is out of order")
        if document.text[position : block.char_start].strip():
            raise ContractError(f"text before {block.char_start} is in no block")
        text = document.text_of(block)
        if text != text.strip():
            raise ContractError(f"the block at {block.char_start} is not stripped")
        if block.page is not None:
            if not page <= block.page <= (document.page_count or block.page):
                raise ContractError(f"the block at {block.char_start} is on no page")
            page = block.page
        position = block.char_end
    if document.text[position:].strip():
        raise ContractError(f"text after {position} is in no block")
    _verify_sections(document.blocks)


def _verify_text(text: str) -> None:
    if "\0" in text or "\r" in text:
        raise ContractError("the text holds a NUL or a carriage return")
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise ContractError("the text holds a lone surrogate") from exc


def _verify_pages(document: ParsedDocument) -> None:
    by_ocr, without = document.pages_by_ocr, document.pages_without_text
    pages = document.page_count
    if min(by_ocr, without) < 0 or (pages is not None and by_ocr + without > pages):
        raise ContractError("more pages are without text of their own than there are")


def _verify_sections(blocks: Sequence[Block]) -> None:
    path: SectionPath = ()
    for block in blocks:
        if (block.kind == "heading") != (block.level is not None):
            raise ContractError(f"the block at {block.char_start} has a level without a heading")
        if block.kind == "heading":
            if (
                not block.section_path
                or block.section_path[:-1] != path[: len(block.section_path) - 1]
            ):
                raise ContractError(f"the heading at {block.char_start} is in no section")
            path = block.section_path
        elif block.section_path != path:
            raise ContractError(f"the block at {block.char_start} is not in the section it follows")
