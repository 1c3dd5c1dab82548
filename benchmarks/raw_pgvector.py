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
from retrieval.postgres import (
    _assign,  # pyright: ignore[reportPrivateUsage] as below
    scope_settings,
)
from retrieval.ranking import MIN_CANDIDATES
from retrieval.store import Vector
from retrieval.stores.pgvector import (
    BUDGET,
    KEPT,
    LISTED,
    MIN_EF_SEARCH,
    _nearest,  # pyright: ignore[reportPrivateUsage] the very same SQL rather than a copy of it
    _query,  # pyright: ignore[reportPrivateUsage]
    _scores,  # pyright: ignore[reportPrivateUsage]
)


class RawPgvector:
    """Runs them one after the other on one connection, which belongs to one thread."""

    def __init__(self, dsn: str, target: Target) -> None:
        self._conn = psycopg.connect(dsn, autocommit=True)  # keeps plans, as the service does
        take_role(self._conn)
        self._conn.execute(SEARCH_PATH)
        register_vector(self._conn)
        scope = target.scope
        self._settings = {
            **scope_settings(scope),
            "hnsw.ef_search": str(max(MIN_CANDIDATES, MIN_EF_SEARCH)),
            "hnsw.iterative_scan": "strict_order",
            **KEPT,
        }
        self._ids = {"team_id": scope.team_id, "knowledge_base_id": scope.knowledge_base_id}
        self._queries: dict[str, LiteralString] = {
            name: _query(name, target.index.id) for name in ("weigh", "search_lexical", "read")
        }
        self._queries["search_semantic"] = _nearest(target.index, "true", MIN_CANDIDATES)

    def search(self, question: str, vector: Vector, wanted: int) -> int:
        """Both legs, and both scores and the texts of the best; how many there are."""
        half = HalfVector(vector)
        with self._conn.transaction():
            self._conn.execute(_assign(*self._settings), self._settings)
            semantic = self._rows("search_semantic", vector=half)
            terms = bm25.query_terms(question)
            asked = {"asked": list(terms), "counts": list(terms.values())}
            budget = {"budget": BUDGET, "listed": LISTED}
            ((names, values, *_),) = self._rows("weigh", **asked, **budget)
            sparse = SparseVector(dict(zip(names, values, strict=True)), TERM_SPACE)
            lexical = self._rows("search_lexical", limit=MIN_CANDIDATES)
            by_meaning, by_words = _scores(semantic), _scores(lexical)
            ids = [*(by_meaning | by_words)]
            known = {
                "ids": ids,
                "by_meaning": [by_meaning.get(one) for one in ids],
                "by_words": [by_words.get(one) for one in ids],
            }
            best = {"best": wanted, "semantic": 0.5, "lexical": 0.5}
            return len(self._rows("read", vector=half, weights=sparse, **known, **best))

    def close(self) -> None:
        """Give the connection back."""
        self._conn.close()

    def _rows(self, name: str, **parameters: Any) -> list[Any]:
        return self._conn.execute(self._queries[name], {**self._ids, **parameters}).fetchall()
