"""Source code in pieces: definitions whole, and one too long for a chunk cut between what is in it.

Read off the lines, for any language: a line says by its indentation how deep it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

# What ends the piece before it or goes on with it.
_GOES_ON = re.compile(
    r"[\])}]|(?:end|fi|done|esac|else|elif|elsif|except|rescue|finally|ensure|catch|then|do)\b"
)
# A decorator, an attribute or a comment belongs to the line below it.
_ANNOUNCES = re.compile(r"@|#\[|#\s|//|/\*|\*|--\s|;;")
_ENDS = (",", ";", "(", "[", "{", "}")  # after which a brace opens something new, as in a list


@dataclass(frozen=True, slots=True)
class _Line:
    """A line at which a piece may begin."""

    start: int
    """Of what is in it, past its indentation."""
    indent: int
    after_blank: bool


def pieces(
    text: str, start: int, end: int, fits: Callable[[int, int], bool]
) -> Iterator[tuple[int, int]]:
    """Spans that cover `text[start:end]` but for the white space between them, in order.

    One that does not fit is cut at its least indented lines: after a blank line, as definitions
    stand, else at any. A piece is longer than what fits only where it is a single line, or one
    with what belongs to it.
    """
    lines = list(_lines(text, start, end))
    left = [(0, len(lines))]
    while left:
        first, stop = left.pop()
        piece_start = lines[first].start
        piece_end = lines[stop].start if stop < len(lines) else end
        piece_end = piece_start + len(text[piece_start:piece_end].rstrip())
        cuts = [] if fits(piece_start, piece_end) else _cuts(lines, first, stop)
        if cuts:
            edges = [first, *cuts, stop]
            left += reversed(list(pairwise(edges)))
        else:
            yield piece_start, piece_end


def _cuts(lines: Sequence[_Line], first: int, stop: int) -> list[int]:
    """The lines at which these are cut."""
    inside = range(first + 1, stop)
    least = min((lines[number].indent for number in inside), default=0)
    outer = [number for number in inside if lines[number].indent == least]
    return [number for number in outer if lines[number].after_blank] or outer


def _lines(text: str, start: int, end: int) -> Iterator[_Line]:
    """The first line of a span, and those at which it may be cut."""
    offset, before, after_blank = start, "", False
    for line in text[start:end].split("\n"):
        content = line.strip()
        indent = len(line) - len(line.lstrip())
        if offset == start or (content and _begins(content, before, after_blank)):
            yield _Line(offset + indent, indent, after_blank)
        before, after_blank = content or before, not content
        offset += len(line) + 1


def _begins(line: str, before: str, after_blank: bool) -> bool:
    """Whether a piece may begin at this line, given the one above it that is not blank."""
    if _GOES_ON.match(line) or (line.startswith("{") and not before.endswith(_ENDS)):
        return False
    return after_blank or not _ANNOUNCES.match(before)
