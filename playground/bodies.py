"""What the service's API answers, as far as the playground reads it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from retrieval.eval.results import Estimate
from retrieval.index import StoreName, VectorStorage

DocumentStatus = Literal["pending", "running", "indexed", "failed", "cancelled"]
RunStatus = Literal["pending", "running", "done", "failed"]


class Body(BaseModel):
    """Fields that are not here are ignored."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class RerankingConfig(Body):
    """Whether answers are reranked unless a question says otherwise."""

    enabled: bool


class KnowledgeBase(Body):
    """A knowledge base and how its documents stand."""

    uuid: UUID
    name: str
    embedding_model_uuid: UUID
    reranking_config: RerankingConfig
    documents: int
    documents_pending: int
    documents_failed: int
    chunks: int


class Document(Body):
    """A document as its newest version stands."""

    uuid: UUID
    item_name: str
    version_uuid: UUID
    version_number: int
    size_in_bytes: int
    status: DocumentStatus
    pages: int | None
    chunks: int | None
    tokens: int | None


class Model(Body):
    """An embedding model, or the reranking model."""

    uuid: UUID
    id: str
    name: str
    type: Literal["embedding", "reranking"]


class ChatModel(Body):
    """A model that answers in chats; `extractive` is none, and quotes passages instead."""

    id: str
    max_model_len: int | None


class FilterField(Body):
    """A field that filters may name."""

    name: str
    type: str
    operators: list[str]
    description: str


class CitedPlace(Body):
    """Where a cited passage stands."""

    uri: str
    item_name: str
    knowledge_base_id: UUID
    document_id: UUID
    version_id: UUID
    version_number: int
    char_start: int
    char_end: int
    page: int | None
    section_path: list[str]


class AnswerCitation(Body):
    """Which characters of an answer a passage supports."""

    start: int
    end: int
    place: CitedPlace


class AnswerPart(Body):
    """The next piece of a streamed answer: text, or what supports text that came before."""

    text: str = ""
    citations: list[AnswerCitation] = []
    finish_reason: str | None = None
    """`length` where `max_tokens` cut it off."""

    usage: dict[str, Any] | None = None
    """Tokens of the whole answer, with its last part."""


class IndexVersion(Body):
    """An index version, its settings and how far it is."""

    uuid: UUID
    number: int
    embedding_model_uuid: UUID
    embedding_dimensions: int
    chunking_algorithm: str
    chunking_options: dict[str, Any]
    store: StoreName
    vector_storage: VectorStorage
    language: str | None
    languages: list[str]
    created_at: datetime
    promoted_at: datetime | None
    is_live: bool
    is_ready: bool
    """Promoting it would lose no answer."""
    documents: int
    documents_pending: int
    documents_indexed: int
    documents_failed: int
    documents_behind: int
    chunks: int
    embedded_chunks: int


class Dataset(Body):
    """Questions with gold, without the questions."""

    uuid: UUID
    name: str
    questions: int
    created_at: datetime
    updated_at: datetime


class Run(Body):
    """An evaluation run and what it came to."""

    uuid: UUID
    evaluation_dataset_uuid: UUID
    evaluation_dataset: str
    index_version_uuid: UUID | None
    index_version: int
    index_settings: dict[str, Any]
    options: dict[str, Any]
    status: RunStatus
    error: str | None
    questions: int
    asked: int
    skipped: int
    degraded: int
    metrics: dict[str, Estimate]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class StarMetric(Body):
    """What runs are judged by, and what of it is good enough."""

    name: str
    success_threshold: float | None = None
