"""The embedding models to choose from, in DigitalOcean's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from ingest.chunking.settings import MIN_CHUNK_TOKENS
from kb.api.caller import KeyFirst, Team
from kb.api.paging import Links, Meta, Page
from retrieval.embedding.models import MODELS, EmbeddingModel

router = APIRouter(prefix="/v2/gen-ai/models", tags=["models"], route_class=KeyFirst)


class ModelBody(BaseModel):
    """A model as DigitalOcean renders one."""

    uuid: UUID
    id: str
    name: str
    provider: str = "MODEL_PROVIDER_DIGITALOCEAN"  # their word for whoever runs the platform
    type: str = "embedding"
    capabilities: list[str]
    usecases: list[str]
    context_window: str
    kb_default_chunk_size: int
    kb_min_chunk_size: int
    kb_max_chunk_size: int

    @classmethod
    def of(cls, model: EmbeddingModel) -> ModelBody:
        """One embedding model."""
        return cls(
            uuid=model.uuid,
            id=model.id,
            name=model.name,
            capabilities=["vectorization"],
            usecases=["MODEL_USECASE_KNOWLEDGEBASE"],
            context_window=str(model.max_tokens),
            kb_default_chunk_size=model.max_tokens,
            kb_min_chunk_size=MIN_CHUNK_TOKENS,
            kb_max_chunk_size=model.max_tokens,
        )


class ModelList(BaseModel):
    """The envelope of a page."""

    models: list[ModelBody]
    links: Links
    meta: Meta


@router.get("")
async def list_models(
    team: Team, page: Page, usecases: Annotated[Sequence[str], Query()] = ()
) -> ModelList:
    """The models; `usecases` narrows them: several of them, or a comma-separated list."""
    del team  # anybody with a key may look
    bodies = [ModelBody.of(model) for model in MODELS]
    wanted = {usecase for given in usecases for usecase in given.split(",") if usecase}
    found = [body for body in bodies if not wanted or wanted & set(body.usecases)]
    return ModelList(
        models=list(page.of(found)), links=page.links(len(found)), meta=page.meta(len(found))
    )
