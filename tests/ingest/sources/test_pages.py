"""What the crawler reads in a page."""

from __future__ import annotations

import pytest

from ingest.sources.errors import ResponseTooLarge, UnsupportedContentType
from ingest.sources.pages import WebPage, read_page
from ingest.sources.urls import parse_url

URL = parse_url("http://example.org/docs/start")


def read(
    markup: str | bytes, *, charset: str | None = None, exclude: tuple[str, ...] = ()
) -> WebPage:
    data = markup.encode() if isinstance(markup, str) else markup
    return read_page(data, URL, charset=charset, exclude_tags=exclude, product="kb-crawler")


def links(markup: str) -> list[str]:
    return [str(link) for link in read(markup).links]


def test_links_come_once_each_in_their_order() -> None:
    markup = '<a href="b">B</a><area href="/a"><a href="./b#part">again</a><a name="x">none</a>'
    assert links(markup) == ["http://example.org/docs/b", "http://example.org/a"]


def test_what_is_no_page_is_no_link() -> None:
    markup = '<a href="mailto:a@b.org">m</a><a href="javascript:x()">j</a><a href="http://[">x</a>'
    assert links(markup) == []


def test_links_start_from_the_base_of_the_page() -> None:
    assert links('<base href="/other/"><a href="x">x</a>') == ["http://example.org/other/x"]
    assert links('<base href="http://cdn.test/"><a href="x">x</a>') == ["http://cdn.test/x"]
    assert links('<base href="javascript:"><a href="x">x</a>') == ["http://example.org/docs/x"]


def test_links_that_ask_not_to_be_followed_are_not() -> None:
    assert links('<a rel="noopener NoFollow" href="a">a</a><a rel="next" href="b">b</a>') == [
        "http://example.org/docs/b"
    ]


@pytest.mark.parametrize(
    ("meta", "noindex", "followed"),
    [
        ('name="robots" content="noindex"', True, True),
        ('name="ROBOTS" content="NoIndex, NoFollow"', True, False),
        ('name="robots" content="nofollow"', False, False),
        ('name="robots" content="none"', True, False),
        ('name="robots" content="all"', False, True),
        ('name="kb-crawler" content="noindex"', True, True),
        ('name="other" content="none"', False, True),
        ('name="description" content="noindex"', False, True),
    ],
)
def test_a_page_says_whether_it_may_be_indexed_and_followed(
    meta: str, noindex: bool, followed: bool
) -> None:
    page = read(f'<head><meta {meta}></head><a href="x">x</a>')
    assert page.noindex is noindex
    assert bool(page.links) is followed


def test_a_page_says_where_it_belongs() -> None:
    page = read('<head><link rel="stylesheet" href="a"><link rel=Canonical href="/real#x"></head>')
    assert str(page.canonical) == "http://example.org/real"
    assert read("<p>x</p>").canonical is None


def test_excluded_elements_are_taken_out_but_their_links_are_followed() -> None:
    markup = (
        "<html><body><nav><a href='/menu'>Menu</a><nav>deep</nav></nav>before"
        "<script>code()</script>after<main>Content<footer>Foot</footer>tail</main></body></html>"
    )
    page = read(markup, exclude=("nav", "script", "footer", "form"))
    text = page.body.decode()
    assert [str(link) for link in page.links] == ["http://example.org/menu"]
    assert not any(gone in text for gone in ("Menu", "deep", "code()", "Foot", "<nav", "<script"))
    assert all(kept in text for kept in ("before", "after", "Content", "tail"))


def test_without_exclusions_the_page_stays_as_it_is() -> None:
    assert read("<p>One<p>two & three").body == b"<p>One<p>two & three"


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ("Grüße".encode(), "latin-1"),
        ("Grüße".encode("latin-1"), "latin-1"),
        (b'<meta charset="windows-1252">' + "Grüße".encode("cp1252"), None),
        (b'<meta charset="utf-8">' + "Grüße".encode("latin-1"), "iso-8859-1"),
        ("Grüße".encode("utf-16"), "latin-1"),
        ("Grüße".encode("latin-1"), "no-such-charset"),
        ("Grüße".encode("latin-1"), "hex"),
    ],
)
def test_the_text_is_read_in_its_charset(data: bytes, charset: str | None) -> None:
    assert "Grüße" in read(data, charset=charset).body.decode()


def test_an_empty_page_has_nothing_in_it() -> None:
    assert read("").links == ()
    assert read("<!-- only this -->").body


def test_what_only_claims_to_be_html_is_skipped() -> None:
    with pytest.raises(UnsupportedContentType):
        read(bytes(range(256)) * 10)


def test_a_huge_page_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ResponseTooLarge):
        read(b"x" * (8 * 1024 * 1024 + 1))


@pytest.mark.parametrize(
    "markup",
    [
        "<p " + " ".join(f"a{number}=1" for number in range(300_000)) + ">",
        "<p>" + "<b>" * 510_000,
    ],
)
def test_markup_that_would_take_for_ever_is_refused(markup: str) -> None:
    """libxml2 alone takes minutes over the first, and nothing could stop it."""
    with pytest.raises(ResponseTooLarge):
        read(markup)


def test_a_page_of_links_alone_gives_ten_thousand() -> None:
    assert len(read("".join(f"<a href={number}>x</a>" for number in range(11_000))).links) == 10_000
