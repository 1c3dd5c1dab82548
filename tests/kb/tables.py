"""What commands print, taken apart again."""

from __future__ import annotations


def row(output: str, first: str) -> list[str]:
    """The cells of a table's row."""
    line = next(line for line in output.splitlines() if first in line)
    return [cell.strip() for cell in line.replace("│", "|").strip("| ").split("|")]


def cells(output: str, first: str) -> list[str]:
    """The cells of a table's row, none of them empty or with a blank in it."""
    return next(line for line in output.splitlines() if first in line).replace("│", " ").split()


def one_line(text: str) -> str:
    """The text, which has just one line."""
    assert text.count("\n") == 1, text
    return text
