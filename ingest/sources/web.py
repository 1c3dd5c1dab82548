"""A website as a source: every page is an item, known by the URL that it was asked for by."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import asdict

from ingest.sources import outcomes
from ingest.sources.content_types import HTML_TYPES
from ingest.sources.crawl import crawl
from ingest.sources.crawl_settings import CrawlSettings
from ingest.sources.errors import CrawlLimitReached, NoIndex
from ingest.sources.guarded import GuardedFetcher
from ingest.sources.source import (
    Failed,
    Found,
    Incomplete,
    Memory,
    Skipped,
    SourceItem,
    Unchanged,
)
from ingest.sources.urls import parse_url

_DOCTYPE = b"<!doctype html>\n"


class WebSource:
    """The pages of a crawl. The memories it is given are of a crawl with the same settings."""

    def __init__(self, settings: CrawlSettings, fetcher: GuardedFetcher) -> None:
        self._settings = settings
        self._fetcher = fetcher

    async def items(self, known: Mapping[str, Memory]) -> AsyncGenerator[SourceItem]:
        """Every page in scope. Raises a FetchError where the seed cannot be read."""
        seed = str(parse_url(self._settings.seed))
        pages = {key: _page_memory(memory) for key, memory in known.items()}
        async with aclosing(crawl(self._settings, self._fetcher, known=pages)) as found:
            async for outcome in found:
                match outcome:
                    case outcomes.Page():
                        yield _found(outcome)
                    case outcomes.Unchanged():
                        yield Unchanged(key=outcome.asked)
                    case outcomes.Refused():
                        yield self._refused(outcome, seed)

    def _refused(self, refused: outcomes.Refused, seed: str) -> SourceItem:
        error = refused.error
        if isinstance(error, CrawlLimitReached):
            return Incomplete(error=error)
        # The sitemap of a crawl may list its own URL as a page, which is then no beginning.
        is_beginning = refused.is_sitemap == (self._settings.scope == "SITEMAP")
        # A seed that only asks not to be indexed has been read, and its links are followed.
        if refused.url == seed and is_beginning and not isinstance(error, NoIndex):
            raise error
        if refused.is_sitemap:
            return Incomplete(error=error)
        kind = Skipped if error.lasting else Failed
        return kind(key=refused.url, error=error)


def _found(page: outcomes.Page) -> Found:
    body = page.body
    if page.content_type in HTML_TYPES:
        # Parsers go by the bytes, and a page that opens with a table, say, is HTML all the same.
        body = _DOCTYPE + body

    async def read() -> AsyncIterator[bytes]:
        yield body

    return Found(
        key=page.asked,
        item_name=page.url,
        memory=asdict(page.memory),
        size=len(body),
        read=read,
    )


def _page_memory(memory: Memory) -> outcomes.Memory:
    return outcomes.Memory(
        url=memory["url"],
        etag=memory["etag"],
        last_modified=memory["last_modified"],
        links=tuple(memory["links"]),
        via=tuple(memory["via"]),
    )
