"""The embedding models to choose from, and the reranking model, in DigitalOcean's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID, uuid5

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ingest.chunking.settings import MIN_CHUNK_TOKENS, default_chunk_size
from kb.api.caller import KeyFirst, Team, TheService
from kb.api.paging import Links, Meta, Page
from retrieval.embedding.models import EmbeddingModel
from retrieval.reranking.reranker import Reranker

router = APIRouter(prefix="/v2/gen-ai/models", tags=["models"], route_class=KeyFirst)
RERANKERS = UUID("5e2f7a7c-6d1b-4c39-9f57-2b8a3c1d90e4")
"""The namespace of rerankers' UUIDs, each made of its id."""


def _is_none(value: object) -> bool:
    return value is None


class ModelBody(BaseModel):
    """A model as DigitalOcean renders one."""

    uuid: UUID
    id: str
    name: str
    provider: str = "MODEL_PROVIDER_DIGITALOCEAN"  # their word for whoever runs the platform
    type: str
    capabilities: list[str]
    usecases: list[str]
    context_window: str | None = Field(default=None, exclude_if=_is_none)
    kb_default_chunk_size: int | None = Field(default=None, exclude_if=_is_none)
    kb_min_chunk_size: int | None = Field(default=None, exclude_if=_is_none)
    kb_max_chunk_size: int | None = Field(default=None, exclude_if=_is_none)

    @classmethod
    def of(cls, model: EmbeddingModel) -> ModelBody:
        """One embedding model."""
        return cls(
            uuid=model.uuid,
            id=model.id,
            name=model.name,
            type="embedding",
            capabilities=["vectorization"],
            usecases=["MODEL_USECASE_KNOWLEDGEBASE"],
            context_window=str(model.max_tokens),
            kb_default_chunk_size=default_chunk_size(model),
            kb_min_chunk_size=MIN_CHUNK_TOKENS,
            kb_max_chunk_size=model.max_tokens,
        )

    @classmethod
    def of_reranker(cls, reranker: Reranker) -> ModelBody:
        """The one that this installation runs."""
        return cls(
            uuid=uuid5(RERANKERS, reranker.model),
            id=reranker.model,
            name=reranker.model,
            type="reranking",
            capabilities=["reranking"],
            usecases=["MODEL_USECASE_RERANKING"],
        )


class ModelList(BaseModel):
    """The envelope of a page."""

    models: list[ModelBody]
    links: Links
    meta: Meta


@router.get("")
async def list_models(
    team: Team, page: Page, service: TheService, usecases: Annotated[Sequence[str], Query()] = ()
) -> ModelList:
    """The models; `usecases` narrows them: several of them, or a comma-separated list."""
    del team  # anybody with a key may look
    bodies = [ModelBody.of(model) for model in service.embedders.models]
    if service.reranker is not None:
        bodies.append(ModelBody.of_reranker(service.reranker))
    wanted = {usecase for given in usecases for usecase in given.split(",") if usecase}
    found = [body for body in bodies if not wanted or wanted & set(body.usecases)]
    return ModelList(
        models=list(page.of(found)), links=page.links(len(found)), meta=page.meta(len(found))
    )
