"""The queries of one search in Weaviate, without any of the code around them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import weaviate
from weaviate.classes.init import Auth
from weaviate.classes.query import Filter as Where
from weaviate.classes.query import MetadataQuery

from benchmarks.corpus import Target
from kb.weaviate.embedded import WeaviateAddress
from retrieval.ranking import MIN_CANDIDATES
from retrieval.store import Vector
from retrieval.stores.weaviate_objects import CHUNK_PROPERTIES, query_terms
from retrieval.stores.weaviate_schema import chunks_collection, tenant_name


class RawWeaviate:
    """Runs them one after the other with Weaviate's own blocking client."""

    def __init__(self, address: WeaviateAddress, target: Target) -> None:
        host, port = urlsplit(address.url).hostname, urlsplit(address.url).port
        assert host
        assert port
        self._client = weaviate.connect_to_local(
            host=host,
            port=port,
            grpc_port=address.grpc_port,
            auth_credentials=None if address.api_key is None else Auth.api_key(address.api_key),
            skip_init_checks=True,
        )
        collection = self._client.collections.use(chunks_collection(target.index))
        self._query = collection.with_tenant(tenant_name(target.scope, target.index)).query

    def search(self, question: str, vector: Vector, wanted: int) -> int:
        """Both legs, and both scores and the texts of the best; how many there are."""
        terms = query_terms(question, ("en",))
        found = {*self._nearest(vector, MIN_CANDIDATES), *self._best(terms, MIN_CANDIDATES)}
        these = Where.by_id().contains_any(list(found))
        scores = self._nearest(vector, len(found), these)
        words = self._best(terms, len(found), these)
        ranked = sorted(found, key=lambda one: -(scores.get(one, 0.0) + words.get(one, 0.0)))
        read = self._query.fetch_objects(
            filters=Where.by_id().contains_any(ranked[:wanted]),
            limit=wanted,
            return_properties=list(CHUNK_PROPERTIES),
        )
        return len(read.objects)

    def close(self) -> None:
        """Close its connection."""
        self._client.close()

    def _nearest(self, vector: Vector, limit: int, where: Any = None) -> dict[UUID, float]:
        found = self._query.near_vector(
            vector.tolist(),
            limit=limit,
            filters=where,
            return_properties=[],
            return_metadata=MetadataQuery(distance=True),
        )
        return {one.uuid: -(one.metadata.distance or 0.0) for one in found.objects}

    def _best(self, terms: str, limit: int, where: Any = None) -> dict[UUID, float]:
        found = self._query.bm25(
            terms,
            query_properties=["terms"],
            limit=limit,
            filters=where,
            return_properties=[],
            return_metadata=MetadataQuery(score=True),
        )
        return {one.uuid: one.metadata.score or 0.0 for one in found.objects}
