"""The queries of one search in PostgreSQL, without any of the code around them."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from pgvector import HalfVector, SparseVector
from pgvector.psycopg import register_vector

from benchmarks.corpus import Target
from kb.postgres.schema import SEARCH_PATH, take_role
from retrieval import bm25
from retrieval.analysis import TERM_SPACE
from retrieval.postgres import KNOWLEDGE_BASE, TEAM
from retrieval.ranking import MIN_CANDIDATES
from retrieval.store import Vector
from retrieval.stores.pgvector import (
    LEAST_BUDGET,
    MIN_EF_SEARCH,
    MOST_BUDGET,
    _nearest,  # pyright: ignore[reportPrivateUsage] the very same SQL rather than a copy of it
    _query,  # pyright: ignore[reportPrivateUsage]
)


class RawPgvector:
    """Runs them one after the other on one connection, which belongs to one thread."""

    def __init__(self, dsn: str, target: Target) -> None:
        self._conn = psycopg.connect(dsn, autocommit=True)  # keeps plans, as the service does
        take_role(self._conn)
        self._conn.execute(SEARCH_PATH)
        register_vector(self._conn)
        scope = target.scope
        self._settings = [TEAM, str(scope.team_id), KNOWLEDGE_BASE, str(scope.knowledge_base_id)]
        self._ids = {"team_id": scope.team_id, "knowledge_base_id": scope.knowledge_base_id}
        self._queries: dict[str, LiteralString] = {
            name: _query(name, target.index.id) for name in ("weigh", "search_lexical", "read")
        }
        self._queries["search_semantic"] = _nearest(target.index, "true", MIN_CANDIDATES)

    def search(self, question: str, vector: Vector, wanted: int) -> int:
        """Both legs, and both scores and the texts of the best; how many there are."""
        half, limit = HalfVector(vector), MIN_CANDIDATES
        with self._conn.transaction():
            self._conn.execute(
                "SELECT set_config(%s, %s, true), set_config(%s, %s, true),"
                " set_config('hnsw.ef_search', %s, true),"
                " set_config('hnsw.iterative_scan', 'strict_order', true)",
                [*self._settings, str(max(limit, MIN_EF_SEARCH))],
            )
            semantic = self._rows("search_semantic", vector=half)
            self._conn.execute("SET LOCAL enable_seqscan TO off")
            terms = bm25.query_terms(question)
            asked = {"asked": list(terms), "counts": list(terms.values())}
            ((names, values, *_),) = self._rows(
                "weigh", **asked, least_budget=LEAST_BUDGET, most_budget=MOST_BUDGET
            )
            sparse = SparseVector(dict(zip(names, values, strict=True)), TERM_SPACE)
            lexical = self._rows("search_lexical", limit=limit)
            ids = {row[0] for row in (*semantic, *lexical)}
            best = {"ids": list(ids), "best": wanted, "semantic": 0.5, "lexical": 0.5}
            return len(self._rows("read", vector=half, weights=sparse, **best))

    def close(self) -> None:
        """Give the connection back."""
        self._conn.close()

    def _rows(self, name: str, **parameters: Any) -> list[Any]:
        return self._conn.execute(self._queries[name], {**self._ids, **parameters}).fetchall()
