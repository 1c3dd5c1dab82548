"""The media types that a crawl returns: what the parsers may be able to read."""

from __future__ import annotations

_OFFICE = "application/vnd.openxmlformats-officedocument"

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})

PAGE_TYPES = HTML_TYPES | {
    "text/plain",
    "text/markdown",
    "text/x-markdown",
    "text/x-rst",
    "text/csv",
    "text/tab-separated-values",
    "text/xml",
    "application/xml",
    "application/json",
    "application/x-ndjson",
    "application/pdf",
    "application/epub+zip",
    f"{_OFFICE}.wordprocessingml.document",
    f"{_OFFICE}.presentationml.presentation",
    f"{_OFFICE}.spreadsheetml.sheet",
    "application/vnd.ms-excel",
    "application/vnd.oasis.opendocument.text",
    "message/rfc822",
}
