"""Crawls of a real server: exactly the right pages, in the same order every time."""

from __future__ import annotations

import gzip
import random
import time
from contextlib import aclosing
from typing import Any

import pytest

from ingest.sources.crawl import crawl
from ingest.sources.crawl_settings import CrawlSettings
from ingest.sources.errors import (
    BlockedAddress,
    CrawlLimitReached,
    DisallowedByRobots,
    DuplicatePage,
    FetchError,
    FetchFailed,
    FetchTimeout,
    InsecureRedirect,
    InvalidCrawlSettings,
    InvalidSitemap,
    InvalidUrl,
    NoIndex,
    OutOfScope,
    PageMissing,
    PageSkipped,
    ResponseTooLarge,
    TooManyRedirects,
    UnexpectedStatus,
    UnknownHost,
    UnsupportedContentType,
    UnsupportedScheme,
)
from ingest.sources.guarded import GuardedFetcher
from ingest.sources.outcomes import Memory, Outcome, Page, Refused, Unchanged
from tests.ingest.sources.site import Names, Reply, Site, local_fetcher, moved, page

HOST = "docs.site.test"


async def outcomes(
    site: Site,
    seed: str = "/",
    *,
    host: str = HOST,
    fetcher: GuardedFetcher | None = None,
    known: dict[str, Memory] | None = None,
    **settings: Any,
) -> list[Outcome]:
    given: dict[str, Any] = {"scope": "DOMAIN", "delay_seconds": 0, **settings}
    asked = CrawlSettings(seed=site.url(seed, host), **given)
    return [one async for one in crawl(asked, fetcher or local_fetcher(), known=known)]


def pages(site: Site, found: list[Outcome], *, host: str = HOST) -> list[str]:
    """The pages' names; those on the host itself as paths."""
    return [one.url.removeprefix(site.url("", host)) for one in found if isinstance(one, Page)]


def refused(site: Site, found: list[Outcome], *, host: str = HOST) -> dict[str, type[FetchError]]:
    return {
        one.url.removeprefix(site.url("", host)): type(one.error)
        for one in found
        if isinstance(one, Refused)
    }


# Scopes.


def _linked(site: Site) -> None:
    port = site.port
    everywhere = [
        *("/docs/", "/docs/a", "/docs/b/c?x=1", "/docs-old", "/blog"),
        *(f"http://docs.site.test:{port}/docs/d", f"http://en.docs.site.test:{port}/e"),
        *(f"http://site.test:{port}/f", f"http://evildocs.site.test:{port}/g"),
        *(f"http://other.test:{port}/h", f"http://docs.site.test.other.test:{port}/i"),
        *("/docs/../secret", "/docs/%2e%2e/secret", "mailto:a@b.org", "http://[x"),
        *("ftp://docs.site.test/j", "http://user@docs.site.test/docs/k"),
        f"http://docs.site.test:{port + 1 if port < 65535 else 1024}/docs/other-port",
    ]
    for path in ("/docs", "/docs/", "/docs/a", "/docs/b/c?x=1", "/docs/d", "/docs-old", "/blog"):
        site.routes[path] = page(*everywhere)
    for path in ("/e", "/f", "/g", "/h", "/i", "/secret", "/docs/k", "/docs/start.html"):
        site.routes[path] = page(*everywhere)


IN_PATH = ["/docs", "/docs/", "/docs/a", "/docs/b/c?x=1", "/docs/d"]
ON_HOST = ["/docs", "/docs/", "/docs/a", "/docs/b/c?x=1", "/docs-old", "/blog", "/docs/d"]


async def test_scoped_is_the_seed_alone(site: Site) -> None:
    _linked(site)
    found = await outcomes(site, "/docs", scope="SCOPED")
    assert pages(site, found) == ["/docs"]
    assert site.paths == ["/docs"]


async def test_path_is_what_stands_under_the_seed(site: Site) -> None:
    _linked(site)
    found = await outcomes(site, "/docs", scope="PATH")
    assert pages(site, found) == IN_PATH
    assert sorted(site.paths) == sorted(IN_PATH)


async def test_a_file_as_the_seed_stands_for_its_folder(site: Site) -> None:
    _linked(site)
    found = await outcomes(site, "/docs/start.html", scope="PATH")
    assert pages(site, found) == ["/docs/start.html", *IN_PATH[1:]]


