"""A website as a data source, from its pages to passages: scope by scope, and again later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import repeat
from uuid import UUID

import pytest

from ingest.parsing.jail import ParserJail
from ingest.sources.errors import InvalidCrawlSettings, InvalidUrl
from kb.job_bodies import IndexingJobBody
from kb.service import Service
from retrieval.scope import TeamScope
from tests.ingest.sources.site import Names, Reply, Site, local_fetcher, moved, page
from tests.kb.library import Library, counts
from tests.kb.teams import new_base

PAGES = 120
HOST = "docs.example.org"
FORBIDDEN = {
    "/to-loopback": "http://127.0.0.9/",
    "/to-metadata": "http://169.254.169.254/latest/meta-data/",
    "/to-mapped": "http://[::ffff:10.0.0.1]/",
    "/to-private-name": "http://intranet.docs.example.org/",
}


@pytest.fixture(scope="module")
async def jail() -> AsyncIterator[ParserJail]:
    async with ParserJail() as jail:
        yield jail


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        build(site)
        yield site


def build(site: Site) -> None:
    """120 pages under /guide/, some beside them, and every trap we know."""
    traps = [*FORBIDDEN, "/loop-a", "/large", "/endless", "/private/secret", "/not-for-indexes"]
    numbers = [f"/guide/{number}" for number in range(1, PAGES)]
    site.routes = {
        "/robots.txt": Reply("User-agent: *\nDisallow: /private/", content_type="text/plain"),
        "/guide/": page(*numbers, "/other", *traps, text="The guide begins."),
        "/other": page(text="Beside the guide."),
        "/private/secret": page(text="Nobody may read this."),
        "/not-for-indexes": page(head='<meta name="robots" content="noindex">', text="Unlisted."),
        "/loop-a": moved("/loop-b"),
        "/loop-b": moved("/loop-a"),
        "/large": Reply(b"<p>" + b"x" * 50_000_000, headers={}),
        "/endless": Reply(
            raw=(
                piece
                for pieces in (
                    [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>"],
                    repeat(b"y" * 65536),
                )
                for piece in pieces
            )
        ),
        **{path: moved(target) for path, target in FORBIDDEN.items()},
        **{
            path: Reply(
                f"<html><head><title>Pump {number}</title></head>"
                f"<body><nav>Menu</nav><h1>Pump {number}</h1><p>Valve {number} opens.</p></body>",
                headers={"ETag": f'"{number}"'},
            )
            for number, path in enumerate(numbers, 1)
        },
    }
    listed = "".join(
        f"<url><loc>http://{HOST}:{site.port}{path}</loc></url>" for path in numbers[:10]
    )
    site.routes["/sitemap.xml"] = Reply(f"<urlset>{listed}</urlset>", content_type="text/xml")


@pytest.fixture
async def library(service: Service, team: TeamScope, jail: ParserJail) -> AsyncIterator[Library]:
    names = Names(intranet=[["10.0.0.7"]])
    fetcher = local_fetcher(names, body_bytes=2_000_000, total_seconds=5)
    library = Library(service, await new_base(service, team), jail, fetcher=fetcher)
    await library.work()
    yield library
    await library.work()


async def crawl(library: Library, site: Site, scope: str, path: str = "/guide/") -> UUID:
    settings = {
        "base_url": f"http://{HOST}:{site.port}{path}",
        "crawling_option": scope,
        "exclude_tags": ["nav"],
    }
    source = await library.add("web_crawler", settings)
    await library.work()
    return source


async def refusals(library: Library, job: IndexingJobBody) -> dict[str, str]:
    """Error codes by path."""
    return {
        "/" + row.item_name.split("/", 3)[3]: row.error_code
        for row in await library.jobs.report(library.scope, job.uuid)
        if row.error_code
    }


async def paths(library: Library) -> list[str]:
    return sorted("/" + name.split("/", 3)[3] for name in await library.documents())


async def test_a_domain_is_crawled_to_cited_passages_and_every_trap_is_named(
    library: Library, site: Site
) -> None:
    await crawl(library, site, "DOMAIN")
    job = await library.newest()
    assert counts(job)["indexed"] == PAGES + 1
    assert await paths(library) == sorted(
        ["/guide/", "/other", *(f"/guide/{number}" for number in range(1, PAGES))]
    )
    assert "Valve 77 opens." in (await library.find("Valve 77"))[0]
    assert await library.find("Menu") == []
    refused = await refusals(library, job)
    # Forbidden targets are not in the domain, so that their redirects lead out of it.
    assert {path: refused.get(path) for path in FORBIDDEN} == dict.fromkeys(
        FORBIDDEN, "out_of_scope"
    )
    assert refused["/private/secret"] == "disallowed_by_robots"
    assert refused["/not-for-indexes"] == "noindex"
    assert refused["/large"] == refused["/endless"] == "response_too_large"
    assert "too_many_redirects" in {refused.get("/loop-a"), refused.get("/loop-b")}
    assert "/private/secret" not in site.paths


@pytest.mark.parametrize(
    ("scope", "path", "expected"),
    [("SCOPED", "/guide/", 1), ("PATH", "/guide/", PAGES), ("SITEMAP", "/sitemap.xml", 10)],
)
async def test_each_scope_takes_its_pages_and_no_others(
    library: Library, site: Site, scope: str, path: str, expected: int
) -> None:
    await crawl(library, site, scope, path)
    found = await paths(library)
    assert len(found) == expected
    assert all(one.startswith("/guide/") for one in found)


@pytest.mark.parametrize("target", FORBIDDEN.values())
@pytest.mark.parametrize("scope", ["SCOPED", "SUBDOMAINS"])
async def test_a_seed_that_leads_to_a_forbidden_address_fails_the_source(
    library: Library, site: Site, target: str, scope: str
) -> None:
    site.routes["/seed"] = moved(target)
    await crawl(library, site, scope, "/seed")
    (source,) = (await library.newest()).data_source_jobs
    assert source.status == "DATA_SOURCE_STATUS_FAILED"
    assert source.error_msg == "blocked_address"
    assert await library.documents() == {}


async def test_a_second_crawl_asks_for_changes_only(library: Library, site: Site) -> None:
    await crawl(library, site, "PATH")
    site.routes["/guide/5"] = Reply("<h1>Pump 5</h1><p>Renewed.</p>", headers={"ETag": '"new"'})
    del site.routes["/guide/6"]
    job = await library.sync()
    assert counts(job) == {"indexed": 1, "failed": 0, "removed": 1, "skipped": PAGES - 2 + 1}
    assert "Renewed." in (await library.find("Renewed"))[0]
    assert "/guide/6" not in await paths(library)
    assert (await library.sync()).status == "INDEX_JOB_STATUS_NO_CHANGES"


async def test_a_site_that_is_down_loses_nothing(library: Library, site: Site) -> None:
    await crawl(library, site, "PATH")
    site.routes["/guide/"] = Reply("Out of order.", status=503)
    job = await library.sync()
    (source,) = job.data_source_jobs
    assert source.status == "DATA_SOURCE_STATUS_FAILED"
    assert len(await library.documents()) == PAGES


@pytest.mark.parametrize("url", ["ftp://example.org/", "file:///etc/passwd", "nowhere", ""])
async def test_what_is_no_web_address_is_refused_at_once(library: Library, url: str) -> None:
    settings: dict[str, object] = {"base_url": url, "crawling_option": "SCOPED", "exclude_tags": ()}
    with pytest.raises(InvalidUrl):
        await library.add("web_crawler", settings)


async def test_an_unknown_scope_is_refused_with_the_known_ones(library: Library) -> None:
    settings: dict[str, object] = {
        "base_url": "https://a.org",
        "crawling_option": "ALL",
        "exclude_tags": (),
    }
    with pytest.raises(InvalidCrawlSettings, match="SUBDOMAINS"):
        await library.add("web_crawler", settings)
