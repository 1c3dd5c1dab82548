"""Sitemaps, honest and hostile."""

from __future__ import annotations

import gzip

import pytest

from ingest.sources.errors import FetchFailed, InvalidSitemap, ResponseTooLarge
from ingest.sources.sitemaps import Sitemap, parse_sitemap
from ingest.sources.urls import parse_url

NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
BASE = parse_url("http://example.org/sitemap.xml")
LISTED = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- made by hand -->
<urlset {NAMESPACE} xmlns:image="http://example.org/image">
  <url><loc>
    http://example.org/b?x=1&amp;y=2
  </loc><lastmod>2024-01-01</lastmod>
  <image:image><image:loc>http://example.org/picture.png</image:loc></image:image></url>
  <url><loc>http://example.org/a</loc></url>
  <url><loc>http://example.org/a#again</loc></url>
  <url><loc>javascript:alert(1)</loc></url>
  <url><loc/></url><url><loc> </loc></url>
</urlset>""".encode()


def read(data: bytes) -> Sitemap:
    return parse_sitemap(data, BASE)


@pytest.mark.parametrize("data", [LISTED, gzip.compress(LISTED), b"\n" + LISTED])
def test_pages_come_in_the_order_they_are_listed(data: bytes) -> None:
    pages = [str(page) for page in read(data).pages]
    assert pages == ["http://example.org/b?x=1&y=2", "http://example.org/a"]


def test_an_index_lists_sitemaps() -> None:
    index = f"<sitemapindex {NAMESPACE}><sitemap><loc>/one.xml.gz</loc></sitemap></sitemapindex>"
    sitemap = read(index.encode())
    assert [str(one) for one in sitemap.sitemaps] == ["http://example.org/one.xml.gz"]
    assert sitemap.pages == ()


@pytest.mark.parametrize(
    "data", [b"", b"plain text", b"<html><body>Not found</body></html>", b"<urlset>", LISTED[:200]]
)
def test_what_is_no_sitemap_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidSitemap):
        read(data)


def test_entities_stay_unread(tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("x") / "secret"
    secret.write_text("http://example.org/leaked")
    data = (
        f'<!DOCTYPE urlset [<!ENTITY leak SYSTEM "{secret.as_uri()}">]>'
        f"<urlset {NAMESPACE}><url><loc>&leak;</loc></url></urlset>"
    )
    assert "leaked" not in repr(read(data.encode()))


def test_a_huge_file_is_refused_and_a_cut_one_too() -> None:
    with pytest.raises(ResponseTooLarge):
        read(gzip.compress(bytes(17 * 1024 * 1024)))
    with pytest.raises(ResponseTooLarge):
        read(b"<urlset>" + b" " * (17 * 1024 * 1024))
    with pytest.raises(ResponseTooLarge):
        read(b"<urlset>" + b"<url/>" * 510_000 + b"</urlset>")
    attributes = " ".join(f'a{number}="1"' for number in range(100_000))
    with pytest.raises(ResponseTooLarge):
        read(f"<urlset {attributes}/>".encode())
    with pytest.raises(FetchFailed):
        read(gzip.compress(LISTED)[:-20])