async def test_domain_is_the_host(site: Site) -> None:
    _linked(site)
    found = await outcomes(site, "/docs")
    assert pages(site, found) == [*ON_HOST, "/secret"]
    assert {asked.headers["host"] for asked in site.asked} == {f"{HOST}:{site.port}"}


async def test_subdomains_are_the_host_and_what_is_below_it(site: Site) -> None:
    _linked(site)
    found = await outcomes(site, "/docs", scope="SUBDOMAINS")
    subdomain = f"http://en.docs.site.test:{site.port}"
    assert set(pages(site, found)) == {
        *(*ON_HOST, "/secret", f"{subdomain}/e"),
        *(f"{subdomain}{path}" for path in ("/docs/", "/docs/a", "/docs/b/c?x=1")),
        *(f"{subdomain}{path}" for path in ("/docs-old", "/blog", "/secret")),
    }
    robots = [asked.headers["host"] for asked in site.asked if asked.path == "/robots.txt"]
    assert robots == [f"docs.site.test:{site.port}", f"en.docs.site.test:{site.port}"]


async def test_subdomains_leave_the_www_of_the_seed_aside(site: Site) -> None:
    _linked(site)
    site.routes["/"] = page(f"http://blog.site.test:{site.port}/blog", "http://site.other.test/")
    found = await outcomes(site, "/", scope="SUBDOMAINS", host="www.site.test", max_pages=2)
    assert pages(site, found) == [
        site.url("/", "www.site.test"),
        site.url("/blog", "blog.site.test"),
    ]


def _sitemap(*urls: str, index: bool = False) -> str:
    root, entry = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    entries = "".join(f"<{entry}><loc>{url}</loc></{entry}>" for url in urls)
    return f'<{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</{root}>'


async def test_a_sitemap_gives_the_pages_it_lists_on_its_host(site: Site) -> None:
    _linked(site)
    site.routes["/robots.txt"] = Reply("User-agent: *\nDisallow: /blog")
    listed = [site.url(path, HOST) for path in ("/docs/d", "/blog", "/docs/a", "/missing")]
    site.routes["/sitemap.xml"] = Reply(
        _sitemap(*listed, site.url("/h", "other.test"), site.url("/e", f"en.{HOST}")),
        content_type="application/xml",
    )
    found = await outcomes(site, "/sitemap.xml", scope="SITEMAP")
    assert pages(site, found) == ["/docs/d", "/docs/a"]
    assert refused(site, found) == {"/blog": DisallowedByRobots, "/missing": PageMissing}
    assert sorted(site.paths) == ["/docs/a", "/docs/d", "/missing", "/sitemap.xml"]


async def test_an_index_of_sitemaps_is_followed(site: Site) -> None:
    _linked(site)
    site.routes["/index.xml"] = Reply(
        _sitemap(
            *(site.url(path, HOST) for path in ("/one.xml.gz", "/index.xml", "/gone.xml", "/two")),
            *(site.url("/else.xml", "other.test"), "http://169.254.169.254/sitemap.xml"),
            index=True,
        )
    )
    site.routes["/one.xml.gz"] = Reply(gzip.compress(_sitemap(site.url("/docs/a", HOST)).encode()))
    site.routes["/two"] = Reply(
        gzip.compress(_sitemap(site.url("/docs/d", HOST), site.url("/docs/a", HOST)).encode()),
        headers={"Content-Encoding": "gzip"},
    )
    found = await outcomes(site, "/index.xml", scope="SITEMAP")
    assert pages(site, found) == ["/docs/a", "/docs/d"]
    assert refused(site, found) == {"/gone.xml": PageMissing}


async def test_robots_count_for_sitemaps_too(site: Site) -> None:
    site.routes["/robots.txt"] = Reply("User-agent: *\nDisallow: /*.xml$")
    site.routes["/sitemap.xml"] = Reply(_sitemap(site.url("/a", HOST)))
    found = await outcomes(site, "/sitemap.xml", scope="SITEMAP")
    assert refused(site, found) == {"/sitemap.xml": DisallowedByRobots}
    assert site.paths == []


async def test_what_is_no_sitemap_is_said_to_be_none(site: Site) -> None:
    _linked(site)
    found = await outcomes(site, "/docs", scope="SITEMAP")
    assert refused(site, found) == {"/docs": InvalidSitemap}
    assert len(found) == 1


# Order, size, politeness.


