"""The store in the real Weaviate that tests share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest

from retrieval.stores.weaviate import WeaviateStore
from retrieval.stores.weaviate_address import WeaviateAddress


@pytest.fixture(scope="session")
async def weaviate_store(weaviate: WeaviateAddress) -> AsyncIterator[WeaviateStore]:
    async with opened_store(weaviate) as store:
        yield store


@asynccontextmanager
async def opened_store(address: WeaviateAddress) -> AsyncGenerator[WeaviateStore]:
    """Another client of that server."""

    async def locate() -> WeaviateAddress:
        return address

    store = WeaviateStore(locate)
    try:
        yield store
    finally:
        await store.close()
