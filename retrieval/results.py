"""A retrieval as JSON, alike from every door: DigitalOcean's shape with scores and citations."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from retrieval.passage import Citation, Passage
from retrieval.retrieval import CandidateReport, Retrieval
from retrieval.understanding.understanding import UnderstandingMode, Understood


class ResultModel(BaseModel):
    """Field texts become the descriptions in OpenAPI and in the MCP tool's output schema."""

    model_config = ConfigDict(use_attribute_docstrings=True, frozen=True)


def _is_none(value: object) -> bool:
    return value is None


class ResultMetadata(ResultModel):
    """What DigitalOcean's clients read beside the text."""

    item_name: str
    """File name, relative path or URL of the document."""
    ingested_timestamp: datetime
    """When this version of the document was received."""
    chunk_category: str
    """`TableChunk` for a table, else `CompositeElement`."""
    page_number: int | None = Field(default=None)
    """The page the passage starts on, from 1; null for formats without pages."""


class ResultCitation(ResultModel):
    """Where the quoted text stands: characters `char_start` to `char_end` of the version's text."""

    uri: str
    """A stable name of exactly this span."""
    knowledge_base_id: UUID
    document_id: UUID
    version_id: UUID
    version_number: int
    char_start: int
    char_end: int
    page: int | None
    section_path: list[str]
    """Titles of the headings around the passage, outermost first."""

    @classmethod
    def of(cls, citation: Citation) -> Self:
        """The citation as callers see it."""
        return cls(
            uri=citation.uri,
            knowledge_base_id=citation.knowledge_base_id,
            document_id=citation.document.document_id,
            version_id=citation.document.version_id,
            version_number=citation.document.version_number,
            char_start=citation.char_start,
            char_end=citation.char_end,
            page=citation.page,
            section_path=list(citation.section_path),
        )


class Result(ResultModel):
    """One passage."""

    text_content: str
    """The passage, word for word as in the document."""
    parent_chunk_text: str | None = Field(default=None, exclude_if=_is_none)
    """What is around the passage, as `expand` asked for: by default the larger chunk or sentence
    window that it was cut with, where the knowledge base is chunked so."""
    metadata: ResultMetadata
    score: float
    """What the results are ordered by; comparable within one response only."""
    semantic_score: float | None
    """Cosine similarity of question and passage; null when alpha is 0."""
    lexical_score: float | None
    """BM25; null when alpha is 1."""
    citation: ResultCitation

    @classmethod
    def of(cls, passage: Passage) -> Self:
        """The passage as callers see it."""
        citation = passage.citation
        return cls(
            text_content=passage.text,
            parent_chunk_text=passage.parent_text,
            metadata=ResultMetadata(
                item_name=citation.document.item_name,
                ingested_timestamp=citation.document.ingested_at,
                chunk_category=passage.category,
                page_number=citation.page,
            ),
            score=passage.score,
            semantic_score=passage.semantic_score,
            lexical_score=passage.lexical_score,
            citation=ResultCitation.of(citation),
        )


class ResultOmitted(ResultModel):
    """What `max_tokens` left no room for."""

    uri: str
    """The citation of the passage."""
    part: Literal["passage", "parent"]
    """All of it, or only what is around it."""
    tokens: int
    """What it would have taken."""


class ResultReranking(ResultModel):
    """What became of the reranking that was asked for."""

    model: str
    applied: bool
    error: str | None = Field(default=None, exclude_if=_is_none)
    """Why it was not applied; the results are in the fused order then."""


class ResultUnderstanding(ResultModel):
    """What a language model made of the question, where it was asked to."""

    mode: UnderstandingMode
    rewritten_query: str | None = Field(default=None, exclude_if=_is_none)
    """Was searched instead of the question."""
    sub_queries: list[str] | None = Field(default=None, exclude_if=_is_none)
    """Were searched each by itself instead of the question."""
    hypothetical_passage: str | None = Field(default=None, exclude_if=_is_none)
    """Was searched by its meaning together with the question's."""
    error: str | None = Field(default=None, exclude_if=_is_none)
    """Why the question was searched as it is."""

    @classmethod
    def of(cls, understood: Understood) -> Self:
        """As callers see it."""
        return cls(
            mode=understood.mode,
            rewritten_query=understood.rewritten_query,
            sub_queries=list(understood.sub_queries) or None,
            hypothetical_passage=understood.hypothetical_passage,
            error=understood.error,
        )


class ResultCandidate(ResultModel):
    """What a candidate scored in each stage. Ranks count from 1; null where it was not seen."""

    uri: str
    item_name: str
    semantic_rank: int | None
    semantic_score: float | None
    lexical_rank: int | None
    lexical_score: float | None
    fused_rank: int
    fused_score: float
    reranked_rank: int | None
    reranked_score: float | None
    dropped: str | None
    """Why it is not among the results; null where it is."""


class RetrieveResponse(ResultModel):
    """Passages, best first."""

    results: list[Result]
    total_results: int
    """How many passages this response holds."""
    index_version: int
    """Which index of the knowledge base, or of the first one, answered."""
    truncated: bool
    """`max_tokens` left something out; `omitted` names it."""
    omitted: list[ResultOmitted]
    next_cursor: str | None
    """Send it as `cursor` with the same query for what comes next; null at the end."""
    reranking: ResultReranking | None = Field(default=None, exclude_if=_is_none)
    """Where reranking was asked for."""
    understanding: ResultUnderstanding | None = Field(default=None, exclude_if=_is_none)
    """Where it was asked for."""
    explanation: list[ResultCandidate] | None = Field(default=None, exclude_if=_is_none)
    """Where it was asked for: every candidate in its final order."""

    @classmethod
    def of(cls, retrieval: Retrieval) -> Self:
        """The response to a query."""
        results = [Result.of(passage) for passage in retrieval.passages]
        reranked = retrieval.reranked
        return cls(
            results=results,
            total_results=len(results),
            index_version=retrieval.index_version,
            truncated=retrieval.truncated,
            omitted=[
                ResultOmitted(uri=one.uri, part=one.part, tokens=one.tokens)
                for one in retrieval.omitted
            ],
            next_cursor=retrieval.next_cursor,
            reranking=reranked
            and ResultReranking(
                model=reranked.model, applied=reranked.applied, error=reranked.error
            ),
            understanding=retrieval.understood and ResultUnderstanding.of(retrieval.understood),
            explanation=[_candidate(one) for one in retrieval.explanation] or None,
        )


def _candidate(report: CandidateReport) -> ResultCandidate:
    passage = report.passage
    return ResultCandidate(
        uri=passage.citation.uri,
        item_name=passage.citation.document.item_name,
        semantic_rank=report.semantic_rank,
        semantic_score=passage.semantic_score,
        lexical_rank=report.lexical_rank,
        lexical_score=passage.lexical_score,
        fused_rank=report.fused_rank,
        fused_score=report.fused_score,
        reranked_rank=report.reranked_rank,
        reranked_score=report.reranked_score,
        dropped=report.dropped,
    )
