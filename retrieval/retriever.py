"""The read path: question to cited passages. Every door calls this one function."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from retrieval.embedding.embedder import Embedder
from retrieval.errors import RetrievalError
from retrieval.filters import Filter
from retrieval.fusion import Fusion, best
from retrieval.index import IndexVersion
from retrieval.passage import Passage, Retrieval
from retrieval.scope import Scope
from retrieval.store import Candidates, Store, StoreQuery, Vector

DEFAULT_RESULTS = 10
DEFAULT_ALPHA = 0.5
MAX_RESULTS = 100
MAX_QUERY_CHARACTERS = 10_000
ATTEMPTS = 3  # at a search whose documents are replaced before they are read
MIN_CANDIDATES = 100  # from each leg; see the figures in fusion.py


class InvalidQuery(RetrievalError):
    """The query cannot be answered as it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question and how to search for it.

    Raises `InvalidQuery` where a value is out of its range.
    """

    text: str
    num_results: int = DEFAULT_RESULTS
    """0 to `MAX_RESULTS`."""

    alpha: float = DEFAULT_ALPHA
    """0 searches by words only, 1 by meaning only; between, both are weighed."""

    filters: Filter | None = None

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InvalidQuery("query is empty; ask something.")
        if len(self.text) > MAX_QUERY_CHARACTERS:
            raise InvalidQuery(f"query is longer than {MAX_QUERY_CHARACTERS} characters.")
        if not 0 <= self.num_results <= MAX_RESULTS:
            raise InvalidQuery(
                f"num_results must be from 0 to {MAX_RESULTS}, not {self.num_results}."
            )
        if not 0 <= self.alpha <= 1:
            raise InvalidQuery(f"alpha must be from 0 to 1, not {self.alpha}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What answers queries: an index version, the store it is in, the model it was made with."""

    version: IndexVersion
    store: Store
    embedder: Embedder


class Retrieve(Protocol):
    """The read path as its doors see it."""

    async def __call__(self, scope: Scope, query: Query) -> Retrieval: ...


async def search(scope: Scope, index: Index, query: Query) -> Retrieval:
    """The best passages of this scope's knowledge base, fewer where it holds fewer."""
    passages = await _search(scope, index, query) if query.num_results else ()
    return Retrieval(passages=passages, index_version=index.version.number)


async def _search(scope: Scope, index: Index, query: Query) -> tuple[Passage, ...]:
    text = query.text if query.alpha < 1 else None
    # Words are searched while the query is still being embedded.
    embedding = asyncio.ensure_future(_embed(index.embedder, query))
    attempt = 0
    while True:
        candidates = await _candidates(scope, index, query, text, embedding)
        fusion = Fusion.of(candidates, query.alpha)
        ids = _contenders(fusion, candidates, query)
        asked = StoreQuery(vector=await embedding, text=text, term_weights=candidates.term_weights)
        reading = await index.store.read(
            scope, index.version, asked, ids, best=query.num_results, blend=fusion.blend
        )
        attempt += 1
        if reading.found == len(ids) or attempt == ATTEMPTS:
            break  # else a document was replaced in between, and its new chunks are there to find
    passages = [
        Passage.of(scope, chunk, _score(fusion, chunk.semantic, chunk.lexical))
        for chunk in reading.chunks
    ]
    return tuple(sorted(passages, key=_rank))


async def _embed(embedder: Embedder, query: Query) -> Vector | None:
    return await asyncio.to_thread(embedder.embed_query, query.text) if query.alpha > 0 else None


async def _candidates(
    scope: Scope,
    index: Index,
    query: Query,
    text: str | None,
    embedding: Awaitable[Vector | None],
) -> Candidates:
    """What each leg that was asked for finds; they run side by side."""

    async def search(asked: StoreQuery) -> Candidates:
        limit = max(MIN_CANDIDATES, query.num_results)
        return await index.store.search(
            scope, index.version, asked, limit=limit, filters=query.filters
        )

    async def by_meaning() -> Candidates:
        return await search(StoreQuery(vector=await embedding))

    by_words = search(StoreQuery(text=text))
    meaning, words = await asyncio.gather(by_meaning(), by_words)
    return Candidates(
        semantic=meaning.semantic, lexical=words.lexical, term_weights=words.term_weights
    )


def _contenders(fusion: Fusion, candidates: Candidates, query: Query) -> list[int]:
    if query.alpha == 0:
        return best(candidates.lexical, query.num_results)
    if query.alpha == 1:
        return best(candidates.semantic, query.num_results)
    return fusion.contenders(candidates, query.num_results)


def _score(fusion: Fusion, semantic: float | None, lexical: float | None) -> float:
    """One leg's own score, or the fused one; a query of unknown words has no lexical score."""
    if semantic is None:
        return lexical or 0.0
    if fusion.alpha == 1:
        return semantic
    return fusion.score(semantic, lexical or 0.0)


def _rank(passage: Passage) -> tuple[float, str, int]:
    """By falling score; equal scores in an order that does not change between calls."""
    citation = passage.citation
    return -passage.score, citation.document.item_name, citation.char_start
