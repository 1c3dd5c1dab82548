"""Filters that few of many chunks pass, on any store: all are found, the nearest first."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.filters import FieldType, parse_filter
from retrieval.index import IndexVersion
from retrieval.store import MetadataValue, Vector
from tests.retrieval.stores.makers import NOON, Shelf, make_index, with_dimensions

BUCKETS = 1_000  # so that one of them is a thousandth of all
DIMENSIONS = 16
CLUSTERS = 200
DECLARED: dict[str, FieldType] = {
    "name": "string",
    "bucket": "number",
    "tags": "string_list",
    "at": "timestamp",
}


def clustered_vectors(count: int) -> NDArray[np.float32]:
    """In clusters, as those of texts are: what passes a filter is far from most questions."""
    random = np.random.default_rng(7)
    centres = random.normal(size=(CLUSTERS, DIMENSIONS))
    drawn = centres[np.arange(count) % CLUSTERS] + 0.5 * random.normal(size=(count, DIMENSIONS))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def small_index() -> IndexVersion:
    """Of vectors that are quickly made and indexed."""
    return with_dimensions(make_index(), DIMENSIONS)


def metadata_of(bucket: int) -> dict[str, MetadataValue]:
    """What the chunks of a bucket have; their document is called `document <bucket>`."""
    return {
        "name": f"name {bucket}",
        "bucket": float(bucket),
        "tags": ("all", f"tag {bucket}"),
        "at": NOON.fromtimestamp(bucket, NOON.tzinfo),
    }


def clause(field: str, operator: str, value: object) -> dict[str, object]:
    return {"must": [{"field": field, "operator": operator, "value": value}]}


async def found(shelf: Shelf, raw: dict[str, object], query: Vector, *, limit: int) -> list[int]:
    """Numbers of the chunks that the semantic leg finds, the nearest first."""
    candidates = await shelf.search(vector=query, limit=limit, filters=parse_filter(raw, DECLARED))
    stored = await shelf.read(list(candidates.semantic))
    return [int(one.chunk.text.removeprefix("row ")) for one in stored]


class SelectiveFilters:
    """Wants `vectors`, and a `shelf` whose chunk `row <n>` has the nth, and is in bucket n mod
    BUCKETS."""

    @pytest.mark.parametrize(
        "raw",
        [
            clause("name", "eq", "name 888"),
            clause("name", "in", ["name 888", "nobody"]),
            clause("name", "starts_with", "name 888"),
            clause("bucket", "eq", 888),
            clause("tags", "eq", "tag 888"),
            clause("tags", "in", ["tag 888"]),
            clause("at", "eq", "1970-01-01T00:14:48Z"),
            clause("item_name", "eq", "document 888"),
            {
                "must": [
                    {"field": "bucket", "operator": "gt", "value": 887},
                    {"field": "bucket", "operator": "lt", "value": 889},
                ]
            },
        ],
        ids=str,
    )
    async def test_all_that_one_chunk_in_a_thousand_passes_is_found(
        self, shelf: Shelf, vectors: NDArray[np.float32], raw: dict[str, object]
    ) -> None:
        passing = list(range(888, len(vectors), BUCKETS))
        for query in (vectors[888], vectors[11], -vectors[888]):
            assert sorted(await found(shelf, raw, query, limit=100)) == passing

    @pytest.mark.parametrize("buckets", [1, 10, 100, 500])
    async def test_the_nearest_of_what_passes_are_found_however_much_it_is(
        self, shelf: Shelf, vectors: NDArray[np.float32], buckets: int
    ) -> None:
        """Against going through all of it, at 0.1, 1, 10 and 50 %."""
        passing = np.flatnonzero(np.arange(len(vectors)) % BUCKETS < buckets)
        most = min(10, len(passing))
        shares: list[float] = []
        for query in vectors[3:23]:
            exact = passing[np.argsort(-(vectors[passing] @ query))[:most]]
            nearest = await found(shelf, clause("bucket", "lt", buckets), query, limit=10)
            assert len(nearest) == most
            shares.append(len(set(nearest) & set(exact.tolist())) / most)
        assert np.mean(shares) >= 0.95
