"""A volume as plain text: underlined headings, wrapped paragraphs, tables in aligned columns."""

import textwrap

from examples.handbook_writers.blocks import (
    Block,
    Code,
    Heading,
    Listing,
    Paragraph,
    Table,
    Volume,
    plain,
)

WIDTH = 90
UNDERLINES = {1: "=", 2: "-", 3: "~"}


def write(volume: Volume) -> bytes:
    return ("\n\n".join(_block(block) for block in volume.blocks) + "\n").encode()


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{text}\n{UNDERLINES[level] * len(text)}"
        case Paragraph(line):
            return _wrapped(plain(line))
        case Listing(ordered, items):
            return "\n".join(
                _wrapped(plain(item), bullet=f"{n}. " if ordered else "- ")
                for n, item in enumerate(items, 1)
            )
        case Table(header, rows):
            cells = [[plain(cell) for cell in row] for row in (header, *rows)]
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
            cells.insert(1, ["-" * width for width in widths])
            return "\n".join(_row(row, widths) for row in cells)
        case Code(text):
            return textwrap.indent(text, "    ")


def _wrapped(text: str, *, bullet: str = "") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _row(cells: list[str], widths: list[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()