def _large(site: Site, *, late: bool = False) -> list[str]:
    """120 pages: the front page, 17 sections, 6 pages in each; in breadth-first order."""
    sections = [f"/s{number}/" for number in range(17)]
    leaves = [f"{section}p{number}" for section in sections for number in range(6)]
    site.routes["/"] = page(*sections)
    for section in sections:
        site.routes[section] = page("/", *(f"p{number}" for number in range(6)), "../s0/")
    for leaf in leaves:
        site.routes[leaf] = page("/", "./", "p5", text=leaf)
    if late:
        for path in [*sections, *leaves]:
            whole = site.routes[path].body
            assert isinstance(whole, str)
            site.routes[path] = Reply(raw=_late(site, whole.encode()))
    return ["/", *sections, *leaves]


class _late:  # noqa: N801 - reads like the function that it stands for
    """An answer after a moment that differs from page to page."""

    def __init__(self, site: Site, body: bytes) -> None:
        self._site, self._body = site, body

    def __iter__(self) -> Any:
        self._site.stopped.wait(random.random() * 0.05)
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + self._body


@pytest.mark.parametrize("concurrency", [1, 4, 16])
async def test_a_site_of_120_pages_comes_breadth_first(site: Site, concurrency: int) -> None:
    expected = _large(site, late=concurrency > 1)
    found = await outcomes(site, concurrency=concurrency)
    assert len(expected) == 120
    assert pages(site, found) == expected
    assert len(found) == 120
    assert sorted(site.paths) == sorted(expected)  # each once
    assert len(site.asked) == 121  # robots.txt too


async def test_the_page_limit_ends_the_crawl_and_says_so(site: Site) -> None:
    expected = _large(site)
    found = await outcomes(site, max_pages=30)
    assert pages(site, found) == expected[:30]
    assert refused(site, found) == {expected[30]: CrawlLimitReached}
    assert len(site.paths) == 30


async def test_the_time_limit_ends_the_crawl_and_says_so(site: Site) -> None:
    expected = _large(site)
    found = await outcomes(site, max_seconds=0)
    assert pages(site, found) == expected[:1]
    assert refused(site, found) == {expected[1]: CrawlLimitReached}


async def test_a_site_without_end_ends(site: Site) -> None:
    for number in range(50):
        site.routes[f"/{number}"] = page(*(f"/{number + 1}/{trap}" for trap in range(500)))
    site.routes["/robots.txt"] = Reply("User-agent: *\nDisallow: /*/")
    found = await outcomes(site, "/0", max_pages=3)
    # Nothing but links that robots.txt forbids: they cost no fetch, but are counted somewhere.
    assert len(found) == 1 + 29 + 1
    assert isinstance(found[-1], Refused)
    assert isinstance(found[-1].error, CrawlLimitReached)


async def test_a_crawl_can_be_left_in_the_middle(site: Site) -> None:
    _large(site, late=True)
    asked = CrawlSettings(seed=site.url(host=HOST), scope="DOMAIN", delay_seconds=0)
    async with aclosing(crawl(asked, local_fetcher())) as found:
        async for _ in found:
            break
    assert len(site.paths) < 20


async def test_robots_are_obeyed_host_by_host(site: Site) -> None:
    _linked(site)
    site.routes[f"{HOST}/robots.txt"] = Reply(
        "User-agent: test-bot\nDisallow: /docs/\nAllow: /docs/d\nUser-agent: *\nDisallow: /"
    )
    site.routes[f"en.{HOST}/robots.txt"] = Reply("User-agent: *\nDisallow: /")
    found = await outcomes(
        site, "/docs", scope="SUBDOMAINS", user_agent="test-bot/1.0 (+https://example.org/bot)"
    )
    assert pages(site, found) == ["/docs", "/docs-old", "/blog", "/docs/d", "/secret"]
    assert set(refused(site, found).values()) == {DisallowedByRobots}
    assert all(asked.headers["user-agent"].startswith("test-bot/1.0 (") for asked in site.asked)
    assert [asked.path for asked in site.asked if asked.headers["host"].startswith("en.")] == [
        "/robots.txt"
    ]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_missing_robots_file_allows_everything(site: Site, status: int) -> None:
    site.routes["/"] = page()
    site.routes["/robots.txt"] = Reply("User-agent: *\nDisallow: /", status=status)
    assert pages(site, await outcomes(site)) == ["/"]


async def test_a_robots_file_that_cannot_be_read_forbids_everything(site: Site) -> None:
    site.routes["/"] = page()
    site.routes["/robots.txt"] = Reply("down", status=503)
    assert refused(site, await outcomes(site)) == {"/": UnexpectedStatus}
    site.routes["/robots.txt"] = Reply(raw=[b"nonsense\r\n\r\n"])
    assert refused(site, await outcomes(site)) == {"/": FetchFailed}
    assert site.paths == []


