"""Source code: the file is the canonical text; blocks are whole top-level definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from ingest.parsing.characters import decode
from ingest.parsing.document import ParsedDocument
from ingest.parsing.spans import Spans

MIN_CHARS = 400  # shorter definitions share a block
MAX_CHARS = 2000  # a longer block is cut within; about 600 tokens

_DEFINITION = re.compile(
    r"@|#\[|\[<?\w|//|/\*|--|#\s"  # a decorator, an attribute or a comment announces one
    r"|(?:(?:export|default|declare|pub(?:\([\w ]+\))?|public|private|protected|internal|static"
    r"|abstract|final|sealed|async|unsafe|extern|inline|const|data|open|override|virtual)\s+)*"
    r"(?:def|class|function|func|fun|fn|struct|interface|impl|module|mod|trait|enum|type|union"
    r"|namespace|package|protocol|extension|record|object|sub|proc|let|var|val|const|macro_rules!"
    r"|defmodule|template|typedef|resource|service|message|test|describe|it)\b"
    r"|(?:create|alter|insert|drop|with|select|update|delete|grant|begin)\s"
    r"|[A-Za-z_][\w:<>,*&\s~\[\]]*\([^;]*$",  # C and its kin: the head of a function
    re.IGNORECASE,
)
_CLOSING = re.compile(r"[\])}]|end\b|fi\b|done\b|esac\b|else\b|elif\b|except\b|finally\b|catch\b")
_OPENING = ("{", "(", "[")


def parse(data: bytes) -> ParsedDocument:
    """Read source code or a configuration file, every character kept.

    Raises:
        EmptyDocument: it holds nothing but white space.
    """
    spans = Spans(decode(data))
    offsets = [0, *accumulate(len(line) + 1 for line in spans.lines)]
    count = len(spans.lines)
    starts = [*_starts(spans.lines), count]
    first = 0
    for start, end in pairwise(starts):
        short = offsets[start] - offsets[first] < MIN_CHARS
        if not short or offsets[end] - offsets[first] > MAX_CHARS:
            _mark(spans, offsets, first, start)
            first = start
    _mark(spans, offsets, first, count)
    return spans.finish()


def _starts(lines: Sequence[str]) -> Iterator[int]:
    """The lines, after the first, at which a top-level piece begins: unindented, after a blank."""
    inside = False  # brackets that an unindented line opened and none has closed
    for number, line in enumerate(lines):
        if not line.strip() or line[0].isspace():
            continue
        if _CLOSING.match(line):
            inside = line.rstrip().endswith(_OPENING)
            continue
        begins = not inside or _DEFINITION.match(line)
        if begins and number and not lines[number - 1].strip():
            yield number
        inside = line.rstrip().endswith(_OPENING) or (inside and not begins)


def _mark(spans: Spans, offsets: Sequence[int], first: int, end: int) -> None:
    """Mark these lines as one block, or as several of bounded size."""
    while offsets[end] - offsets[first] > MAX_CHARS:
        cut = _cut(spans.lines, offsets, first, end)
        spans.mark("code", first, cut)
        first = cut
    spans.mark("code", first, end)


def _cut(lines: Sequence[str], offsets: Sequence[int], first: int, end: int) -> int:
    """Where to cut a piece that is too long: at the least indented line after a blank one."""
    last = first + 1
    best, best_indent = 0, 0
    for number in range(first + 1, end):
        if offsets[number] - offsets[first] > MAX_CHARS:
            break
        last = number
        line = lines[number]
        if offsets[number] - offsets[first] < MIN_CHARS or not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if not lines[number - 1].strip() and (not best or indent <= best_indent):
            best, best_indent = number, indent
    return best or last
