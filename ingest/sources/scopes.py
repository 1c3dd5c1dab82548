"""How far a crawl goes from its seed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from ingest.sources.urls import DEFAULT_PORTS, Url

ScopeName = Literal["SCOPED", "PATH", "DOMAIN", "SUBDOMAINS", "SITEMAP"]

_FILE = re.compile(r"[^/]*\.(?:x?html?|php|aspx?|jsp)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CrawlScope:
    """Which URLs belong to a crawl. http and https count as one site on their own ports."""

    name: ScopeName
    seed: Url

    @property
    def follows_links(self) -> bool:
        """Whether pages lead to further pages."""
        return self.name in ("PATH", "DOMAIN", "SUBDOMAINS")

    def anchored(self, final: Url) -> CrawlScope:
        """The scope after the seed's redirects: where they lead out of it, it moves with them."""
        return self if self.covers(final) else CrawlScope(self.name, final)

    def covers(self, url: Url) -> bool:
        """Whether the crawl may take this URL."""
        match self.name:
            case "SCOPED":
                return url == self.seed
            case "PATH":
                return same_site(url, self.seed) and self._is_under_the_seed(url)
            case "DOMAIN" | "SITEMAP":
                return same_site(url, self.seed)
            case "SUBDOMAINS":
                return _site_port(url) == _site_port(self.seed) and self._is_subdomain(url.host)

    def _is_under_the_seed(self, url: Url) -> bool:
        """A seed like /docs/start.html stands for its folder; /docs covers /docs/a, not /docs-b."""
        folder, _, last = self.seed.path.rpartition("/")
        if _FILE.fullmatch(last):
            return url.path.startswith(f"{folder}/")
        path = self.seed.path.rstrip("/")
        return url == self.seed or url.path == path or url.path.startswith(f"{path}/")

    def _is_subdomain(self, host: str) -> bool:
        """Below the seed's host; a leading `www.` of it is left aside, as it names no part."""
        seed = self.seed.host
        if _is_address(seed):
            return host == seed
        bare = seed.removeprefix("www.")
        parent = bare if "." in bare else seed  # www.com would otherwise cover all of .com
        return host == parent or host.endswith(f".{parent}")


def same_site(one: Url, other: Url) -> bool:
    """Whether both are on one host, and on one port or each on its scheme's own."""
    return one.host == other.host and _site_port(one) == _site_port(other)


def _site_port(url: Url) -> int | None:
    return None if url.port == DEFAULT_PORTS[url.scheme] else url.port


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
