"""robots.txt, by the examples and rules of RFC 9309."""

from __future__ import annotations

import pytest

from ingest.sources.robots import parse_robots
from ingest.sources.urls import parse_url


def allows(text: str, path: str, product: str = "kb-crawler") -> bool:
    robots = parse_robots(text.encode(), product=product)
    return robots.allows(parse_url(f"http://example.org{path}"))


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("Disallow: /", "/a", False),
        ("Disallow:", "/a", True),
        ("Disallow: /a", "/abc", False),
        ("Disallow: /a/", "/a", True),
        ("Disallow: /\nAllow: /docs", "/docs/x", True),
        ("Allow: /docs\nDisallow: /docs/private", "/docs/private/x", False),
        ("Disallow: /page\nAllow: /page", "/page", True),
        ("Disallow: *.pdf$", "/a/b.pdf", False),
        ("Disallow: /*.pdf$", "/a/b.pdf?x=1", True),
        ("Disallow: /*?", "/a?x=1", False),
        ("Disallow: /*?", "/a", True),
        ("Disallow: /a$", "/a", False),
        ("Disallow: /a$", "/ab", True),
        ("Disallow: /*a*b*c$", "/xaxbxcxc", False),
        ("Disallow: /ab*b$", "/ab", True),
        ("Disallow: /caf%c3%a9", "/café", False),
        ("Disallow: /café", "/caf%C3%A9", False),
        ("Disallow: /%7Euser", "/~user/", False),
        ("disallow : /a # a remark", "/a", False),
        ("Disallow: /", "/robots.txt", True),
        ("Disallow: no-slash", "/no-slash", True),
        ("nonsense\nDisallow: /a", "/a", False),
    ],
)
def test_the_longest_rule_counts_and_allow_wins_a_tie(rules: str, path: str, allowed: bool) -> None:
    assert allows(f"User-agent: *\n{rules}", path) is allowed


GROUPS = """\ufeffUser-agent: other
Disallow: /
Sitemap: http://example.org/sitemap.xml

User-agent: KB-Crawler/2.0
User-agent: third
Disallow: /ours

User-agent: *
Disallow: /all

User-agent: kb-crawler
Disallow: /more
"""


def test_the_groups_of_this_crawler_count_together_and_no_others() -> None:
    assert [allows(GROUPS, path) for path in ("/x", "/ours", "/more", "/all")] == [
        True,
        False,
        False,
        True,
    ]


def test_the_rest_is_for_everybody_else() -> None:
    assert [allows(GROUPS, path, "stranger") for path in ("/ours", "/all")] == [True, False]


def test_without_a_group_everything_is_allowed() -> None:
    assert allows("Disallow: /", "/a")
    assert allows("<html>No such page</html>", "/a")
    assert allows("", "/a")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way(newline: str) -> None:
    assert not allows(f"User-agent: *{newline}Disallow: /a", "/a")


@pytest.mark.parametrize(
    ("line", "seconds"),
    [("2", 2.0), ("0.5", 0.5), ("-1", 0.0), ("nan", 0.0), ("1e9", 0.0), ("soon", 0.0)],
)
def test_a_delay_is_read(line: str, seconds: float) -> None:
    robots = parse_robots(f"User-agent: *\nCrawl-delay: {line}".encode(), product="x")
    assert robots.delay_seconds == seconds


def test_only_the_first_500_kibibytes_are_read() -> None:
    padding = "#" * 500 * 1024 + "\n"
    assert not allows(f"User-agent: *\nDisallow: /\n{padding}", "/a")
    assert allows(f"{padding}User-agent: *\nDisallow: /\n", "/a")


def test_a_hostile_pattern_takes_no_exponential_time() -> None:
    assert allows("User-agent: *\nDisallow: /" + "*a" * 200_000 + "b$", "/" + "a" * 8000)
