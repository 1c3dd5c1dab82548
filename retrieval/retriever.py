"""The read path: question to cited passages. Every door calls this one function."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from retrieval.budget import fit
from retrieval.cursor import MAX_DEPTH, cursor_at, place_of
from retrieval.expansion import Texts, expand
from retrieval.explanation import explain
from retrieval.passage import Passage
from retrieval.query import InvalidQuery, Query
from retrieval.ranking import Ranking
from retrieval.reranking.reranker import Reranker, RerankingFailed
from retrieval.retrieval import CandidateReport, Omitted, Reranked, Retrieval
from retrieval.selection import select
from retrieval.target import Target
from retrieval.understanding.chat import Chat
from retrieval.understanding.merging import rank_all
from retrieval.understanding.understand import understand
from retrieval.understanding.understanding import Understood

DEEPER = 4  # times as many candidates, where too many were left out


async def retrieve(
    targets: Sequence[Target],
    query: Query,
    *,
    texts: Texts,
    reranker: Reranker | None = None,
    chat: Chat | None = None,
) -> Retrieval:
    """The best passages of the targets' knowledge bases, fewer where they hold fewer.

    A reranker that fails leaves the fused order, and the answer says so. Raises `InvalidQuery` for
    a cursor that does not belong here, and `IndexNotFound`.
    """
    versions = {target.scope.knowledge_base_id: target.index.version.number for target in targets}
    if not query.num_results:
        return Retrieval(passages=(), index_versions=versions)
    query, understood = await _understood(query, chat)
    place = place_of(query.cursor, query, targets)
    end = min(place + query.num_results, MAX_DEPTH)
    found = await _Answer.of(targets, query, reranker, wanted=min(end + 1, MAX_DEPTH))
    page = await expand(found.passages[place:end], targets, query.expand, texts)
    omitted: list[Omitted] = []
    if query.max_tokens is not None:
        count = targets[0].index.embedder.count_tokens
        page, omitted = await asyncio.to_thread(fit, page, query.max_tokens, count)
    return Retrieval(
        passages=tuple(page),
        index_versions=versions,
        omitted=tuple(omitted),
        next_cursor=cursor_at(end, query, targets) if len(found.passages) > end else None,
        reranked=found.reranked,
        understood=understood,
        explanation=found.explanation(place, end, omitted) if query.explain else (),
    )


async def _understood(query: Query, chat: Chat | None) -> tuple[Query, Understood | None]:
    """The query as the language model reads it; as it is where it failed or was not asked."""
    if query.understanding is None:
        return query, None
    if chat is None:
        raise InvalidQuery("understanding: no language model is configured; leave it out.")
    understood = await understand(query.text, query.understanding, chat)
    meant = replace(
        query,
        text=understood.rewritten_query or query.text,
        sub_queries=understood.sub_queries,
        hypothetical=understood.hypothetical_passage,
    )
    return meant, understood


class _Answer:
    """All stages up to the choice of passages, with what each did."""

    def __init__(
        self, ranking: Ranking, query: Query, scores: Mapping[int, float], reranked: Reranked | None
    ) -> None:
        self._ranking = ranking
        self._scores = scores
        self.reranked = reranked
        self._order = list(range(len(ranking.passages)))
        ordered = ranking.passages
        if scores:
            self._order = sorted(scores, key=lambda place: (-scores[place], place))
            ordered = [
                replace(ranking.passages[place], score=scores[place]) for place in self._order
            ]
        selection = select(ordered, query)
        self.passages: list[Passage] = [ordered[place] for place in selection.kept]
        self.is_final = ranking.is_complete or selection.is_final
        self._kept = [self._order[place] for place in selection.kept]
        self._dropped = {self._order[place]: why for place, why in selection.dropped.items()}

    @classmethod
    async def of(
        cls,
        targets: Sequence[Target],
        query: Query,
        reranker: Reranker | None,
        *,
        wanted: int,
    ) -> _Answer:
        """At least `wanted` passages, unless there are no more."""
        asked = query.reranking
        depth = max(wanted, asked.candidates) if asked else wanted
        while True:
            ranking = await rank_all(
                targets,
                query,
                query.sub_queries or (query.text,),
                depth=depth,
                everything=query.explain,
            )
            scores, reranked = await _rerank(ranking, query, reranker, depth)
            answer = cls(ranking, query, scores, reranked)
            if len(answer.passages) >= wanted or answer.is_final or depth >= MAX_DEPTH:
                return answer
            depth = min(depth * DEEPER, MAX_DEPTH)

    def explanation(
        self, place: int, end: int, omitted: Sequence[Omitted]
    ) -> tuple[CandidateReport, ...]:
        """Of every candidate."""
        dropped = dict(self._dropped)
        no_room = {one.uri for one in omitted if one.part == "passage"}
        for number, kept in enumerate(self._kept):
            if number < place:
                dropped[kept] = "is on an earlier page"
            elif number >= end:
                dropped[kept] = f"is number {number + 1} of those found"
            elif self._ranking.passages[kept].citation.uri in no_room:
                dropped[kept] = "does not fit into max_tokens"
        unread = [n for n in range(len(self._ranking.passages)) if n not in set(self._order)]
        dropped |= dict.fromkeys(unread, "is not among those that the reranker read")
        return explain(self._ranking, [*self._order, *unread], self._scores, dropped)


async def _rerank(
    ranking: Ranking, query: Query, reranker: Reranker | None, depth: int
) -> tuple[Mapping[int, float], Reranked | None]:
    """The reranker's scores by place in the ranking; none where it was not asked, or failed."""
    if query.reranking is None:
        return {}, None
    if reranker is None:
        raise InvalidQuery("reranking: no reranker is configured; leave it out or disable it.")
    read = [passage.indexed_text for passage in ranking.passages[:depth]]
    try:
        scores = await reranker.rerank(query.text, read) if read else []
    except RerankingFailed as exc:
        return {}, Reranked(model=reranker.model, applied=False, error=str(exc))
    return dict(enumerate(scores)), Reranked(model=reranker.model, applied=True)
