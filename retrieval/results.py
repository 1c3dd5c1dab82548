"""A retrieval as JSON, alike from every door: DigitalOcean's shape with scores and citations."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from retrieval.passage import Passage, Retrieval


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
    document_id: UUID
    version_id: UUID
    version_number: int
    char_start: int
    char_end: int
    page: int | None
    section_path: list[str]
    """Titles of the headings around the passage, outermost first."""


class Result(ResultModel):
    """One passage."""

    text_content: str
    """The passage, word for word as in the document."""
    parent_chunk_text: str | None = Field(default=None, exclude_if=_is_none)
    """The larger chunk around the passage, where the knowledge base is chunked hierarchically."""
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
            citation=ResultCitation(
                uri=citation.uri,
                document_id=citation.document.document_id,
                version_id=citation.document.version_id,
                version_number=citation.document.version_number,
                char_start=citation.char_start,
                char_end=citation.char_end,
                page=citation.page,
                section_path=list(citation.section_path),
            ),
        )


class RetrieveResponse(ResultModel):
    """Passages by falling score."""

    results: list[Result]
    total_results: int
    """How many passages this response holds."""
    index_version: int
    """Which index of the knowledge base answered."""

    @classmethod
    def of(cls, retrieval: Retrieval) -> Self:
        """The response to a query."""
        results = [Result.of(passage) for passage in retrieval.passages]
        return cls(
            results=results, total_results=len(results), index_version=retrieval.index_version
        )
