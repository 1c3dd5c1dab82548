"""What Weaviate finds as its messages say it: ids with scores, or with some properties.

Its client makes an object of each hit, which took 8 of the 28 ms of a processor that a search of
some hundreds costs the service. So requests and replies are messages here; connection and errors
stay the client's.
"""

# pyright: reportPrivateUsage=false
# The client shows neither its connection nor how it writes filters.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from weaviate.classes.query import FilterReturn
from weaviate.collections import CollectionAsync
from weaviate.collections.filters import _FilterToGRPC
from weaviate.proto.v1 import base_pb2, base_search_pb2, search_get_pb2

from retrieval.store import Vector

Collection = CollectionAsync[Any, Any]

_NO_PROPERTIES = search_get_pb2.PropertiesRequest()  # without one, the server sends all of them


async def nearest(
    collection: Collection, vector: Vector, *, limit: int, where: FilterReturn | None
) -> dict[int, float]:
    """Scores by id as a number, falling: inner products."""
    packed = base_pb2.Vectors(
        vector_bytes=vector.astype(np.float32).tobytes(),
        type=base_pb2.Vectors.VECTOR_TYPE_SINGLE_FP32,
    )
    found = await _found(
        collection,
        search_get_pb2.SearchRequest(
            near_vector=base_search_pb2.NearVector(vectors=[packed]),
            limit=limit,
            filters=_FilterToGRPC.convert(where),
            metadata=search_get_pb2.MetadataRequest(uuid=True, distance=True),
            properties=_NO_PROPERTIES,
        ),
    )
    # The distance that belongs to inner products is their opposite.
    return {_id(one.metadata): -one.metadata.distance for one in found.results}


async def best(
    collection: Collection, text: str, *, of: str, limit: int, where: FilterReturn | None
) -> dict[int, float]:
    """The same by BM25 of a text in this property."""
    found = await _found(
        collection,
        search_get_pb2.SearchRequest(
            bm25_search=base_search_pb2.BM25(query=text, properties=[of]),
            limit=limit,
            filters=_FilterToGRPC.convert(where),
            metadata=search_get_pb2.MetadataRequest(uuid=True, score=True),
            properties=_NO_PROPERTIES,
        ),
    )
    return {_id(one.metadata): one.metadata.score for one in found.results}


async def properties(
    collection: Collection, names: Sequence[str], *, limit: int, where: FilterReturn
) -> dict[int, Mapping[str, Any]]:
    """Properties that are texts or numbers by id as a number, in no order."""
    found = await _found(
        collection,
        search_get_pb2.SearchRequest(
            limit=limit,
            filters=_FilterToGRPC.convert(where),
            metadata=search_get_pb2.MetadataRequest(uuid=True),
            properties=search_get_pb2.PropertiesRequest(non_ref_properties=names),
        ),
    )
    return {
        _id(one.metadata): {
            name: getattr(value, value.WhichOneof("kind"))
            for name, value in one.properties.non_ref_props.fields.items()
        }
        for one in found.results
    }


async def _found(
    collection: Collection, request: search_get_pb2.SearchRequest
) -> search_get_pb2.SearchReply:
    request.collection, request.tenant = collection.name, collection.tenant or ""
    request.uses_123_api = request.uses_125_api = request.uses_127_api = True
    return await collection._connection.grpc_search(request)


def _id(metadata: Any) -> int:
    return int.from_bytes(metadata.id_as_bytes, "big")