async def test_a_robots_file_may_redirect_but_not_inside(site: Site) -> None:
    site.routes["/"] = page()
    site.routes["/robots.txt"] = moved("/real-robots.txt")
    site.routes["/real-robots.txt"] = Reply("User-agent: *\nDisallow: /")
    assert refused(site, await outcomes(site)) == {"/": DisallowedByRobots}
    site.routes["/robots.txt"] = moved("http://169.254.169.254/")
    assert refused(site, await outcomes(site)) == {"/": BlockedAddress}


async def test_requests_keep_their_distance(site: Site) -> None:
    """A sleep never ends early, so the sum of the waits is a lower bound on any machine."""
    site.routes["/robots.txt"] = Reply("User-agent: *\nCrawl-delay: 3600")
    site.routes["/"] = page("/a", "/b", "/c", "/d")
    started = time.monotonic()
    await outcomes(site, max_crawl_delay_seconds=0.05)
    assert time.monotonic() - started > 0.19  # four waits; robots.txt itself had none
    started = time.monotonic()
    await outcomes(site, max_crawl_delay_seconds=0, delay_seconds=0.05)
    assert time.monotonic() - started > 0.24


# What pages ask for.


async def test_pages_that_ask_to_be_left_out_are(site: Site) -> None:
    site.routes["/"] = page("/noindex", "/nofollow")
    site.routes["/noindex"] = page("/a", head='<meta name="robots" content="noindex">')
    site.routes["/nofollow"] = page("/b", head='<meta name="robots" content="nofollow">')
    site.routes["/a"] = site.routes["/b"] = page()
    found = await outcomes(site)
    assert pages(site, found) == ["/", "/nofollow", "/a"]
    assert refused(site, found) == {"/noindex": NoIndex}


async def test_pages_that_are_the_same_come_once(site: Site) -> None:
    elsewhere = '<link rel="canonical" href="http://other.test/">'
    site.routes["/"] = page("/print?id=1", "/print?id=2", "/real", "/foreign")
    site.routes["/print?id=1"] = page(head='<link rel="canonical" href="/real">')
    site.routes["/print?id=2"] = page(head='<link rel="canonical" href="/real">')
    site.routes["/real"] = page(head='<link rel="canonical" href="/real">')
    site.routes["/foreign"] = page(head=elsewhere)
    found = await outcomes(site, concurrency=1)
    assert pages(site, found) == ["/", "/real", "/foreign"]
    assert [one.asked for one in found if isinstance(one, Page)][1] == site.url("/print?id=1", HOST)
    assert refused(site, found) == {"/print?id=2": DuplicatePage, "/real": DuplicatePage}
    assert "/real" not in site.paths


async def test_other_spellings_of_a_url_are_fetched_once(site: Site) -> None:
    site.routes["/"] = page(
        "/a", "/a#x", "./a", "/b/../a", "/%61", f"//{HOST.upper()}:{site.port}/a"
    )
    site.routes["/a"] = page()
    assert pages(site, await outcomes(site)) == ["/", "/a"]
    assert site.paths == ["/", "/a"]


async def test_excluded_elements_are_gone_but_their_links_count(site: Site) -> None:
    site.routes["/"] = Reply("<body><nav><a href='/a'>Menu</a></nav><p>Text</p></body>")
    site.routes["/a"] = Reply("just <nav>text</nav>", content_type="text/plain")
    found = await outcomes(site, exclude_tags=("nav",))
    bodies = [one.body for one in found if isinstance(one, Page)]
    assert b"Text" in bodies[0]
    assert b"Menu" not in bodies[0]
    assert bodies[1] == b"just <nav>text</nav>"


