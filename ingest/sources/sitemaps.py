"""Sitemaps: the pages they list, or the further sitemaps that an index lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ingest.parsing.trees import TreeError, elements, local_name, xml_tree
from ingest.sources.compression import gunzip
from ingest.sources.errors import InvalidSitemap, InvalidUrl, ResponseTooLarge
from ingest.sources.markup_limits import check_markup
from ingest.sources.urls import Url, resolve

_BYTES = 16 * 1024 * 1024  # sitemaps.org allows 50 MiB, whose tree would fill the memory
_URLS = 50_000  # sitemaps.org: in one file
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Sitemap:
    """What one file lists, in its order. One of the two is empty."""

    pages: tuple[Url, ...]
    sitemaps: tuple[Url, ...]


def parse_sitemap(data: bytes, base: Url) -> Sitemap:
    """Read a sitemap or an index of them, gzipped or not; entries that are no URL are left out.

    Raises InvalidSitemap, ResponseTooLarge past 16 MiB unpacked or the markup's limits, and
    FetchFailed for bad gzip.
    """
    if data.startswith(_GZIP):
        data = gunzip(data, limit=_BYTES)
    if len(data) > _BYTES:
        raise ResponseTooLarge(f"More than {_BYTES} bytes.")
    data = data.lstrip()
    check_markup(data, "xml")
    try:
        root = xml_tree(data)
    except (TreeError, ValueError) as exc:
        raise InvalidSitemap(f"{exc}.") from exc
    kind = local_name(root)
    if kind not in ("urlset", "sitemapindex"):
        raise InvalidSitemap(f"It is an XML file of <{kind}>.")
    parent = "url" if kind == "urlset" else "sitemap"
    found: dict[Url, None] = {}
    for text in islice(_locations(root, parent), _URLS):
        try:
            found[resolve(base, text)] = None
        except InvalidUrl:
            continue
    return Sitemap(tuple(found), ()) if kind == "urlset" else Sitemap((), tuple(found))


def _locations(root: Any, parent: str) -> Iterator[str]:
    """The text of each <loc> that stands in such an entry, and not in a picture's, say."""
    for node in elements(root):
        if local_name(node) == "loc" and local_name(node.getparent()) == parent:
            text = (node.text or "").strip()
            if text:
                yield text
