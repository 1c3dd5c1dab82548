"""Answers made by hand: passages of documents that nobody has to index."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from retrieval.passage import Citation, Passage
from retrieval.query import Query
from retrieval.retrieval import Retrieval
from retrieval.store import DocumentVersion

BASE = uuid4()


def passage(
    document: str, start: int, end: int, *, parent: tuple[int, int] | None = None
) -> Passage:
    """A passage of x's, in a parent of y's where it has one."""
    version = DocumentVersion(
        document_id=UUID(int=1),
        version_id=UUID(int=2),
        version_number=1,
        item_name=document,
        ingested_at=datetime.now(UTC),
    )
    return Passage(
        text="x" * (end - start),
        score=1.0,
        semantic_score=None,
        lexical_score=None,
        category="CompositeElement",
        position=0,
        citation=Citation(
            knowledge_base_id=BASE,
            document=version,
            char_start=start,
            char_end=end,
            page=None,
            section_path=(),
        ),
        parent=parent,
        parent_text=None if parent is None else "y" * (parent[1] - parent[0]),
    )


class Scripted:
    """Answers each question with the passages it was given for it."""

    def __init__(self, answers: dict[str, list[Passage]]) -> None:
        self.answers = answers
        self.asked: list[Query] = []

    async def __call__(self, query: Query) -> Retrieval:
        self.asked.append(query)
        passages = self.answers[query.text][: query.num_results]
        return Retrieval(passages=tuple(passages), index_versions={BASE: 1})
