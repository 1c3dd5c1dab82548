"""What a crawl is asked to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import get_args

from ingest.sources.errors import InvalidCrawlSettings
from ingest.sources.politeness import product_token
from ingest.sources.scopes import ScopeName

MAX_PAGES = 5_500
"""The most URLs that one crawl fetches."""

MAX_CONCURRENCY = 16

# RFC 9309 allows letters, `_` and `-` in the name by which robots.txt knows a crawler.
_PRODUCT = re.compile(r"[A-Za-z_-]+")
_PRINTABLE = re.compile(r"[ -~]+")
_TAG = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlSettings:
    """One crawl. Raises InvalidCrawlSettings for what makes no sense."""

    seed: str
    """The URL it starts from; for SITEMAP that of the sitemap."""
    scope: ScopeName = "SCOPED"
    """SCOPED: only the seed. PATH: what is under its path. DOMAIN: its host. SUBDOMAINS: also the
    hosts below it. SITEMAP: what the sitemap lists on its own host."""
    exclude_tags: tuple[str, ...] = ()
    """HTML elements that are taken out of pages; links in them are still followed."""
    user_agent: str = "kb-crawler"
    """Sent with each request. Its name before the `/` is the one that robots.txt rules are matched
    to; add version and contact, as in `kb-crawler/1.0 (+https://example.org/crawler)`."""
    max_pages: int = MAX_PAGES
    """URLs fetched at most, robots.txt and sitemaps not counted."""
    max_seconds: float = 6 * 3600.0
    """After this no further URL is begun."""
    concurrency: int = 4
    """Fetches at a time."""
    delay_seconds: float = 0.2
    """Between the beginnings of two requests to one host."""
    max_crawl_delay_seconds: float = 10.0
    """A longer Crawl-delay of robots.txt is shortened to this."""

    def __post_init__(self) -> None:
        if self.scope not in get_args(ScopeName):
            raise InvalidCrawlSettings(f"scope is one of {', '.join(get_args(ScopeName))}.")
        if not 1 <= self.max_pages <= MAX_PAGES:
            raise InvalidCrawlSettings(f"max_pages is from 1 to {MAX_PAGES}.")
        if not 1 <= self.concurrency <= MAX_CONCURRENCY:
            raise InvalidCrawlSettings(f"concurrency is from 1 to {MAX_CONCURRENCY}.")
        if min(self.max_seconds, self.delay_seconds, self.max_crawl_delay_seconds) < 0:
            raise InvalidCrawlSettings("max_seconds and the delays are not negative.")
        if not _PRODUCT.fullmatch(product_token(self.user_agent)):
            raise InvalidCrawlSettings(
                "user_agent begins with a name of letters, `-` and `_`, then a slash or the end."
            )
        if not _PRINTABLE.fullmatch(self.user_agent):
            raise InvalidCrawlSettings("user_agent is printable ASCII.")
        for tag in self.exclude_tags:
            if not _TAG.fullmatch(tag) or tag in ("html", "body"):
                raise InvalidCrawlSettings(
                    f"exclude_tags has names of HTML elements like nav or footer, not {tag!r}."
                )
