"""What a query is put to: a knowledge base's index, seen through a scope."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.embedding.embedder import Embedder
from retrieval.filters import Filter
from retrieval.index import IndexVersion
from retrieval.scope import Scope
from retrieval.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What answers queries: an index version, the store it is in, the model it was made with."""

    version: IndexVersion
    store: Store
    embedder: Embedder


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One of the knowledge bases that a query is put to."""

    scope: Scope
    index: Index
    filters: Filter | None = None
    """The query's, read by this knowledge base's fields."""
