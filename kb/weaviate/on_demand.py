"""The embedded Weaviate of a program: started when it is first needed, and again should it die."""

from __future__ import annotations

import asyncio
import logging

from kb.weaviate.embedded import EmbeddedWeaviate
from retrieval.errors import ServiceError
from retrieval.stores.weaviate_address import WeaviateAddress

WATCH_SECONDS = 2.0

logger = logging.getLogger(__name__)


class WeaviateOnDemand:
    """One use of it, on one event loop."""

    def __init__(self, embedded: EmbeddedWeaviate) -> None:
        self._embedded = embedded
        self._starting = asyncio.Lock()
        self._address: WeaviateAddress | None = None
        self._watch: asyncio.Task[None] | None = None

    async def locate(self) -> WeaviateAddress:
        """Where it is, started if it is not.

        Raises `WeaviateMissing` or `EmbeddedWeaviateError`.
        """
        async with self._starting:
            if self._address is None:
                self._address = await asyncio.to_thread(self._embedded.start)
                self._watch = asyncio.create_task(self._keep_alive())
            return self._address

    async def close(self) -> None:
        """Nobody needs it here any more."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        await asyncio.to_thread(self._embedded.stop)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                self._address = await asyncio.to_thread(self._embedded.start)
            except (ServiceError, OSError):  # the next round tries again; requests get a 503
                logger.exception("Weaviate does not come back")
