"""The few calls of the public API that a benchmark makes."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
from rich.progress import Progress

from benchmarks.service import Running

BASES = "/v2/gen-ai/knowledge_bases"
PAGE = 200  # the most that the API gives at once
TIMEOUT_SECONDS = 120
POLL_SECONDS = 2.0

Item = TypeVar("Item")


class Client:
    """A caller with a key."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def require_knowledge_base(
        self, name: str, options: Mapping[str, object] | None = None
    ) -> str:
        """The id of the knowledge base of that name, which is made with these unless it exists."""
        async for base in self._pages(BASES, "knowledge_bases"):
            if base["name"] == name:
                return base["uuid"]
        made = await self._send("POST", BASES, json={"name": name, **(options or {})})
        return made["knowledge_base"]["uuid"]

    async def knowledge_base(self, base_id: str) -> dict[str, Any]:
        """How it stands."""
        return (await self._send("GET", f"{BASES}/{base_id}"))["knowledge_base"]

    async def documents(self, base_id: str) -> list[dict[str, Any]]:
        """All its documents."""
        return [one async for one in self._pages(f"{BASES}/{base_id}/documents", "documents")]

    async def upload(self, base_id: str, name: str, data: bytes) -> None:
        """Send a file."""
        await self._send("POST", f"{BASES}/{base_id}/documents", files={"file": (name, data)})

    async def index_versions(self, base_id: str) -> list[dict[str, Any]]:
        """Those that are kept, oldest first."""
        path = f"{BASES}/{base_id}/index_versions"
        return [one async for one in self._pages(path, "index_versions")]

    async def build_index_version(self, base_id: str, **settings: object) -> dict[str, Any]:
        """Begin one beside the live one, which has these settings otherwise."""
        path = f"{BASES}/{base_id}/index_versions"
        return (await self._send("POST", path, json=settings))["index_version"]

    async def index_version(self, base_id: str, version_id: str) -> dict[str, Any]:
        """How it stands."""
        path = f"{BASES}/{base_id}/index_versions/{version_id}"
        return (await self._send("GET", path))["index_version"]

    async def retrieve(
        self, base_id: str, query: str, *, num_results: int, **options: object
    ) -> list[dict[str, Any]]:
        """The passages, best first."""
        asked = {"query": query, "num_results": num_results, **options}
        return (await self._send("POST", f"/v1/{base_id}/retrieve", json=asked))["results"]

    async def _pages(self, path: str, name: str) -> AsyncIterator[dict[str, Any]]:
        number, last = 1, 1
        while number <= last:
            page = await self._send("GET", path, params={"page": number, "per_page": PAGE})
            for item in page[name]:
                yield item
            number, last = number + 1, page["meta"]["pages"]

    async def _send(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        response = await self._http.request(method, path, **content)
        return response.raise_for_status().json()


@asynccontextmanager
async def connected(service: Running) -> AsyncGenerator[Client]:
    """A client of that service."""
    async with httpx.AsyncClient(
        base_url=service.url,
        headers={"authorization": f"Bearer {service.api_key}"},
        timeout=TIMEOUT_SECONDS,
    ) as http:
        yield Client(http)


async def side_by_side(
    work: Callable[[Item], Awaitable[None]], items: Iterable[Item], *, workers: int
) -> None:
    """Do the work for every item, so many at a time. The first error ends it."""
    waiting = iter(items)

    async def take() -> None:
        for item in waiting:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(take())


async def wait_until_indexed(client: Client, base_id: str, progress: Progress) -> None:
    """Show how far the worker is, until nothing is queued."""
    bar = progress.add_task("Indexing")
    while True:
        base = await client.knowledge_base(base_id)
        documents, pending = base["documents"], base["documents_pending"]
        progress.update(bar, total=documents, completed=documents - pending)
        if not pending:
            return
        await asyncio.sleep(POLL_SECONDS)
