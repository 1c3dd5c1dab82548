"""Running headers, footers and page numbers: what repeats at the edges of a document's pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ingest.parsing.pdf_lines import Line

_EDGE = 0.12  # of the page's height
_EDGE_LINES = 3
_REPEATS = 3
_NUMBER = re.compile(r"\W*(?:page\s*)?(?:[a-z]{1,2}-)?(?:#|[ivxl]{1,6})(?:\s*(?:of|/)\s*#)?\W*")


def without_running(pages: Sequence[Sequence[Line]], heights: Sequence[float]) -> list[list[Line]]:
    """The pages without them. A header in words stays where it stands first; it may be a title."""
    edges = [_edge_lines(lines, height) for lines, height in zip(pages, heights, strict=True)]
    seen = Counter(key for page in edges for key in set(page.values()))
    shown: set[str] = set()
    kept: list[list[Line]] = []
    for lines, page in zip(pages, edges, strict=True):
        rest: list[Line] = []
        for index, line in enumerate(lines):
            key = page.get(index)
            if key is not None and seen[key] >= max(_REPEATS, len(pages) // 20):
                if key in shown or _NUMBER.fullmatch(key):
                    continue
                shown.add(key)
            rest.append(line)
        kept.append(rest)
    before, after = (sum(map(len, some)) for some in (pages, kept))
    # Where most of a document repeats (forms, slides of one line each) nothing is furniture.
    return kept if after * 2 > before else [list(lines) for lines in pages]


def _edge_lines(lines: Sequence[Line], height: float) -> dict[int, str]:
    """The outermost lines near the page's head and foot, by index, as what repeats in them."""
    order = sorted(range(len(lines)), key=lambda index: -lines[index].top)
    head = [i for i in order[:_EDGE_LINES] if lines[i].top > height * (1 - _EDGE)]
    foot = [i for i in order[-_EDGE_LINES:] if lines[i].top < height * _EDGE]
    keys = {
        index: re.sub(r"\d+", "#", lines[index].text.casefold())
        for index in {*head, *foot, *order[:1], *order[-1:]}
        if len(lines[index].cells) <= 3
    }
    # A page number may be the outermost line without being near the edge of the sheet.
    return {i: key for i, key in keys.items() if i in head or i in foot or _NUMBER.fullmatch(key)}
