"""Lines back to running text: words that were cut at a line's end are made whole again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ingest.parsing.pdf_lines import WRAPPED

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_CUT = re.compile(rf"([^\W\d_]+)[{WRAPPED}]([^\W\d_]+)")


class Rejoiner:
    """Knows the document's own words, and so which hyphens at line ends are part of a word."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._words: set[str] = set()
        for line in lines:
            self._words.update(word.casefold() for word in _WORD.findall(line))

    def text(self, lines: Sequence[str]) -> str:
        """The lines as one line."""
        parts: list[str] = []
        for line in lines:
            if parts and re.search(r"[^\W\d_][-\u2010]$", parts[-1]) and line[:1].isalpha():
                parts[-1] = parts[-1][:-1] + WRAPPED + line
            else:
                parts.append(line)
        text = _CUT.sub(self._rejoin, " ".join(parts))
        return text.replace(WRAPPED, "-")

    def _rejoin(self, match: re.Match[str]) -> str:
        before, after = match[1], match[2]
        whole, hyphened = f"{before}{after}", f"{before}-{after}"
        if hyphened.casefold() in self._words or not after[0].islower():
            return hyphened
        if whole.casefold() in self._words:
            return whole
        # Two words of their own, as in "wholly-owned", and not the halves of one.
        both = all(len(part) > 2 and part.casefold() in self._words for part in (before, after))
        return hyphened if both else whole
