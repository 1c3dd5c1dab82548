"""The store's own search queries without any of the code around them."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any, LiteralString

import psycopg
from pgvector import HalfVector, SparseVector
from pgvector.psycopg import register_vector

from kb.postgres.schema import SEARCH_PATH, take_role
from retrieval import bm25
from retrieval.analysis import TERM_SPACE
from retrieval.index import IndexVersion
from retrieval.postgres import KNOWLEDGE_BASE, TEAM
from retrieval.ranking import MIN_CANDIDATES
from retrieval.scope import Scope
from retrieval.store import Vector
from retrieval.stores.pgvector import (
    EVERY_CHUNK,
    MIN_EF_SEARCH,
    _query,  # pyright: ignore[reportPrivateUsage] the very same SQL rather than a copy of it
)


@dataclass(frozen=True, slots=True)
class LegTimes:
    """Seconds between sending a query and having all its rows."""

    semantic: float
    lexical: float
    """Looking the terms' frequencies up, and ranking."""


class Legs:
    """Runs them one after the other on one connection, which belongs to one thread."""

    def __init__(self, dsn: str, scope: Scope, index: IndexVersion) -> None:
        # As in the service: a prepared statement may keep a generic plan.
        self._conn = psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
        take_role(self._conn)
        self._conn.execute(SEARCH_PATH)
        register_vector(self._conn)
        self._scope = scope
        self._semantic: LiteralString = _query("search_semantic", index.id)
        self._frequencies: LiteralString = _query("frequencies", index.id)
        self._lexical: LiteralString = _query("search_lexical", index.id)
        self._ids = {"team_id": scope.team_id, "knowledge_base_id": scope.knowledge_base_id}

    def __call__(self, question: str, vector: Vector) -> LegTimes:
        """Both legs of one search, timed."""
        scope, limit = self._scope, MIN_CANDIDATES
        terms = bm25.query_terms(question)
        with self._conn.transaction():
            self._conn.execute(
                "SELECT set_config(%s, %s, true), set_config(%s, %s, true)",
                [TEAM, str(scope.team_id), KNOWLEDGE_BASE, str(scope.knowledge_base_id)],
            )
            self._conn.execute(
                "SELECT set_config('hnsw.ef_search', %s, true),"
                " set_config('hnsw.iterative_scan', 'strict_order', true)",
                [str(max(limit, MIN_EF_SEARCH))],
            )
            _, semantic = self._timed(
                self._semantic, {"vector": HalfVector(vector), "limit": limit}
            )
            self._conn.execute("SET LOCAL enable_seqscan TO off")
            rows, lookup = self._timed(self._frequencies, {"terms": [EVERY_CHUNK, *terms]})
            frequencies = dict(rows)
            weights = bm25.query_weights(terms, frequencies, frequencies.pop(EVERY_CHUNK))
            if not weights:
                return LegTimes(semantic, lookup)
            _, ranking = self._timed(
                self._lexical,
                {
                    "weights": SparseVector(weights, TERM_SPACE),
                    "rarest": bm25.rarest(frequencies, weights, bm25.CANDIDATE_BUDGET),
                    "limit": limit,
                },
            )
        return LegTimes(semantic, lookup + ranking)

    def close(self) -> None:
        """Give the connection back."""
        self._conn.close()

    def _timed(self, query: LiteralString, parameters: dict[str, Any]) -> tuple[list[Any], float]:
        start = perf_counter()
        rows = self._conn.execute(query, {**self._ids, **parameters}).fetchall()
        return rows, perf_counter() - start
