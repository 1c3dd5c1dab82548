"""RESULTS.md: one section for each heading, of which a benchmark replaces its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

PATH = Path(__file__).with_name("RESULTS.md")
INTRODUCTION = """\
# Results

Written by the benchmarks themselves (`--write`); [README.md](README.md) says what they do.
"""


def put(section: str, path: Path = PATH) -> None:
    """Put a section, which begins with its heading, in place of the one of that heading.

    A new one comes last.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else INTRODUCTION
    introduction, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    by_heading = {_heading(one): one for one in sections} | {_heading(section): section}
    parts = [introduction, *by_heading.values()]
    path.write_text("\n".join(part.strip() + "\n" for part in parts), encoding="utf-8")


def table_section(title: str, about: str, table: Table, said: Sequence[str], measured: str) -> str:
    """A section of a table as it is shown in the terminal, and of what is said under it."""
    columns = [[str(column.header), *map(str, column.cells)] for column in table.columns]
    header, *rows = zip(*columns, strict=True)
    rule = ["---" if column.justify == "left" else "--:" for column in table.columns]
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))
    listed = "\n".join(f"- {one}" for one in said)
    return "\n\n".join(filter(None, [f"## {title}", about, lines, listed, measured])) + "\n"


def _heading(section: str) -> str:
    return section.partition("\n")[0]
