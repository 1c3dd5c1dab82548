"""What a crawl owes each site: its robots.txt obeyed, and time between two requests."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from ingest.sources.errors import DisallowedByRobots, FetchError, UnexpectedStatus
from ingest.sources.guarded import GuardedFetcher
from ingest.sources.robots import Robots, parse_robots
from ingest.sources.urls import Url


class Politeness:
    """One crawl's manners. Each site's robots.txt is fetched once."""

    def __init__(
        self,
        fetcher: GuardedFetcher,
        *,
        user_agent: str,
        delay_seconds: float,
        longest_delay_seconds: float,
    ) -> None:
        self._fetcher = fetcher
        self._user_agent = user_agent
        self._delay = delay_seconds
        self._longest = longest_delay_seconds
        self._robots: dict[str, Robots | FetchError] = {}
        self._reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._free_at: dict[str, float] = {}

    async def check(self, url: Url) -> None:
        """Raises DisallowedByRobots, or why robots.txt could not be read: then nothing may be."""
        robots = await self._robots_of(url)
        if isinstance(robots, FetchError):
            raise type(robots)(robots.detail) from robots
        if not robots.allows(url):
            raise DisallowedByRobots

    async def wait(self, url: Url) -> None:
        """Until it is this request's turn. Turns are given in the order of the calls."""
        robots = self._robots.get(url.origin)
        wished = robots.delay_seconds if isinstance(robots, Robots) else 0.0
        now = asyncio.get_running_loop().time()
        turn = max(now, self._free_at.get(url.host, now))
        # By host and not by site: its ports are one machine.
        self._free_at[url.host] = turn + max(self._delay, min(wished, self._longest))
        await asyncio.sleep(turn - now)

    async def _robots_of(self, url: Url) -> Robots | FetchError:
        async with self._reading[url.origin]:
            if url.origin not in self._robots:
                self._robots[url.origin] = await self._read(url)
        return self._robots[url.origin]

    async def _read(self, url: Url) -> Robots | FetchError:
        """RFC 9309, 2.3.1: a missing file allows everything, one that cannot be read nothing."""
        await self.wait(url)
        try:
            fetched = await self._fetcher.get(
                f"{url.origin}/robots.txt", headers={"User-Agent": self._user_agent}
            )
        except FetchError as exc:
            return exc
        if 200 <= fetched.status < 300:
            return parse_robots(fetched.body, product=product_token(self._user_agent))
        if 400 <= fetched.status < 500:
            return Robots()
        return UnexpectedStatus(f"It answers {fetched.status} for robots.txt, so no page is read.")


def product_token(user_agent: str) -> str:
    """The name by which robots.txt knows the crawler: what stands before the version."""
    return user_agent.partition("/")[0].strip()
