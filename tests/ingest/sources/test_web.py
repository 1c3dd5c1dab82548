"""A website as a source: what is gone is told from what cannot be read today."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.parsing.detect import detect
from ingest.sources.crawl_settings import CrawlSettings
from ingest.sources.errors import (
    BlockedAddress,
    CrawlLimitReached,
    DisallowedByRobots,
    DuplicatePage,
    FetchFailed,
    FetchTimeout,
    InvalidSitemap,
    InvalidUrl,
    NoIndex,
    OutOfScope,
    PageMissing,
    ResponseTooLarge,
    SourceError,
    TooManyRedirects,
    UnexpectedStatus,
    UnknownHost,
    UnsupportedContentType,
)
from ingest.sources.guarded import GuardedFetcher
from ingest.sources.source import Failed, Found, Incomplete, Skipped
from ingest.sources.web import WebSource
from tests.ingest.sources.readings import (
    body,
    errors,
    found,
    incomplete,
    items,
    memories,
    unchanged,
)
from tests.ingest.sources.site import Names, Reply, Site, local_fetcher, moved, page

HOST = "docs.site.test"


def a_source(
    site: Site, seed: str = "/", *, fetcher: GuardedFetcher | None = None, **settings: Any
) -> WebSource:
    given: dict[str, Any] = {"scope": "DOMAIN", "delay_seconds": 0, **settings}
    return WebSource(CrawlSettings(seed=site.url(seed, HOST), **given), fetcher or local_fetcher())


def paths(site: Site, keys: list[str]) -> list[str]:
    return [key.removeprefix(site.url("", HOST)) for key in keys]


def by_path(site: Site, some: dict[str, type]) -> dict[str, type]:
    return {key.removeprefix(site.url("", HOST)): error for key, error in some.items()}


async def test_a_page_is_known_by_the_url_asked_for_and_named_by_where_it_belongs(
    site: Site,
) -> None:
    site.routes["/"] = page("/print?id=1", head="<title>Home</title>")
    site.routes["/print?id=1"] = page(head='<link rel="canonical" href="/real">', text="Real.")
    some = await items(a_source(site))
    assert paths(site, found(some)) == ["/", "/print?id=1"]
    assert isinstance(some[1], Found)
    assert some[1].item_name == site.url("/real", HOST)
    assert b"<p>Real.</p>" in await body(some[1])
    assert some[1].size == len(await body(some[1]))


async def test_a_page_is_told_to_be_html_whatever_it_begins_with(site: Site) -> None:
    site.routes["/"] = Reply("<table><tr><td>A</td></tr></table><a href='/text'>text</a>")
    site.routes["/text"] = Reply("<p> is a tag.", content_type="text/plain")
    kinds = [
        detect(await body(one), one.item_name)
        for one in await items(a_source(site))
        if isinstance(one, Found)
    ]
    assert kinds == ["html", "text"]


async def test_a_page_the_server_says_is_unchanged_is(site: Site) -> None:
    site.routes["/"] = Reply(page("/a").body, headers={"ETag": '"front"'})
    site.routes["/a"] = page()
    first = await items(a_source(site))
    second = await items(a_source(site), memories(first))
    assert paths(site, unchanged(second)) == ["/"]
    assert paths(site, found(second)) == ["/a"]


async def test_what_is_gone_or_no_document_is_skipped(site: Site) -> None:
    site.routes["/robots.txt"] = Reply("User-agent: *\nDisallow: /private", content_type=None)
    links = ["/missing", "/gone", "/legal", "/private", "/noindex", "/picture", "/loop", "/away"]
    site.routes["/"] = page(*links, "/twin", "/twin?x=1", "/large", "/inside")
    site.routes["/gone"] = Reply(status=410)
    site.routes["/legal"] = Reply(status=451)
    site.routes["/private"] = page()
    site.routes["/noindex"] = page(head='<meta name="robots" content="noindex">')
    site.routes["/picture"] = Reply(b"x", content_type="image/png")
    site.routes["/loop"] = moved("/loop")
    site.routes["/away"] = moved(f"http://other.test:{site.port}/")
    site.routes["/twin"] = page()
    site.routes["/twin?x=1"] = page(head='<link rel="canonical" href="/twin">')
    site.routes["/large"] = Reply(bytes(3_000_000))
    site.routes["/inside"] = moved("http://user@inside/")
    some = await items(a_source(site, fetcher=local_fetcher(body_bytes=2_000_000)))
    assert paths(site, found(some)) == ["/", "/twin"]
    assert by_path(site, errors(some, Skipped)) == {
        **dict.fromkeys(("/missing", "/gone", "/legal"), PageMissing),
        "/private": DisallowedByRobots,
        "/noindex": NoIndex,
        "/picture": UnsupportedContentType,
        "/loop": TooManyRedirects,
        "/away": OutOfScope,
        "/twin?x=1": DuplicatePage,
        "/large": ResponseTooLarge,
        "/inside": InvalidUrl,
    }
    assert errors(some, Failed) == {}
    assert incomplete(some) == []


async def test_what_may_be_back_tomorrow_has_failed(site: Site) -> None:
    def drip() -> Any:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
        while not site.stopped.wait(0.05):
            yield b"x"

    statuses = {f"/{status}": status for status in (401, 403, 429, 500, 503)}
    elsewhere = f"http://nowhere.{HOST}:{site.port}/"
    site.routes["/"] = page(*statuses, "/drip", "/cut", elsewhere)
    for path, status in statuses.items():
        site.routes[path] = Reply(status=status)
    site.routes["/drip"] = Reply(raw=drip())
    site.routes["/cut"] = Reply(raw=[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n"])
    fetcher = local_fetcher(Names(nowhere=[[]]), total_seconds=3)
    some = await items(a_source(site, fetcher=fetcher, scope="SUBDOMAINS"))
    assert by_path(site, errors(some, Failed)) == {
        **dict.fromkeys(statuses, UnexpectedStatus),
        "/drip": FetchTimeout,
        "/cut": FetchFailed,
        elsewhere: UnknownHost,
    }
    assert errors(some, Skipped) == {}


async def test_pages_behind_one_that_cannot_be_read_today_are_still_there(site: Site) -> None:
    site.routes["/"] = page("/hub", "/old")
    site.routes["/hub"] = page("/leaf")
    site.routes["/leaf"] = page()
    site.routes["/old"] = moved("/older")
    site.routes["/older"] = moved("/new")
    site.routes["/new"] = page("/below")
    site.routes["/below"] = page()
    first = await items(a_source(site))
    everything = ["/", "/hub", "/leaf", "/new", "/below"]
    assert sorted(paths(site, found(first))) == sorted(everything)

    known = memories(first)
    site.routes["/hub"] = site.routes["/old"] = Reply(status=503)
    for _ in range(2):  # what is remembered of the second crawl is enough for the third
        again = await items(a_source(site), known)
        assert sorted(paths(site, found(again))) == ["/", "/below", "/leaf", "/new"]
        assert set(by_path(site, errors(again, Failed))) == {"/hub", "/old"}
        assert errors(again, Skipped) == {}
        known |= memories(again)

    site.routes["/hub"] = site.routes["/old"] = Reply(status=404)
    last = await items(a_source(site), known)
    assert paths(site, found(last)) == ["/"]
    assert set(by_path(site, errors(last, Skipped))) == {"/hub", "/old"}


async def test_a_page_that_cannot_be_read_today_keeps_its_name(site: Site) -> None:
    canonical = page(head='<link rel="canonical" href="/real">')
    site.routes["/"] = page("/print", "/real")
    site.routes["/print"] = site.routes["/real"] = canonical
    first = await items(a_source(site, concurrency=1))
    assert paths(site, found(first)) == ["/", "/print"]

    site.routes["/print"] = Reply(status=503)
    second = await items(a_source(site, concurrency=1), memories(first))
    assert paths(site, found(second)) == ["/"]
    assert by_path(site, errors(second, Failed)) == {"/print": UnexpectedStatus}
    assert by_path(site, errors(second, Skipped)) == {"/real": DuplicatePage}


@pytest.mark.parametrize("limit", [{"max_pages": 2}, {"max_seconds": 0}])
async def test_a_crawl_that_ends_early_is_incomplete(site: Site, limit: dict[str, Any]) -> None:
    site.routes["/"] = page("/a", "/b", "/c")
    site.routes["/a"] = page()
    some = await items(a_source(site, concurrency=1, **limit))
    assert incomplete(some) == [CrawlLimitReached]
    assert isinstance(some[-1], Incomplete)


@pytest.mark.parametrize("scope", ["SCOPED", "DOMAIN", "SITEMAP"])
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=404), PageMissing),
        (Reply(status=500), UnexpectedStatus),
        (moved("http://169.254.169.254/"), BlockedAddress),
        (moved("/"), TooManyRedirects),
    ],
)
async def test_a_seed_that_cannot_be_read_says_nothing_of_the_rest(
    site: Site, scope: str, reply: Reply, error: type[SourceError]
) -> None:
    site.routes["/"] = reply
    with pytest.raises(error):
        await items(a_source(site, scope=scope))


async def test_a_seed_that_is_no_url_is_refused() -> None:
    with pytest.raises(InvalidUrl):
        await items(WebSource(CrawlSettings(seed="example"), local_fetcher()))


async def test_a_seed_that_asks_not_to_be_indexed_still_leads_on(site: Site) -> None:
    site.routes["/"] = page("/a", head='<meta name="robots" content="noindex">')
    site.routes["/a"] = page()
    some = await items(a_source(site))
    assert paths(site, found(some)) == ["/a"]
    assert by_path(site, errors(some, Skipped)) == {"/": NoIndex}


async def test_a_sitemap_of_an_index_that_cannot_be_read_hides_pages(site: Site) -> None:
    def listing(root: str, entry: str, *urls: str) -> Reply:
        entries = "".join(f"<{entry}><loc>{url}</loc></{entry}>" for url in urls)
        return Reply(f"<{root}>{entries}</{root}>", content_type="application/xml")

    site.routes["/index.xml"] = listing("sitemapindex", "sitemap", "/a.xml", "/b.xml", "/c.xml")
    site.routes["/a.xml"] = listing("urlset", "url", "/a")
    site.routes["/b.xml"] = Reply(status=503)
    site.routes["/c.xml"] = page()
    site.routes["/a"] = page()
    some = await items(a_source(site, "/index.xml", scope="SITEMAP"))
    assert paths(site, found(some)) == ["/a"]
    assert incomplete(some) == [UnexpectedStatus, InvalidSitemap]
    assert errors(some, Skipped) == {}
