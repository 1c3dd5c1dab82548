"""Makes parsed documents from a list of blocks, as a parser would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from ingest.parsing.document import Block, BlockKind, ParsedDocument, verify


@dataclass(frozen=True)
class Part:
    """A block's text, before it has a place."""

    text: str
    kind: BlockKind = "paragraph"
    level: int = 1
    """Of a heading."""

    page: int | None = None
    gap: str = "\n\n"
    """White space after it."""


def heading(text: str, level: int = 1, *, page: int | None = None) -> Part:
    return Part(text, "heading", level, page)


def table(*rows: str) -> Part:
    return Part("\n".join(rows), "table")


def make_parsed(*parts: Part | str, title: str | None = None) -> ParsedDocument:
    """Keeps every promise that parsers make, or fails."""
    text, blocks, path = "", list[Block](), list[str]()
    for given in parts:
        part = Part(given) if isinstance(given, str) else given
        if part.kind == "heading":
            path = [*path[: part.level - 1], part.text]
        start = len(text)
        text += part.text
        blocks.append(
            Block(
                kind=part.kind,
                char_start=start,
                char_end=len(text),
                section_path=tuple(path),
                page=part.page,
                level=part.level if part.kind == "heading" else None,
            )
        )
        text += part.gap
    pages = [block.page for block in blocks if block.page is not None]
    document = ParsedDocument(
        text=text, blocks=tuple(blocks), title=title, page_count=max(pages, default=None)
    )
    verify(document)
    return document


# Random documents. Words are chosen for what tokenizers make of them: one piece, many, or none.

WORDS = [
    *("the", "pump", "pressure", "reset", "antidisestablishmentarianism", "VX-2214", "e.g.", "x"),
    *("“quoted”", "3.14", "...", "naïve", "日本語の文書です。", "한국어", "สวัสดี", "नमस्ते", "ﬁne"),
    *("\N{GRINNING FACE}", "[SEP]", "[MASK]", "##ing", "snake_case", "x" * 99, "y" * 101, "\u0301"),
]
SPACES = [" ", " ", " ", ". ", "! ", ", ", "\n", "\t", "  ", "\N{NO-BREAK SPACE}", "\u2028"]
KINDS: Sequence[BlockKind] = ("paragraph", "list_item", "code", "table")


@st.composite
def texts(draw: st.DrawFn, *, longest: int = 300) -> str:
    """Up to `longest` words; a seed draws them, because drawing each would take too long."""
    random = draw(st.randoms(use_true_random=False))
    words = random.choices(WORDS, k=draw(st.integers(1, longest)))
    text = "".join(word + random.choice(SPACES) for word in words).strip()
    return text or "x"


@st.composite
def documents(draw: st.DrawFn) -> ParsedDocument:
    parts: list[Part] = []
    for _ in range(draw(st.integers(0, 12))):
        if draw(st.booleans()):
            level = draw(st.integers(1, min(4, 1 + sum(part.kind == "heading" for part in parts))))
            parts.append(heading(draw(texts(longest=12)), level))
        else:
            parts.append(Part(draw(texts()), draw(st.sampled_from(KINDS))))
    title = draw(st.none() | texts(longest=20))
    levels_kept = [
        Part(part.text, part.kind, min(part.level, 1 + _depth(parts[:number])), part.page)
        for number, part in enumerate(parts)
    ]
    return make_parsed(*levels_kept, title=title)


def _depth(parts: Sequence[Part]) -> int:
    """How many headings enclose what comes next; a heading may go one deeper, not two."""
    depth = 0
    for part in parts:
        if part.kind == "heading":
            depth = min(part.level, depth + 1)
    return depth