async def test_only_documents_are_returned(site: Site) -> None:
    site.routes["/"] = page("/pdf", "/text", "/xhtml", "/picture", "/untyped", "/video")
    site.routes["/pdf"] = Reply(b"%PDF-1.7 \x00\xff", content_type="application/pdf")
    site.routes["/text"] = Reply("Text", content_type="text/plain; charset=utf-8")
    site.routes["/xhtml"] = Reply("<html/>", content_type="application/xhtml+xml")
    site.routes["/picture"] = Reply(b"x", content_type="image/png")
    site.routes["/video"] = Reply(b"x", content_type="video/mp4")
    site.routes["/untyped"] = Reply(b"x", content_type=None)
    found = await outcomes(site)
    assert pages(site, found) == ["/", "/pdf", "/text", "/xhtml"]
    assert [one.content_type for one in found if isinstance(one, Page)] == [
        *("text/html", "application/pdf", "text/plain", "application/xhtml+xml")
    ]
    assert found[1] == Page(
        asked=site.url("/pdf", HOST),
        content_type="application/pdf",
        body=b"%PDF-1.7 \x00\xff",
        memory=Memory(url=site.url("/pdf", HOST), etag=None, last_modified=None, links=()),
    )
    assert set(refused(site, found).values()) == {UnsupportedContentType}


# Redirects.


async def test_redirects_are_followed_within_the_scope_and_each_url_once(site: Site) -> None:
    site.routes["/"] = page("/old", "/new", "/away", "/loop-a", "/self", "/inside", "/file", "/up")
    site.routes["/old"] = moved("/new")
    site.routes["/new"] = page()
    site.routes["/away"] = moved(f"http://other.test:{site.port}/h")
    site.routes["/loop-a"] = moved("/loop-b")
    site.routes["/loop-b"] = moved("/loop-a")
    site.routes["/self"] = moved("/self")
    site.routes["/inside"] = moved("http://169.254.169.254/")
    site.routes["/file"] = moved("file:///etc/passwd")
    site.routes["/up"] = moved("/newer")
    site.routes["/newer"] = page()
    found = await outcomes(site)
    assert pages(site, found) == ["/", "/new", "/newer"]
    assert refused(site, found) == {
        "/old": DuplicatePage,
        "/away": OutOfScope,
        "/self": TooManyRedirects,
        "/inside": OutOfScope,
        "/file": UnsupportedScheme,
        "/loop-b": TooManyRedirects,
    }
    assert len(site.paths) == len(set(site.paths))


async def test_a_long_chain_of_redirects_is_left(site: Site) -> None:
    site.routes["/"] = page("/0")
    for number in range(30):
        site.routes[f"/{number}"] = moved(f"/{number + 1}")
    found = await outcomes(site)
    assert refused(site, found) == {"/10": TooManyRedirects}


async def test_a_redirect_cannot_go_round_robots(site: Site) -> None:
    site.routes["/robots.txt"] = Reply("User-agent: *\nDisallow: /private")
    site.routes["/"] = page("/a")
    site.routes["/a"] = moved("/private/x")
    site.routes["/seed"] = moved("/private/x")
    site.routes["/private/x"] = page()
    assert refused(site, await outcomes(site)) == {"/private/x": DisallowedByRobots}
    assert refused(site, await outcomes(site, "/seed")) == {"/seed": DisallowedByRobots}
    assert "/private/x" not in site.paths


async def test_a_seed_that_redirects_takes_the_scope_along(site: Site) -> None:
    site.routes["site.test/docs"] = moved(f"http://www.site.test:{site.port}/docs/")
    site.routes["www.site.test/docs/"] = page("a", "/b", f"http://site.test:{site.port}/c")
    site.routes["www.site.test/docs/a"] = page()
    found = await outcomes(site, "/docs", host="site.test", scope="PATH")
    assert pages(site, found, host="www.site.test") == ["/docs/", "/docs/a"]
    assert not any(isinstance(one, Refused) for one in found)


# Failures.


