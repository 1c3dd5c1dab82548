"""Which conditions of a filter leave a document out, found by asking for each one alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from retrieval.filters import Condition, Filter, Group, Operator, Value

Matches = Callable[[Filter], Awaitable[bool]]
"""Whether anything of the document matches."""

WORDS: dict[Operator, str] = {
    "eq": "is",
    "ne": "is not",
    "gt": "is greater than",
    "gte": "is at least",
    "lt": "is less than",
    "lte": "is at most",
    "in": "is one of",
    "not_in": "is none of",
    "contains": "contains",
    "starts_with": "starts with",
}
JOINTS = {"all": "all of", "any": "one of", "none": "none of"}


async def excluding(node: Filter, matches: Matches) -> list[Filter]:
    """The smallest parts that nothing of the document matches.

    The whole where each part is matched by something, and all together by nothing.
    """
    if isinstance(node, Condition) or node.kind == "any":
        return [node]
    parts = node.parts if node.kind == "all" else [Group("none", (one,)) for one in node.parts]
    found: list[Filter] = []
    for part in parts:
        if not await matches(part):
            found += [part] if node.kind == "none" else await excluding(part, matches)
    return found or [node]


def described(node: Filter) -> str:
    """The part in words, as `page_number is at least 3`."""
    if isinstance(node, Condition):
        value = node.value
        said = ", ".join(_said(one) for one in value) if isinstance(value, tuple) else _said(value)
        return f"{node.field.name} {WORDS[node.operator]} {said}"
    if len(node.parts) == 1 and node.kind != "none":
        return described(node.parts[0])
    return f"{JOINTS[node.kind]} ({'; '.join(described(part) for part in node.parts)})"


def _said(value: Value) -> str:
    match value:
        case str():
            return repr(value)
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat()
        case _:
            return f"{value:g}"
