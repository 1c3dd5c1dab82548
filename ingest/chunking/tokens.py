"""Token counts of any span of a text, after tokenizing the text once."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer


_PIECE = 100_000  # characters


class TokenMeter:
    """Counts tokens between two character offsets in logarithmic time.

    `tokenizer` must neither truncate nor pad. Counts leave special tokens out.
    """

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        # Numbers, and piece by piece: a token takes 4 bytes here and some 200 in an encoding.
        self._starts = array("I")
        for first, piece in _pieces(text):
            encoding = tokenizer.encode(piece, add_special_tokens=False)
            self._starts.extend(first + start for start, _ in encoding.offsets)
        self._length = len(text)

    def count(self, start: int, end: int) -> int:
        """How many tokens begin in `text[start:end]`."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def end_of(self, start: int, tokens: int) -> int:
        """The largest offset such that `text[start:offset]` holds at most `tokens` tokens."""
        index = bisect_left(self._starts, start) + tokens
        return self._starts[index] if index < len(self._starts) else self._length

    def start_of(self, end: int, tokens: int) -> int:
        """The smallest offset at a token such that `text[offset:end]` holds at most `tokens`."""
        index = max(0, bisect_left(self._starts, end) - tokens)
        return self._starts[index] if index < len(self._starts) else end


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The text in parts that end at line ends, where no tokenizer's token reaches over."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _PIECE) + 1 or len(text)
        yield start, text[start:end]
        start = end
