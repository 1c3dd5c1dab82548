"""A web page as a crawler reads it: its links, its wishes, and its content without furniture."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ingest.parsing.characters import decode, storable
from ingest.parsing.errors import UnsupportedFormat
from ingest.parsing.trees import elements, html_text, html_tree
from ingest.sources.errors import InvalidUrl, ResponseTooLarge, UnsupportedContentType
from ingest.sources.markup_limits import check_markup
from ingest.sources.urls import Url, resolve

_LARGEST = 8 * 1024 * 1024  # bytes; the tree of a page takes many times its size in memory
_MOST_LINKS = 10_000  # of one page; a hostile one could hold millions
_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPage:
    """What a crawler takes from an HTML page."""

    body: bytes
    """The page as UTF-8 HTML, without the excluded elements."""
    links: tuple[Url, ...]
    """The first 10,000 of the whole page, each once; none where it asks not to follow them."""
    canonical: Url | None
    """Where the page says that it belongs."""
    noindex: bool
    """The page asks to be left out."""


def read_page(
    data: bytes, url: Url, *, charset: str | None, exclude_tags: Collection[str], product: str
) -> WebPage:
    """Read an HTML page; `charset` is what the server says, `product` names the crawler.

    Raises ResponseTooLarge past 8 MiB or the markup's limits, and UnsupportedContentType for what
    is no text.
    """
    if len(data) > _LARGEST:
        raise ResponseTooLarge(f"An HTML page of more than {_LARGEST} bytes.")
    text = _decode(data, charset)
    check_markup(text.encode(), "html")
    root = html_tree(text)
    if root is None:
        return WebPage(body=text.encode(), links=(), canonical=None, noindex=False)
    base = _base(root, url)
    wishes = _wishes(root, product)
    nofollow = bool(wishes & {"nofollow", "none"})
    return WebPage(
        links=() if nofollow else tuple(dict.fromkeys(islice(_links(root, base), _MOST_LINKS))),
        canonical=_canonical(root, base),
        noindex=bool(wishes & {"noindex", "none"}),
        # Last, because it takes elements out of the tree.
        body=_without(root, exclude_tags).encode() if exclude_tags else text.encode(),
    )


def _decode(data: bytes, charset: str | None) -> str:
    """UTF-8 and byte order marks are believed first, then the server, then the page itself."""
    declared = _DECLARED.search(data[:4096])
    named = (charset, declared[1].decode("ascii", "replace") if declared else None)
    if not data.startswith(_BOMS):
        try:
            return storable(data.decode())
        except UnicodeDecodeError:
            pass
        for name in filter(None, named):
            try:
                return storable(data.decode(name, errors="replace"))
            except (LookupError, ValueError):  # a name that Python does not know, or no charset
                continue
    try:
        return decode(data)
    except UnsupportedFormat as exc:
        raise UnsupportedContentType("It claims to be HTML and is no text.") from exc


def _base(root: Any, url: Url) -> Url:
    for node in root.iter("base"):
        if node.get("href"):
            return _resolved(url, node.get("href")) or url
    return url


def _links(root: Any, base: Url) -> Iterator[Url]:
    for node in root.iter("a", "area"):
        href = node.get("href")
        if href and "nofollow" not in node.get("rel", "").lower().split():
            link = _resolved(base, href)
            if link is not None:
                yield link


def _canonical(root: Any, base: Url) -> Url | None:
    for node in root.iter("link"):
        if "canonical" in node.get("rel", "").lower().split() and node.get("href"):
            return _resolved(base, node.get("href"))
    return None


def _resolved(base: Url, reference: str) -> Url | None:
    """None for mailto: and the like, which lead to no page."""
    try:
        return resolve(base, reference)
    except InvalidUrl:
        return None


def _wishes(root: Any, product: str) -> set[str]:
    """What `<meta name="robots">` asks of all crawlers or of this one."""
    return {
        wish.strip().lower()
        for node in root.iter("meta")
        if node.get("name", "").strip().lower() in ("robots", product.lower())
        for wish in node.get("content", "").split(",")
    }


def _without(root: Any, tags: Collection[str]) -> str:
    for node in elements(root):
        if node.tag in tags and node.getparent() is not None:
            node.drop_tree()
    return html_text(root)
