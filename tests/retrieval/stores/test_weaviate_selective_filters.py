"""Filters that few of many chunks pass, in Weaviate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.stores.weaviate import WeaviateStore
from tests.retrieval.stores.makers import Shelf, make_chunks, make_document
from tests.retrieval.stores.selective_filters import (
    BUCKETS,
    SelectiveFilters,
    clustered_vectors,
    metadata_of,
    small_index,
)

CHUNKS = 5_000
WRITERS = 8


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    return clustered_vectors(CHUNKS)


@pytest.fixture(scope="module")
async def shelf(
    weaviate_store: WeaviateStore, vectors: NDArray[np.float32]
) -> AsyncIterator[Shelf]:
    """A document for each bucket."""
    shelf = await Shelf(weaviate_store, index=small_index()).create()

    async def write(first: int) -> None:
        for bucket in range(first, BUCKETS, WRITERS):
            document = replace(make_document(f"document {bucket}"), metadata=metadata_of(bucket))
            numbers = range(bucket, CHUNKS, BUCKETS)
            await shelf.put(
                document,
                make_chunks(*(f"row {n}" for n in numbers)),
                list(vectors[bucket::BUCKETS]),
            )

    await asyncio.gather(*map(write, range(WRITERS)))
    yield shelf
    await shelf.store.drop(shelf.scope, shelf.index)


class TestWeaviateSelectiveFilters(SelectiveFilters):
    """Reads the fixtures above."""
