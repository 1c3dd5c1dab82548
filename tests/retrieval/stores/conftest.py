"""The real Weaviate that tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kb.weaviate.embedded import EmbeddedWeaviate, WeaviateAddress
from retrieval.stores.weaviate import WeaviateStore
from tests.retrieval.stores.weaviate_program import weaviate_program


@pytest.fixture(scope="session")
def weaviate() -> Iterator[WeaviateAddress]:
    """A server: the one at KB_WEAVIATE_URL, or else one of our own."""
    if url := os.environ.get("KB_WEAVIATE_URL"):
        yield WeaviateAddress(
            url=url,
            grpc_port=int(os.environ.get("KB_WEAVIATE_GRPC_PORT", "50051")),
            api_key=os.environ.get("KB_WEAVIATE_API_KEY"),
        )
        return
    program = weaviate_program()
    folder = Path(tempfile.mkdtemp(prefix="kb-weaviate-"))
    with EmbeddedWeaviate(folder, program=program) as address:
        yield address
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def weaviate_store(weaviate: WeaviateAddress) -> AsyncIterator[WeaviateStore]:
    async with opened_store(weaviate) as store:
        yield store


@asynccontextmanager
async def opened_store(address: WeaviateAddress) -> AsyncGenerator[WeaviateStore]:
    """Another client of that server."""
    store = WeaviateStore(address.url, grpc_port=address.grpc_port, api_key=address.api_key)
    try:
        yield store
    finally:
        await store.close()
