"""Why a source or an item could not be read. Each has a stable `code`, kept in ledger and API."""

from __future__ import annotations

from typing import ClassVar

from ingest.errors import IngestError


class SourceError(IngestError):
    """The source could not be read."""

    code: ClassVar[str] = "source_error"


class ItemUnreadable(SourceError):
    """The file cannot be read; check that the service may read it."""

    code = "item_unreadable"


class ItemTooLarge(SourceError):
    """The file is larger than this service accepts; split it or raise KB_MAX_UPLOAD_BYTES."""

    code = "item_too_large"


class ItemNameUnreadable(SourceError):
    """The file's name is not UTF-8; rename it."""

    code = "item_name_unreadable"


class OutsideOfFolder(SourceError):
    """The link leads out of the source's folder, so it is not followed."""

    code = "outside_of_folder"


class FolderUnreadable(SourceError):
    """The folder cannot be read; check that it is there and that the service may read it."""

    code = "folder_unreadable"


class FolderNotAllowed(SourceError):
    """Only folders that the operator has opened with KB_SOURCE_FOLDERS can be a source."""

    code = "folder_not_allowed"


class BucketError(SourceError):
    """The bucket could not be read."""

    code = "bucket_error"


class InvalidBucketSettings(BucketError):
    """This does not describe a bucket."""

    code = "invalid_bucket_settings"


class BucketEndpointNotAllowed(BucketError):
    """Only endpoints that the operator has opened with KB_S3_ENDPOINTS can be used."""

    code = "bucket_endpoint_not_allowed"


class BucketNotFound(BucketError):
    """There is no such bucket; check its name, its region and the endpoint."""

    code = "bucket_not_found"


class BucketAccessDenied(BucketError):
    """The bucket may not be read; check the key, its secret and what they are allowed to do."""

    code = "bucket_access_denied"


class BucketUnavailable(BucketError):
    """The bucket's service does not answer as it should; try again later."""

    code = "bucket_unavailable"


class BucketKeyUnreadable(BucketError):
    """The bucket has an object whose key cannot be read: one with an empty part as in `a//b`, with
    `.` or `..` for a part, or with a control character; rename it, or name a prefix without it."""

    code = "bucket_key_unreadable"


class ObjectMissing(BucketError):
    """The object is not there any more."""

    code = "object_missing"


class FetchError(SourceError):
    """The URL could not be fetched."""

    code = "fetch_error"

    lasting: ClassVar[bool] = False
    """Another try would end the same, so what was there counts as gone."""


class InvalidUrl(FetchError):
    """This is not a URL that can be fetched; write it like https://example.org/docs/."""

    code = "invalid_url"
    lasting = True


class UnsupportedScheme(InvalidUrl):
    """Only http and https URLs are fetched."""

    code = "unsupported_scheme"


class BlockedPort(FetchError):
    """This port belongs to another protocol; use port 80, 443, or one from 1024 up."""

    code = "blocked_port"
    lasting = True


class BlockedAddress(FetchError):
    """The host is not on the public internet; the operator can allow its network."""

    code = "blocked_address"
    lasting = True


class UnknownHost(FetchError):
    """The host name has no address; check its spelling."""

    code = "unknown_host"


class TooManyRedirects(FetchError):
    """The server redirects in a circle or too often; name the URL where the page really is."""

    code = "too_many_redirects"
    lasting = True


class InsecureRedirect(FetchError):
    """The server redirects from https to http; name the http URL itself if that is meant."""

    code = "insecure_redirect"
    lasting = True


class FetchTimeout(FetchError):
    """The server took too long; try again later."""

    code = "fetch_timeout"


class ResponseTooLarge(FetchError):
    """The response is larger than the limit; name a smaller page or file."""

    code = "response_too_large"
    lasting = True


class FetchFailed(FetchError):
    """The connection failed or the server broke the protocol; try again later."""

    code = "fetch_failed"


class UnexpectedStatus(FetchError):
    """The server did not send the page; open the URL in a browser to see why."""

    code = "unexpected_status"


class PageMissing(UnexpectedStatus):
    """The server says that there is no such page; check the URL."""

    code = "page_missing"
    lasting = True


class InvalidSitemap(FetchError):
    """This is no sitemap; name an XML file with <urlset> or <sitemapindex>, plain or gzipped."""

    code = "invalid_sitemap"


class PageSkipped(FetchError):
    """The page was left out on purpose; nothing went wrong."""

    code = "page_skipped"
    lasting = True


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
