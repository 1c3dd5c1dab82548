"""A passage: a chunk as returned to a caller, with its scores and an exact citation."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from retrieval.citation_uri import CitationUri
from retrieval.scope import Scope
from retrieval.store import DocumentVersion, StoredChunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where a quoted text stands. Reading that span returns exactly the quoted text."""

    knowledge_base_id: UUID
    document: DocumentVersion
    char_start: int
    char_end: int
    page: int | None
    section_path: tuple[str, ...]

    @property
    def uri(self) -> str:
        """A stable name of the span, good for as long as the document version is kept."""
        return str(
            CitationUri(
                knowledge_base_id=self.knowledge_base_id,
                document_id=self.document.document_id,
                version_id=self.document.version_id,
                span=(self.char_start, self.char_end),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One result of a query."""

    text: str
    score: float
    """What results are ordered by: the fused score, or the one leg's own. Higher is better."""

    semantic_score: float | None
    """Cosine similarity; none when that leg was not asked."""

    lexical_score: float | None
    """BM25; none when that leg was not asked."""

    category: str
    citation: Citation
    position: int
    """Its place among the document version's chunks, from 0."""

    context: str = ""
    """What was indexed before the text; never quoted."""

    parent: tuple[int, int] | None = None
    """Where what is around it begins and ends: the parent chunk or sentence window that it was cut
    with, or what the query asked for."""

    parent_text: str | None = None
    """The text of that span, once it is read."""

    @property
    def indexed_text(self) -> str:
        """What it was found by."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    @classmethod
    def of(cls, scope: Scope, stored: StoredChunk, score: float) -> Passage:
        """The passage that a stored chunk becomes."""
        chunk = stored.chunk
        return cls(
            text=chunk.text,
            score=score,
            semantic_score=stored.semantic,
            lexical_score=stored.lexical,
            category=chunk.category,
            position=chunk.position,
            context=chunk.context,
            parent=chunk.parent,
            citation=Citation(
                knowledge_base_id=scope.knowledge_base_id,
                document=stored.document,
                char_start=chunk.char_start,
                char_end=chunk.char_end,
                page=chunk.page,
                section_path=chunk.section_path,
            ),
        )
