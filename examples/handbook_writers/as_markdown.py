"""A volume as Markdown, with padded tables and one line to a paragraph."""

from examples.handbook_writers.blocks import (
    Block,
    Code,
    Heading,
    Line,
    Listing,
    Paragraph,
    Table,
    Volume,
)

MARKS = {"plain": "", "bold": "**", "italic": "*", "code": "`"}


def write(volume: Volume) -> bytes:
    return ("\n\n".join(_block(block) for block in volume.blocks) + "\n").encode()


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {text}"
        case Paragraph(line):
            return _line(line)
        case Listing(ordered, items):
            bullets = (f"{n}." if ordered else "-" for n in range(1, len(items) + 1))
            return "\n".join(
                f"{bullet} {_line(item)}" for bullet, item in zip(bullets, items, strict=True)
            )
        case Table(header, rows):
            cells = [[_line(cell) for cell in row] for row in (header, *rows)]
            widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
            cells.insert(1, ["-" * width for width in widths])
            return "\n".join(_row(row, widths) for row in cells)
        case Code(text):
            return f"```\n{text}\n```"


def _row(cells: list[str], widths: list[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def _line(line: Line) -> str:
    return "".join(f"{MARKS[span.style]}{span.text}{MARKS[span.style]}" for span in line)
