"""A table as text: one row per line, cells parted by a bar, as in Markdown without the rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table_text(rows: Iterable[Sequence[str]]) -> str:
    """The rows as lines like `| a | b |`, without rows and columns that are empty throughout."""
    table = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    width = max((len(row) for row in table), default=0)
    used = [any(len(row) > column and row[column] for row in table) for column in range(width)]
    lines = [
        f"| {' | '.join(cell for cell, keep in zip(row, used, strict=False) if keep)} |"
        for row in table
        if any(row)
    ]
    return "\n".join(lines)
