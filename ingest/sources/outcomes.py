"""What a crawl finds at a URL."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.sources.errors import FetchError


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What to keep of a page for the next crawl, under the URL it was asked for by."""

    url: str
    """Where the page belongs: its canonical URL, or where its redirects ended."""
    etag: str | None
    last_modified: str | None
    links: tuple[str, ...]
    """An unchanged page is not sent again, so its links are remembered."""
    via: tuple[str, ...] = ()
    """The URLs whose redirects led to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that is new or may have changed."""

    asked: str
    """The URL it was found by."""
    content_type: str
    body: bytes
    """HTML is UTF-8 and without the excluded elements; all else is as the server sent it."""
    memory: Memory

    @property
    def url(self) -> str:
        """The page's name: two pages of one crawl never share it."""
        return self.memory.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A page that the server says is as the former crawl left it."""

    asked: str
    memory: Memory

    @property
    def url(self) -> str:
        """The page's name."""
        return self.memory.url


@dataclass(frozen=True, slots=True)
class Refused:
    """A URL without a page. PageSkipped says that this is as it should be."""

    url: str
    error: FetchError
    is_sitemap: bool = False
    """The pages that it lists were not looked for."""


Outcome = Page | Unchanged | Refused
