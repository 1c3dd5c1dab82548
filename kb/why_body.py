"""The answer to why a document is not found as JSON, the same from the API and the command line."""

from __future__ import annotations

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from kb.why import Standing, Verdict, Why


class StandingBody(BaseModel):
    """How a passage fares in each stage. Ranks count from 1; null where a stage did not see it."""

    uri: str
    item_name: str
    page_number: int | None
    semantic_rank: int | None
    semantic_score: float | None
    lexical_rank: int | None
    lexical_score: float | None
    fused_rank: int | None
    fused_score: float | None
    reranked_rank: int | None
    reranked_score: float | None

    @classmethod
    def of(cls, standing: Standing) -> StandingBody:
        """One passage."""
        passage = standing.passage
        return cls(
            uri=passage.citation.uri,
            item_name=passage.citation.document.item_name,
            page_number=passage.citation.page,
            semantic_rank=standing.semantic_rank,
            semantic_score=passage.semantic_score,
            lexical_rank=standing.lexical_rank,
            lexical_score=passage.lexical_score,
            fused_rank=standing.fused_rank,
            fused_score=standing.fused_score,
            reranked_rank=standing.reranked_rank,
            reranked_score=standing.reranked_score,
        )


class WhyBody(BaseModel):
    """One verdict, and what it rests on."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    verdict: Verdict
    message: str
    """The verdict as a sentence for people."""

    document_uuid: UUID | None
    item_name: str | None
    document_status: str | None
    error_code: str | None
    """Why indexing it failed."""

    rank: int | None
    """Its best passage's place in the answer, were that long enough."""

    num_results: int | None
    """How many to ask for to see it; null where that does not help."""

    excluded_by: list[str]
    """The conditions of the filter that leave it out."""

    best: StandingBody | None
    """Its best passage."""

    last: StandingBody | None
    """The last passage that was returned."""

    @classmethod
    def of(cls, why: Why) -> WhyBody:
        """The answer."""
        document = why.document
        return cls(
            verdict=why.verdict,
            message=why.sentence,
            document_uuid=document and document.id,
            item_name=document and document.item_name,
            document_status=(document.status or "pending") if document else None,
            error_code=document and document.error_code,
            rank=why.rank,
            num_results=why.num_results,
            excluded_by=list(why.excluded_by),
            best=why.best and StandingBody.of(why.best),
            last=why.last and StandingBody.of(why.last),
        )
