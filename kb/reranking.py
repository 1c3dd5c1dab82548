"""Whether answers of a knowledge base are reranked where a query says nothing of it."""

from __future__ import annotations

from dataclasses import dataclass

from kb.catalog import knowledge_bases
from kb.service import Overview, Service
from retrieval.errors import ServiceError
from retrieval.postgres import scoped
from retrieval.scope import Scope


class InvalidRerankingModel(ServiceError):
    """This is an invalid reranking model; give the `id` of one that /v2/gen-ai/models lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankingConfig:
    """Switched on or off, and the model that does it."""

    enabled: bool
    model: str | None
    """None leaves the one that there was."""


def checked(service: Service, *, enabled: bool, model: str | None) -> RerankingConfig:
    """What is asked for, with the installation's model. Raises `InvalidRerankingModel`."""
    if not enabled:
        return RerankingConfig(enabled=False, model=None)
    if service.reranker is None:
        raise InvalidRerankingModel("There is none here until KB_RERANK_MODEL is set.")
    if model not in (None, service.reranker.model):
        raise InvalidRerankingModel(f"{model!r} is not {service.reranker.model!r}.")
    return RerankingConfig(enabled=True, model=service.reranker.model)


async def configure(service: Service, scope: Scope, config: RerankingConfig) -> Overview:
    """From now on it is so. Raises `NotFound`."""
    async with scoped(service.pool, scope) as conn:
        await knowledge_bases.set_reranking(scope, conn, enabled=config.enabled, model=config.model)
    return await service.overview(scope)