async def test_no_failure_of_a_page_ends_the_crawl(site: Site) -> None:
    def drip() -> Any:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
        while not site.stopped.wait(0.05):
            yield b"x"

    broken = ["/missing", "/error", "/large", "/drip", "/cut", "/bomb", "/binary"]
    site.routes["/"] = page(*broken, "/last")
    site.routes["/error"] = Reply(status=500)
    site.routes["/large"] = Reply(bytes(3_000_000))
    site.routes["/drip"] = Reply(raw=drip())
    site.routes["/cut"] = Reply(
        raw=[b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\nx"]
    )
    site.routes["/bomb"] = Reply(
        gzip.compress(bytes(3_000_000)), headers={"Content-Encoding": "gzip"}
    )
    site.routes["/binary"] = Reply(bytes(range(256)) * 9)
    site.routes["/last"] = page()
    fetcher = local_fetcher(body_bytes=2_000_000, total_seconds=3)
    found = await outcomes(site, fetcher=fetcher)
    assert pages(site, found) == ["/", "/last"]
    assert refused(site, found) == {
        "/missing": PageMissing,
        "/error": UnexpectedStatus,
        "/large": ResponseTooLarge,
        "/drip": FetchTimeout,
        "/cut": FetchFailed,
        "/bomb": ResponseTooLarge,
        "/binary": UnsupportedContentType,
    }
    assert len(found) == 9


@pytest.mark.parametrize(
    ("seed", "error"),
    [
        ("http://169.254.169.254/latest/meta-data/", BlockedAddress),
        ("http://[::ffff:10.0.0.1]/", BlockedAddress),
        ("http://127.0.0.2/", BlockedAddress),
        ("http://inside.test/", BlockedAddress),
        ("http://nowhere.test/", UnknownHost),
        ("http://2130706433/", InvalidUrl),
        ("http://good.test@127.0.0.1/", InvalidUrl),
        ("file:///etc/passwd", UnsupportedScheme),
        ("not a url", InvalidUrl),
    ],
)
@pytest.mark.parametrize("scope", ["SCOPED", "DOMAIN", "SITEMAP"])
async def test_a_forbidden_seed_is_refused_with_its_reason(
    scope: Any, seed: str, error: type[FetchError]
) -> None:
    names = Names(inside=[["192.168.1.1"]], nowhere=[[]])
    asked = CrawlSettings(seed=seed, scope=scope)
    found = [one async for one in crawl(asked, local_fetcher(names))]
    assert [type(one.error) for one in found if isinstance(one, Refused)] == [error]
    assert len(found) == 1


async def test_subdomains_that_lead_inside_are_refused(site: Site) -> None:
    """Whoever runs the DNS of the site can point any name of it anywhere."""
    site.routes["/"] = page(f"http://inside.{HOST}:{site.port}/admin")
    names = Names(inside=[["127.0.0.2"]])
    found = await outcomes(site, scope="SUBDOMAINS", fetcher=local_fetcher(names))
    assert refused(site, found) == {f"http://inside.{HOST}:{site.port}/admin": BlockedAddress}
    assert site.paths == ["/"]


# A second crawl.


async def test_unchanged_pages_are_not_sent_again_and_their_links_are_remembered(
    site: Site,
) -> None:
    site.routes["/"] = Reply(page("/a", "/b").body, headers={"ETag": '"front"'})
    site.routes["/a"] = Reply(page("/deep").body, headers={"ETag": '"a1"'})
    site.routes["/b"] = page()
    site.routes["/deep"] = Reply(
        page().body, headers={"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    )
    first = await outcomes(site)
    known = {one.asked: one.memory for one in first if isinstance(one, Page)}
    assert pages(site, first) == ["/", "/a", "/b", "/deep"]

    site.asked.clear()
    site.routes["/a"] = Reply(page("/deep", "/new").body, headers={"ETag": '"a2"'})
    site.routes["/new"] = page()
    second = await outcomes(site, known=known)
    assert [type(one) for one in second] == [Unchanged, Page, Page, Page, Page]
    assert isinstance(second[0], Unchanged)
    assert second[0].memory == known[second[0].asked]
    assert pages(site, second) == ["/a", "/b", "/deep", "/new"]
    sent = {asked.path: asked.headers for asked in site.asked}
    assert sent["/"]["if-none-match"] == '"front"'
    assert sent["/a"]["if-none-match"] == '"a1"'
    assert sent["/deep"]["if-modified-since"] == "Mon, 01 Jan 2024 00:00:00 GMT"
    assert "if-none-match" not in sent["/b"]


async def test_a_304_that_nobody_asked_for_is_no_page(site: Site) -> None:
    site.routes["/"] = Reply(status=304, content_type=None)
    assert refused(site, await outcomes(site)) == {"/": UnexpectedStatus}


# Settings.


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": "UNKNOWN"},
        {"max_pages": 0},
        {"max_pages": 5_501},
        {"concurrency": 0},
        {"concurrency": 17},
        {"delay_seconds": -1.0},
        {"user_agent": "kb crawler/1.0"},
        {"user_agent": ""},
        {"user_agent": "kb/1.0\r\nX: y"},
        {"exclude_tags": ("body",)},
        {"exclude_tags": ("nav > a",)},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidCrawlSettings):
        CrawlSettings(seed="http://example.org/", **wrong)


def test_what_is_left_out_on_purpose_is_told_from_what_failed() -> None:
    assert issubclass(NoIndex, PageSkipped)
    assert not issubclass(InsecureRedirect, PageSkipped)
