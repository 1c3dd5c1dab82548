"""A website crawler: breadth first, polite, and the same order of results every time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass

from ingest.sources.content_types import HTML_TYPES, PAGE_TYPES
from ingest.sources.crawl_settings import CrawlSettings
from ingest.sources.errors import (
    CrawlLimitReached,
    DuplicatePage,
    FetchError,
    InvalidUrl,
    NoIndex,
    OutOfScope,
    PageMissing,
    TooManyRedirects,
    UnexpectedStatus,
)
from ingest.sources.guarded import Admit, Fetched, GuardedFetcher
from ingest.sources.outcomes import Memory, Outcome, Page, Refused, Unchanged
from ingest.sources.pages import read_page
from ingest.sources.politeness import Politeness, product_token
from ingest.sources.scopes import CrawlScope, same_site
from ingest.sources.sitemaps import parse_sitemap
from ingest.sources.urls import Url, parse_url

_REDIRECTS = 10  # from one page to the next
_SITEMAPS = 500  # files of one index; they are not counted as pages
_MISSING = frozenset({404, 410, 451})
_KNOWN_PER_PAGE = 10  # URLs remembered at most, for each that may be fetched


def crawl(
    settings: CrawlSettings, fetcher: GuardedFetcher, *, known: Mapping[str, Memory] | None = None
) -> AsyncGenerator[Outcome]:
    """Every page in scope, and why each URL without one has none.

    `known` holds the memories of a former crawl with the same `exclude_tags`, by the URL that was
    `asked`; servers are then asked for changes only, and pages that cannot be read at the moment
    lead where they led. No error of a page ends the crawl: it is yielded as Refused. Close the
    generator (`contextlib.aclosing`) to stop early.
    """
    return _Crawl(settings, fetcher, known or {}).run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A URL to fetch, and the redirects that led to it."""

    url: Url
    chain: tuple[Url, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """What came of a step."""

    step: _Step
    outcome: Outcome | None = None
    links: tuple[Url, ...] = ()
    chain: tuple[Url, ...] = ()
    """The redirects that led to the links, where they are none of a page."""
    name: str | None = None
    """What a page that is refused for now was called, and will be called again."""
    moved: Url | None = None
    """A redirect is a link like any other, so that no URL is fetched twice."""


class _Moved(Exception):
    def __init__(self, url: Url) -> None:
        self.url = url


class _Crawl:
    """One run. Only `run` changes its state, in order, so timing never changes the result."""

    def __init__(
        self, settings: CrawlSettings, fetcher: GuardedFetcher, known: Mapping[str, Memory]
    ) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._known = known
        self._led_to = {via: asked for asked, memory in known.items() for via in memory.via}
        self._product = product_token(settings.user_agent)
        self._politeness = Politeness(
            fetcher,
            user_agent=settings.user_agent,
            delay_seconds=settings.delay_seconds,
            longest_delay_seconds=settings.max_crawl_delay_seconds,
        )
        self._frontier: deque[_Step] = deque()
        self._seen: set[Url] = set()
        self._names: set[str] = set()
        self._begun = 0
        self._left_over: Url | None = None
        self._ends_at = 0.0

    async def run(self) -> AsyncGenerator[Outcome]:
        self._ends_at = asyncio.get_running_loop().time() + self._settings.max_seconds
        try:
            seed = parse_url(self._settings.seed)
        except InvalidUrl as exc:
            yield Refused(self._settings.seed, exc)
            return
        self._scope = CrawlScope(self._settings.scope, seed)
        if self._scope.name == "SITEMAP":
            async for refused in self._read_sitemaps(seed):
                yield refused
        else:
            self._seen.add(seed)
            first = await self._begin(seed)
            if outcome := self._settle(first):
                yield outcome
        window: deque[asyncio.Task[_Visit]] = deque()
        try:
            while await self._fill(window):
                visit = await window[0]
                window.popleft()
                if outcome := self._settle(visit):
                    yield outcome
        finally:
            for task in window:
                task.cancel()
            await asyncio.gather(*window, return_exceptions=True)
        if self._left_over is not None:
            yield Refused(str(self._left_over), CrawlLimitReached())

    async def _begin(self, seed: Url) -> _Visit:
        """The seed alone may redirect anywhere; it then takes the scope along."""
        step = _Step(url=seed)
        self._begun += 1
        try:
            await self._politeness.check(seed)
            return await self._visit(step, self._admit_politely, is_seed=True)
        except FetchError as exc:
            return _Visit(step=step, outcome=Refused(str(seed), exc))

    async def _fill(self, window: deque[asyncio.Task[_Visit]]) -> bool:
        """Keep as many fetches under way as are allowed; false when there is nothing left."""
        while self._frontier and len(window) < self._settings.concurrency:
            if self._is_over():
                self._left_over = self._left_over or self._frontier[0].url
                self._frontier.clear()
                break
            step = self._frontier.popleft()
            refusal = await self._refusal(step.url)
            if refusal is None:
                self._begun += 1
                window.append(asyncio.create_task(self._attempt(step)))
            else:
                window.append(asyncio.create_task(_ready(self._missed(step, refusal))))
        return bool(window)

    def _is_over(self) -> bool:
        late = asyncio.get_running_loop().time() >= self._ends_at
        return late or self._begun >= self._settings.max_pages

    async def _refusal(self, url: Url) -> FetchError | None:
        """What forbids to fetch this URL at all."""
        if str(url) in self._names:
            return DuplicatePage()
        try:
            await self._politeness.check(url)
        except FetchError as exc:
            return exc
        return None

    async def _attempt(self, step: _Step) -> _Visit:
        try:
            return await self._visit(step, _stop_at_redirects)
        except _Moved as moved:
            return _Visit(step=step, moved=moved.url)
        except FetchError as exc:
            return self._missed(step, exc)

    def _missed(self, step: _Step, error: FetchError) -> _Visit:
        """A page that may be back at the next crawl: what it led to is no less there for that."""
        asked = str(step.url)
        outcome = Refused(asked, error)
        if error.lasting:
            return _Visit(step=step, outcome=outcome)
        if memory := self._known.get(asked):
            links = self._followed(map(parse_url, memory.links))
            return _Visit(step=step, outcome=outcome, links=links, name=memory.url)
        if there := self._led_to.get(asked):
            links = tuple(filter(self._scope.covers, (parse_url(there),)))
            chain = (*step.chain, step.url)
            return _Visit(step=step, outcome=outcome, links=links, chain=chain)
        return _Visit(step=step, outcome=outcome)

    async def _visit(self, step: _Step, admit: Admit, *, is_seed: bool = False) -> _Visit:
        asked = str(step.url)
        memory = self._known.get(asked)
        await self._politeness.wait(step.url)
        fetched = await self._fetcher.get(
            asked, headers=self._headers(memory), admit=admit, content_types=PAGE_TYPES
        )
        final = parse_url(fetched.url)
        if is_seed:
            self._scope = self._scope.anchored(final)
        if fetched.status == 304 and memory is not None:
            links = tuple(parse_url(link) for link in memory.links)
            return _Visit(
                step=step,
                outcome=Unchanged(asked=asked, memory=memory),
                links=self._followed(links),
            )
        _require_page(fetched)
        return await self._read(step, fetched, final)

    async def _read(self, step: _Step, fetched: Fetched, final: Url) -> _Visit:
        assert fetched.content_type is not None, "the fetcher lets only PAGE_TYPES through"
        name, body, links = final, fetched.body, tuple[Url, ...]()
        if fetched.content_type in HTML_TYPES:
            # In a thread: lxml takes its time over large pages, without holding Python up.
            page = await asyncio.to_thread(
                read_page,
                fetched.body,
                final,
                charset=fetched.charset,
                exclude_tags=self._settings.exclude_tags,
                product=self._product,
            )
            body, links = page.body, self._followed(page.links)
            if page.canonical is not None and same_site(page.canonical, final):
                name = page.canonical
            if page.noindex:
                return _Visit(step=step, outcome=Refused(str(step.url), NoIndex()), links=links)
        memory = Memory(
            url=str(name),
            etag=fetched.etag,
            last_modified=fetched.last_modified,
            links=tuple(str(link) for link in links),
            via=tuple(str(url) for url in step.chain),
        )
        outcome = Page(
            asked=str(step.url), content_type=fetched.content_type, body=body, memory=memory
        )
        return _Visit(step=step, outcome=outcome, links=links)

    def _followed(self, links: Iterable[Url]) -> tuple[Url, ...]:
        if not self._scope.follows_links:
            return ()
        return tuple(link for link in links if self._scope.covers(link))

    def _headers(self, memory: Memory | None) -> dict[str, str]:
        headers = {
            "User-Agent": self._settings.user_agent,
            "Accept": "text/html, application/xhtml+xml, */*;q=0.8",
        }
        if memory is not None and memory.etag:
            headers["If-None-Match"] = memory.etag
        if memory is not None and memory.last_modified:
            headers["If-Modified-Since"] = memory.last_modified
        return headers

    async def _admit_politely(self, url: Url) -> None:
        await self._politeness.check(url)
        await self._politeness.wait(url)

    def _settle(self, visit: _Visit) -> Outcome | None:
        """Take the links into the frontier; a page whose name is taken is refused instead."""
        if visit.moved is not None:
            return self._redirect(visit.step, visit.moved)
        for link in visit.links:
            self._enqueue(_Step(url=link, chain=visit.chain))
        if visit.name is not None:
            self._names.add(visit.name)
        outcome = visit.outcome
        if outcome is None or isinstance(outcome, Refused):
            return outcome
        if outcome.url in self._names:
            return Refused(outcome.asked, DuplicatePage(f"It is {outcome.url}."))
        self._names.add(outcome.url)
        return outcome

    def _redirect(self, step: _Step, there: Url) -> Refused | None:
        chain = (*step.chain, step.url)
        here = str(step.url)
        if there in chain or len(chain) > _REDIRECTS:
            return Refused(here, TooManyRedirects(f"To: {there}."))
        if not self._scope.covers(there):
            return Refused(here, OutOfScope(f"To: {there}."))
        if there in self._seen:
            return Refused(here, DuplicatePage(f"It is {there}."))
        self._enqueue(_Step(url=there, chain=chain))
        return None

    def _enqueue(self, step: _Step) -> None:
        if step.url in self._seen or self._left_over is not None:
            return
        if len(self._seen) >= self._settings.max_pages * _KNOWN_PER_PAGE:
            self._left_over = step.url
            return
        self._seen.add(step.url)
        self._frontier.append(step)

    async def _read_sitemaps(self, seed: Url) -> AsyncIterator[Refused]:
        """Fill the frontier from the sitemap, and from those it lists if it is an index."""
        waiting, listed = deque([seed]), {seed}
        while waiting:
            if self._is_over() or len(self._frontier) > self._settings.max_pages:
                self._left_over = waiting[0]
                return
            url = waiting.popleft()
            try:
                await self._admit_politely(url)
                fetched = await self._fetcher.get(
                    str(url), headers=self._headers(None), admit=self._admit_politely
                )
                _require_page(fetched)
                final = parse_url(fetched.url)
                sitemap = await asyncio.to_thread(parse_sitemap, fetched.body, final)
            except FetchError as exc:
                yield Refused(str(url), exc, is_sitemap=True)
                continue
            if url == seed:
                self._scope = self._scope.anchored(final)
            for page in filter(self._scope.covers, sitemap.pages):
                self._enqueue(_Step(url=page))
            for further in filter(self._scope.covers, sitemap.sitemaps):
                if further not in listed and len(listed) < _SITEMAPS:
                    listed.add(further)
                    waiting.append(further)


async def _stop_at_redirects(url: Url) -> None:
    raise _Moved(url)


async def _ready(visit: _Visit) -> _Visit:
    return visit


def _require_page(fetched: Fetched) -> None:
    """Raises UnexpectedStatus, or PageMissing, unless the server sent the page."""
    if fetched.status != 200:
        kind = PageMissing if fetched.status in _MISSING else UnexpectedStatus
        raise kind(f"It answers with status {fetched.status}.")
