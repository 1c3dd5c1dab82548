"""Why a document is not among the answers to a query: one verdict, and what it rests on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from kb.catalog.documents import Document
from kb.catalog.errors import NotFound
from kb.service import Service
from kb.why_excluded import described, excluding
from retrieval.alpha import alpha_of
from retrieval.cursor import MAX_DEPTH, place_of
from retrieval.explanation import explain
from retrieval.filters import FIELDS, Condition, Filter, Group
from retrieval.passage import Passage
from retrieval.query import MAX_RESULTS, InvalidQuery, Query
from retrieval.ranking import rank
from retrieval.retrieval import CandidateReport, Retrieval
from retrieval.scope import Scope
from retrieval.selection import select
from retrieval.store import Blend, StoreQuery, Vector
from retrieval.target import Target

Verdict = Literal[
    "no_such_document",
    "not_indexed",
    "no_text",
    "found",
    "filtered",
    "no_match",
    "below_top_k",
    "below_min_score",
    "duplicate",
    "over_token_budget",
    "reranked_down",
]
LOOKED_AT = 100  # passages of the document by either leg; nobody asks about the hundred-first


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a passage fares in each stage. Ranks count from 1; none where a stage did not see it."""

    passage: Passage
    semantic_rank: int | None = None
    lexical_rank: int | None = None
    fused_rank: int | None = None
    fused_score: float | None = None
    reranked_rank: int | None = None
    reranked_score: float | None = None

    @classmethod
    def of(cls, report: CandidateReport) -> Standing:
        """As the retriever explains it."""
        return cls(
            passage=report.passage,
            semantic_rank=report.semantic_rank,
            lexical_rank=report.lexical_rank,
            fused_rank=report.fused_rank,
            fused_score=report.fused_score,
            reranked_rank=report.reranked_rank,
            reranked_score=report.reranked_score,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The answer."""

    verdict: Verdict
    sentence: str
    document: Document | None = None
    """None where there is no such document."""

    rank: int | None = None
    """Its best passage's place in the answer, were that long enough."""

    num_results: int | None = None
    """How many to ask for to see it; none where that does not help, or is more than one call
    gives."""

    excluded_by: tuple[str, ...] = ()
    """The conditions of the filter that leave it out."""

    best: Standing | None = None
    """Its best passage."""

    last: Standing | None = None
    """The last passage that was returned."""


async def why(
    service: Service,
    scope: Scope,
    query: Query,
    document: UUID | str,
    *,
    index_version_id: UUID | None = None,
) -> Why:
    """What became of a document, by its id or name, in the answer to a query.

    Raises `NotFound` for the knowledge base, `InvalidFilter` and `InvalidQuery`.
    """
    if not query.num_results:
        raise InvalidQuery("num_results must be at least 1: an answer without passages has none.")
    target = await service.target(scope, query, index_version_id)
    try:
        if isinstance(document, UUID):
            found = await service.document(scope, document)
        else:
            found = await service.find_document(scope, document)
    except NotFound:
        return Why(
            verdict="no_such_document", sentence="No such document is in this knowledge base."
        )
    answer = await service.retrieve(
        scope, replace(query, explain=True), index_version_id=index_version_id
    )
    judged = await _Case(target, query, found, answer).judge()
    return replace(judged, sentence=judged.sentence + _of_newer_version(judged.best, found))


class _Case:
    """A document that exists, and an answer to the query."""

    def __init__(self, target: Target, query: Query, document: Document, answer: Retrieval) -> None:
        self._target = target
        self._query = query
        self._document = document
        self._answer = answer
        self._place = place_of(query.cursor, query, [target])
        self._end = self._place + query.num_results
        self._vector: Vector | None = None

    async def judge(self) -> Why:
        candidates = self._answer.explanation
        if self._has(one.passage for one in candidates):
            return self._ranked(candidates)
        passages = await self._passages(None)
        if not passages:
            return self._unindexed()
        if (filters := self._target.filters) is not None:
            passages = await self._passages(filters)
            if not passages:
                return await self._filtered(filters)
        if self._query.alpha == 0 and not any(one.lexical_score for one in passages):
            return self._verdict(
                "no_match",
                "It holds none of the query's words, and with alpha 0 nothing else counts.",
                best=Standing(passage=passages[0]),
            )
        ranking = await rank([self._target], self._query, depth=MAX_DEPTH, everything=True)
        deeper = explain(ranking, range(len(ranking.passages)), {}, {})
        if self._has(one.passage for one in deeper):
            return self._ranked(deeper)
        return self._verdict(
            "below_top_k",
            f"None of its passages is among the best {MAX_DEPTH:,} by meaning or by words.",
            best=Standing(passage=passages[0]),
        )

    def _ranked(self, reports: Sequence[CandidateReport]) -> Why:
        """It is among these candidates, which are in the order of the last stage."""
        reranked = self._answer.reranked is not None and self._answer.reranked.applied
        read = [one for one in reports if not reranked or one.reranked_rank is not None]
        mine = next((one for one in read if self._is_mine(one.passage)), None)
        if mine is None:
            return self._unread(next(one for one in reports if self._is_mine(one.passage)))
        ordered = [_scored(one) for one in read]
        selection = select(ordered, self._query)
        own = [
            (number, read[place])
            for number, place in enumerate(selection.kept, start=1)
            if self._is_mine(read[place].passage)
        ]
        if not own:
            return self._left_out(ordered, read.index(mine), mine)
        shown = {one.citation.uri for one in self._answer.passages}
        number, report = next((one for one in own if one[1].passage.citation.uri in shown), own[0])
        if reports is not self._answer.explanation:
            number = max(number, self._end + 1)  # scores are weighed anew in a deeper search
        return self._numbered(number, report, reranked=reranked)

    def _numbered(self, number: int, report: CandidateReport, *, reranked: bool) -> Why:
        """It is a certain number of those that the answer goes through."""
        best = Standing.of(report)
        uri = report.passage.citation.uri
        if any(one.uri == uri and one.part == "passage" for one in self._answer.omitted):
            return self._verdict(
                "over_token_budget",
                f"It is number {number}, but does not fit into the"
                f" {self._query.max_tokens:,} tokens of max_tokens.",
                best=best,
                rank=number,
            )
        if number <= self._end:
            where = "" if number > self._place else ", on an earlier page"
            return self._verdict("found", f"It is number {number}{where}.", best=best, rank=number)
        verdict: Verdict = "below_top_k"
        said = f"It is number {number}; the answer ends with number {self._end}."
        if reranked and report.fused_rank <= self._end:
            verdict = "reranked_down"
            said = (
                f"Before reranking it is number {report.fused_rank}, after it number {number};"
                f" the answer ends with number {self._end}."
            )
        wanted = number - self._place
        if wanted <= MAX_RESULTS:
            said += f" num_results {wanted} would reach it."
        else:
            said += f" num_results goes up to {MAX_RESULTS}; follow next_cursor to reach it."
        return self._verdict(
            verdict,
            said,
            best=best,
            rank=number,
            num_results=wanted if wanted <= MAX_RESULTS else None,
        )

    def _unread(self, report: CandidateReport) -> Why:
        """The reranker was not given it."""
        read = sum(one.reranked_rank is not None for one in self._answer.explanation)
        return self._verdict(
            "below_top_k",
            f"Before reranking it is number {report.fused_rank}, and the reranker read the best"
            f" {read} only; more reranking.candidates would have it read.",
            best=Standing.of(report),
        )

    def _left_out(self, ordered: Sequence[Passage], place: int, report: CandidateReport) -> Why:
        """An option keeps all of it out. A cap on its passages never does: the best one stays."""
        reason = select(ordered, self._query).dropped[place]
        with_duplicates = replace(self._query, collapse_duplicates=False)
        scores_less = place in select(ordered, with_duplicates).dropped
        return self._verdict(
            "below_min_score" if scores_less else "duplicate",
            f"It ranks {place + 1}, but is left out because it {reason}.",
            best=Standing.of(report),
        )

    async def _filtered(self, filters: Filter) -> Why:
        async def matches(part: Filter) -> bool:
            return bool(await self._passages(part))

        conditions = tuple(described(one) for one in await excluding(filters, matches))
        return self._verdict(
            "filtered",
            f"The filter leaves it out: no passage of it has {', nor '.join(conditions)}.",
            excluded_by=conditions,
        )

    def _unindexed(self) -> Why:
        """The index holds nothing of it."""
        document, number = self._document, self._target.index.version.number
        match document.status:
            case "indexed" if not document.chunks:
                return self._verdict("no_text", "It is indexed, and there is no text in it.")
            case "pending":
                said = "It waits to be indexed."
            case "running":
                said = f"It is being indexed; the stage is {document.stage or 'fetch'}."
            case "failed":
                stage = f" at the stage {document.stage}" if document.stage else ""
                said = f"Indexing it failed{stage}: {document.error}"
            case "cancelled":
                said = "Indexing it was cancelled."
            case _:
                said = f"Index version {number} does not hold it."
        return self._verdict("not_indexed", said)

    def _verdict(
        self,
        verdict: Verdict,
        sentence: str,
        *,
        best: Standing | None = None,
        rank: int | None = None,
        num_results: int | None = None,
        excluded_by: tuple[str, ...] = (),
    ) -> Why:
        shown = self._answer.passages
        last = None
        if shown:
            uri = shown[-1].citation.uri
            reports = self._answer.explanation
            last = next(one for one in reports if one.passage.citation.uri == uri)
        return Why(
            verdict=verdict,
            sentence=sentence,
            document=self._document,
            rank=rank,
            num_results=num_results,
            excluded_by=excluded_by,
            best=best,
            last=last and Standing.of(last),
        )

    async def _passages(self, filters: Filter | None) -> list[Passage]:
        """What the index holds of the document and the filter lets through, best first."""
        target, query = self._target, self._query
        index = target.index
        if self._vector is None:
            self._vector = await asyncio.to_thread(index.embedder.embed_query, query.text)
        asked = StoreQuery(vector=self._vector, text=query.text, languages=index.version.languages)
        named = Condition(FIELDS["item_name"], "eq", self._document.item_name)
        found = await index.store.search(
            target.scope,
            index.version,
            asked,
            limit=LOOKED_AT,
            filters=named if filters is None else Group("all", (named, filters)),
        )
        ids = [*{**found.semantic, **found.lexical}]
        if not ids:
            return []
        alpha = alpha_of(query, [target])
        blend = Blend(semantic=alpha, lexical=1 - alpha)
        reading = await index.store.read(
            target.scope, index.version, asked, ids, best=len(ids), blend=blend
        )
        passages = [Passage.of(target.scope, one, 0.0) for one in reading.chunks]
        return [one for one in passages if self._is_mine(one)]

    def _has(self, passages: Iterable[Passage]) -> bool:
        return any(self._is_mine(one) for one in passages)

    def _is_mine(self, passage: Passage) -> bool:
        return passage.citation.document.document_id == self._document.id


def _of_newer_version(best: Standing | None, document: Document) -> str:
    """What is to be said where a former version still answers."""
    if best is None or best.passage.citation.document.version_id == document.version_id:
        return ""
    former = best.passage.citation.document.version_number
    reason = f": {document.error}" if document.error else "."
    return (
        f" That is version {former}; the newest, version {document.version_number}, is"
        f" {document.status or 'pending'}{reason}"
    )


def _scored(report: CandidateReport) -> Passage:
    """The passage with the score that the last stage gave it."""
    score = report.fused_score if report.reranked_score is None else report.reranked_score
    return replace(report.passage, score=score)
