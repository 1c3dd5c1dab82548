"""robots.txt, as RFC 9309 reads it: the longest matching rule counts, and Allow wins a tie.

Not `urllib.robotparser`, which lets the first rule count and knows neither `*` nor `$`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.sources.urls import Url, escaped

_READ_BYTES = 500 * 1024  # RFC 9309, 2.5: what is behind may be left unread
_TOKEN = re.compile(r"[A-Za-z_-]+")


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: str
    allows: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Robots:
    """What one site asks of one crawler."""

    rules: tuple[_Rule, ...] = ()
    """The longest first, and Allow before Disallow, so that the first match counts."""
    delay_seconds: float = 0.0
    """Wished for between two requests, by the Crawl-delay line."""

    def allows(self, url: Url) -> bool:
        """Whether the crawler may fetch this URL of the site."""
        if url.path == "/robots.txt":
            return True
        for rule in self.rules:
            if _matches(rule.pattern, url.target):
                return rule.allows
        return True


def parse_robots(data: bytes, *, product: str) -> Robots:
    """The rules for the crawler with this product token, or those for `*` if it has none."""
    groups = _groups(data[:_READ_BYTES].decode("utf-8-sig", errors="replace"))
    token = product.lower()
    ours = [group for group in groups if token in group.agents]
    ours = ours or [group for group in groups if "*" in group.agents]
    rules = {rule for group in ours for rule in group.rules}
    return Robots(
        rules=tuple(sorted(rules, key=lambda rule: (-len(rule.pattern), not rule.allows))),
        delay_seconds=max((group.delay for group in ours), default=0.0),
    )


class _Group:
    def __init__(self) -> None:
        self.agents: set[str] = set()
        self.rules: list[_Rule] = []
        self.delay = 0.0
        self.has_lines = False


def _groups(text: str) -> Sequence[_Group]:
    groups: list[_Group] = []
    for line in re.split(r"\r\n|\r|\n", text):
        key, _, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if key == "user-agent":
            if not groups or groups[-1].has_lines:
                groups.append(_Group())
            token = _TOKEN.match(value)
            groups[-1].agents.add(token[0].lower() if token else value)
        elif groups and key in ("allow", "disallow", "crawl-delay"):
            groups[-1].has_lines = True
            if key == "crawl-delay":
                groups[-1].delay = max(groups[-1].delay, _seconds(value))
            elif value.startswith(("/", "*")):
                groups[-1].rules.append(_Rule(_normal(value), key == "allow"))
    return groups


def _seconds(value: str) -> float:
    return float(value) if re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", value) else 0.0


def _normal(pattern: str) -> str:
    """The pattern escaped as URLs are here, with one star where several stand together."""
    return re.sub(r"\*+", "*", escaped(pattern.replace("\\", "%5C")))


def _matches(pattern: str, target: str) -> bool:
    """Whether the pattern fits the beginning of the target, or all of it if `$` ends it.

    No regular expression: hostile patterns with many stars would take one exponential time.
    """
    anchored = pattern.endswith("$")
    first, *rest = pattern.removesuffix("$").split("*")
    if not target.startswith(first):
        return False
    if not rest:
        return not anchored or target == first
    position, last = len(first), rest.pop()
    for piece in rest:
        found = target.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    if anchored:
        return len(target) - len(last) >= position and target.endswith(last)
    return target.find(last, position) >= 0
