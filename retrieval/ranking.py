"""Candidates of both legs, from every knowledge base asked, into one ranking of passages."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from retrieval.alpha import alpha_of
from retrieval.embedding.cached import embed_question
from retrieval.fusion import Fusion, Key, OneLeg, Pool, ReciprocalRank, WeightedSum
from retrieval.passage import Passage
from retrieval.query import Query
from retrieval.store import Blend, Candidates, Reading, StoreQuery, Vector
from retrieval.target import Target
from retrieval.understanding.hypothetical import embed_with_hypothetical

T = TypeVar("T")
ATTEMPTS = 3  # at a search whose documents are replaced before they are read
MIN_CANDIDATES = 100  # from each leg; see the figures in fusion.py


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Passages by falling score, and what the legs found."""

    passages: list[Passage]
    keys: list[Key]
    """Which chunk each passage is of."""

    pool: Pool
    is_complete: bool
    """There are no more passages than these."""


async def rank(targets: Sequence[Target], query: Query, *, depth: int, everything: bool) -> Ranking:
    """The best `depth` passages, or with `everything` each that a leg found."""
    alpha = alpha_of(query, targets)
    asked = [_Asked(target, query, alpha) for target in targets]
    attempt = 0
    while True:
        found = await _all([one.candidates(limit=depth) for one in asked])
        pool = Pool.of(found)
        fusion = _fusion(targets, query, alpha, pool, found)
        keys = list(pool.keys) if everything else fusion.contenders(pool, depth)
        wanted: defaultdict[int, list[int]] = defaultdict(list)
        for number, chunk in keys:
            wanted[number].append(chunk)
        best = len(keys) if everything or isinstance(fusion, ReciprocalRank) else depth
        readings = await _all(
            [
                asked[number].read(found[number], ids, best=best, blend=fusion.blend)
                for number, ids in wanted.items()
            ]
        )
        attempt += 1
        complete = all(
            reading.found == len(ids)
            for reading, ids in zip(readings, wanted.values(), strict=True)
        )
        if complete or attempt == ATTEMPTS:
            break  # else a document was replaced in between, and its new chunks are there to find
    scored = [
        ((number, chunk.id), Passage.of(targets[number].scope, chunk, score))
        for number, reading in zip(wanted, readings, strict=True)
        for chunk in reading.chunks
        for score in [fusion.score((number, chunk.id), chunk.semantic, chunk.lexical)]
    ]
    scored.sort(key=lambda one: _order(one[1]))
    if not everything:
        del scored[depth:]
    return Ranking(
        passages=[passage for _, passage in scored],
        keys=[key for key, _ in scored],
        pool=pool,
        is_complete=_is_exhausted(found, depth) and len(scored) == len(pool.keys),
    )


class _Asked:
    """A query under way in one target. Words are searched while the question is being embedded."""

    def __init__(self, target: Target, query: Query, alpha: float) -> None:
        self._target = target
        self._query = query
        self._alpha = alpha
        self._languages = target.index.version.languages
        self._embedded = self._embed() if alpha > 0 else None

    def _embed(self) -> asyncio.Future[Vector]:
        embedder, query = self._target.index.embedder, self._query
        if query.hypothetical is None:
            return embed_question(embedder, query.text)
        return asyncio.ensure_future(
            asyncio.to_thread(embed_with_hypothetical, embedder, query.text, query.hypothetical)
        )

    async def _vector(self) -> Vector | None:
        return None if self._embedded is None else await self._embedded

    @property
    def _text(self) -> str | None:
        return self._query.text if self._alpha < 1 else None

    async def candidates(self, *, limit: int) -> Candidates:
        """What each leg that was asked for finds."""
        target, limit = self._target, max(MIN_CANDIDATES, limit)

        async def search(asked: StoreQuery) -> Candidates:
            return await target.index.store.search(
                target.scope, target.index.version, asked, limit=limit, filters=target.filters
            )

        if self._embedded is None or self._embedded.done():
            vector = await self._vector()
            return await search(
                StoreQuery(vector=vector, text=self._text, languages=self._languages)
            )

        async def by_meaning() -> Candidates:
            return await search(StoreQuery(vector=await self._vector()))

        by_words = search(StoreQuery(text=self._text, languages=self._languages))
        meaning, words = await asyncio.gather(by_meaning(), by_words)
        return Candidates(
            semantic=meaning.semantic, lexical=words.lexical, term_weights=words.term_weights
        )

    async def read(
        self, found: Candidates, ids: Sequence[int], *, best: int, blend: Blend
    ) -> Reading:
        """The best of these chunks."""
        asked = StoreQuery(
            vector=await self._vector(),
            text=self._text,
            languages=self._languages,
            found=found,
        )
        target = self._target
        return await target.index.store.read(
            target.scope, target.index.version, asked, ids, best=best, blend=blend
        )


async def _all(tasks: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """What each gives; a single one, as there mostly is, needs no task of its own."""
    return [await tasks[0]] if len(tasks) == 1 else await asyncio.gather(*tasks)


def _fusion(
    targets: Sequence[Target],
    query: Query,
    alpha: float,
    pool: Pool,
    found: Sequence[Candidates],
) -> Fusion:
    if alpha in (0, 1):
        return OneLeg(by_meaning=alpha == 1)
    models = {target.index.version.settings.embedding_model for target in targets}
    if len(models) > 1:
        # Their cosines are not of one scale: only the order in each knowledge base means anything.
        ranked = [ReciprocalRank.of(Pool.of([one]), alpha).scores for one in found]
        return ReciprocalRank(
            {
                (number, chunk): score
                for number, scores in enumerate(ranked)
                for (_, chunk), score in scores.items()
            }
        )
    if query.fusion == "reciprocal_rank":
        return ReciprocalRank.of(pool, alpha)
    return WeightedSum.of(pool, alpha)


def _order(passage: Passage) -> tuple[float, str, int]:
    """By falling score; equal scores in an order that does not change between calls."""
    citation = passage.citation
    return -passage.score, citation.document.item_name, citation.char_start


def _is_exhausted(found: Sequence[Candidates], depth: int) -> bool:
    """Neither leg would have had more to give."""
    limit = max(MIN_CANDIDATES, depth)
    return all(len(one.semantic) < limit and len(one.lexical) < limit for one in found)
