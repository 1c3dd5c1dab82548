"""Why something could not be fetched. Each has a stable `code`, kept in the ledger and the API."""

from __future__ import annotations

from typing import ClassVar

from ingest.errors import IngestError


class FetchError(IngestError):
    """The URL could not be fetched."""

    code: ClassVar[str] = "fetch_error"


class InvalidUrl(FetchError):
    """This is not a URL that can be fetched; write it like https://example.org/docs/."""

    code = "invalid_url"


class UnsupportedScheme(InvalidUrl):
    """Only http and https URLs are fetched."""

    code = "unsupported_scheme"


class BlockedPort(FetchError):
    """This port belongs to another protocol; use port 80, 443, or one from 1024 up."""

    code = "blocked_port"


class BlockedAddress(FetchError):
    """The host is not on the public internet; the operator can allow its network."""

    code = "blocked_address"


class UnknownHost(FetchError):
    """The host name has no address; check its spelling."""

    code = "unknown_host"


class TooManyRedirects(FetchError):
    """The server redirects in a circle or too often; name the URL where the page really is."""

    code = "too_many_redirects"


class InsecureRedirect(FetchError):
    """The server redirects from https to http; name the http URL itself if that is meant."""

    code = "insecure_redirect"


class FetchTimeout(FetchError):
    """The server took too long; try again later."""

    code = "fetch_timeout"


class ResponseTooLarge(FetchError):
    """The response is larger than the limit; name a smaller page or file."""

    code = "response_too_large"


class FetchFailed(FetchError):
    """The connection failed or the server broke the protocol; try again later."""

    code = "fetch_failed"


class UnexpectedStatus(FetchError):
    """The server did not send the page; open the URL in a browser to see why."""

    code = "unexpected_status"


class InvalidSitemap(FetchError):
    """This is no sitemap; name an XML file with <urlset> or <sitemapindex>, plain or gzipped."""

    code = "invalid_sitemap"


class PageSkipped(FetchError):
    """The page was left out on purpose; nothing went wrong."""

    code = "page_skipped"


class DisallowedByRobots(PageSkipped):
    """The site's robots.txt asks crawlers to leave this URL alone."""

    code = "disallowed_by_robots"


class NoIndex(PageSkipped):
    """The page asks not to be indexed."""

    code = "noindex"


class OutOfScope(PageSkipped):
    """The URL redirects out of the crawl's scope; widen the scope or add it as a source."""

    code = "out_of_scope"


class DuplicatePage(PageSkipped):
    """The page is already there under another URL."""

    code = "duplicate_page"


class UnsupportedContentType(PageSkipped):
    """This kind of content cannot be indexed."""

    code = "unsupported_content_type"


class CrawlLimitReached(PageSkipped):
    """The crawl ended here with URLs left over; narrow its scope or split the site."""

    code = "crawl_limit_reached"


class InvalidCrawlSettings(IngestError):
    """The crawl cannot run with these settings."""
