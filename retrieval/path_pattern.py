"""Patterns that take values from a document's name, such as `policies/{department}/*.pdf`.

A pattern stands for the whole name and is compared with it piece by piece between slashes:
    *        any characters within a piece, or none
    {name}   the same, but at least one, and they are what the pattern is for
    **       alone between slashes, once: any number of pieces, or none; at least one at the end
All else is meant literally, and case counts. Users write no regular expressions, and a name is gone
through once, so that none can take long.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.errors import RetrievalError

MAX_CHARACTERS = 500
ANY_PIECES = "**"
_WILD = re.compile(r"(\*|\{[a-z][a-z0-9_]*\})")
_STRAY = re.compile(r"[{}]")


class InvalidPattern(RetrievalError):
    """This is no pattern for document names; write one like `policies/{department}/*.pdf`."""


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A pattern that was checked; `parse_pattern` makes one."""

    text: str
    names: frozenset[str]
    """What stands between braces."""


def parse_pattern(text: str) -> PathPattern:
    """Raises `InvalidPattern`."""
    if not 0 < len(text) <= MAX_CHARACTERS:
        raise InvalidPattern(f"It has between 1 and {MAX_CHARACTERS} characters.")
    pieces = text.split("/")
    if pieces.count(ANY_PIECES) > 1:
        raise InvalidPattern("** stands in it once at most.")
    names: list[str] = []
    for piece in pieces:
        if piece == ANY_PIECES:
            continue
        literals, wild = _parts(piece)
        if any(not literal for literal in literals[1:-1]):
            raise InvalidPattern(f"Two wildcards touch in {piece!r}; put something between them.")
        if stray := next(filter(None, map(_STRAY.search, literals)), None):
            raise InvalidPattern(f"{stray[0]!r} in {piece!r} belongs to no {{name}}.")
        names += [one[1:-1] for one in wild if one != "*"]
    if len(set(names)) < len(names):
        raise InvalidPattern("A {name} stands in it twice.")
    return PathPattern(text, frozenset(names))


def match(pattern: PathPattern, item_name: str) -> dict[str, str] | None:
    """What the names in the pattern stand for, or nothing where the document's name is another."""
    wanted, given = pattern.text.split("/"), item_name.split("/")
    if ANY_PIECES not in wanted:
        return _match_pieces(wanted, given)
    middle = wanted.index(ANY_PIECES)
    head, tail = wanted[:middle], wanted[middle + 1 :]
    if len(given) < len(head) + (len(tail) or 1):
        return None
    before = _match_pieces(head, given[: len(head)])
    after = _match_pieces(tail, given[len(given) - len(tail) :])
    return None if before is None or after is None else before | after


def _match_pieces(wanted: Sequence[str], given: Sequence[str]) -> dict[str, str] | None:
    if len(wanted) != len(given):
        return None
    found: dict[str, str] = {}
    for piece, text in zip(wanted, given, strict=True):
        values = _match_piece(piece, text)
        if values is None:
            return None
        found |= values
    return found


def _match_piece(piece: str, text: str) -> dict[str, str] | None:
    """Each wildcard ends where the literal after it first occurs; the last one ends the text."""
    (first, *literals), wild = _parts(piece)
    if not wild:
        return {} if text == first else None
    if not text.startswith(first):
        return None
    found: dict[str, str] = {}
    start = len(first)
    for number, (one, literal) in enumerate(zip(wild, literals, strict=True)):
        least = start + (one != "*")
        is_last = number == len(wild) - 1
        end = len(text) - len(literal) if is_last else text.find(literal, least)
        if end < least or not text.startswith(literal, end):
            return None
        if one != "*":
            found[one[1:-1]] = text[start:end]
        start = end + len(literal)
    return found


def _parts(piece: str) -> tuple[list[str], list[str]]:
    """What is literal in a piece, and the wildcards between; there is one literal more."""
    parts = _WILD.split(piece)
    return parts[::2], parts[1::2]
