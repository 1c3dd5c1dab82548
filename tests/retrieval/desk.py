"""A retriever over one index of a real store, without a catalog behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.chunk import Chunk
from retrieval.embedding.embedder import Embedder
from retrieval.expansion import Place
from retrieval.filters import parse_filter
from retrieval.passage import Passage
from retrieval.query import Query
from retrieval.reranking.reranker import Reranker
from retrieval.retrieval import Retrieval
from retrieval.retriever import retrieve
from retrieval.scope import Scope
from retrieval.target import Index, Target
from tests.retrieval.stores.makers import Shelf, make_document


async def no_texts(scope: Scope, places: Sequence[Place], *, parser: str) -> list[str | None]:
    """Nobody has these documents' canonical texts."""
    del scope, parser
    return ["" for _ in places]


@dataclass
class Desk:
    """A retriever over one index of the real store, whose knowledge base no catalog knows."""

    shelf: Shelf
    embedder: Embedder

    @property
    def index(self) -> Index:
        return Index(version=self.shelf.index, store=self.shelf.store, embedder=self.embedder)

    async def put(self, item_name: str, chunks: Sequence[Chunk]) -> None:
        """A new document with these chunks."""
        texts = [chunk.indexed_text for chunk in chunks]
        await self.shelf.put(
            make_document(item_name), chunks, list(self.embedder.embed_passages(texts))
        )

    async def ask(
        self,
        text: str,
        *,
        num_results: int = 10,
        alpha: float = 0.5,
        item_name: str | None = None,
    ) -> tuple[Passage, ...]:
        named = {"equals": {"key": "item_name", "value": item_name}} if item_name else None
        query = Query(text=text, num_results=num_results, alpha=alpha, filters=named or {})
        return (await self.retrieve(query)).passages

    async def retrieve(self, query: Query, reranker: Reranker | None = None) -> Retrieval:
        return await retrieve([self.target(query)], query, texts=no_texts, reranker=reranker)

    def target(self, query: Query) -> Target:
        return Target(scope=self.shelf.scope, index=self.index, filters=parse_filter(query.filters))
