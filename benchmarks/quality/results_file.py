"""RESULTS.md: one section for each heading, of which a benchmark replaces its own."""

from __future__ import annotations

import re
from pathlib import Path

PATH = Path(__file__).parents[1] / "RESULTS.md"
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


def _heading(section: str) -> str:
    return section.partition("\n")[0]
