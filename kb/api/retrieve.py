"""The retrieval door: `POST /v1/{knowledge_base_uuid}/retrieve`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from kb.api.caller import KeyFirst, KnowledgeBaseScope, TheService
from kb.api.text import JsonObject, Text
from kb.api.unset import OptionalUuid
from retrieval.filters import parse_filter
from retrieval.results import RetrieveResponse
from retrieval.retriever import (
    DEFAULT_ALPHA,
    DEFAULT_RESULTS,
    MAX_RESULTS,
    InvalidQuery,
    Query,
)

router = APIRouter(tags=["retrieval"], route_class=KeyFirst)


class Reranking(BaseModel):
    """Per-request switch, as DigitalOcean's API has it."""

    enabled: bool = False


class RetrieveRequest(BaseModel):
    """A question to a knowledge base."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [{"query": "How long may a parcel wait?", "num_results": 3, "alpha": 0.5}]
        },
    )

    query: Text
    """What to look for, in plain words."""

    num_results: Annotated[int, Field(ge=0, le=MAX_RESULTS)] = DEFAULT_RESULTS
    """How many passages to return at most."""

    alpha: Annotated[float, Field(ge=0, le=1)] = DEFAULT_ALPHA
    """0 searches by words only (BM25), 1 by meaning only; between, both are weighed."""

    filters: JsonObject | None = None
    """Operator objects (`equals`, `and_all`, ...) or `must`, `must_not` and `should` lists."""

    reranking: Reranking | None = None
    """Refused when enabled: no reranker is configured."""

    index_version_uuid: OptionalUuid = None
    """Another index version than the live one, to compare the two."""


# Some clients' base URL already ends in /v1, others' does not.
@router.post("/v1/{knowledge_base_uuid}/retrieve")
@router.post("/{knowledge_base_uuid}/retrieve", include_in_schema=False)
async def retrieve(
    scope: KnowledgeBaseScope, request: RetrieveRequest, service: TheService
) -> RetrieveResponse:
    """The passages that answer best, with scores and exact citations."""
    if request.reranking and request.reranking.enabled:
        raise InvalidQuery("reranking: no reranker is configured; leave it out or disable it.")
    query = Query(
        text=request.query,
        num_results=request.num_results,
        alpha=request.alpha,
        filters=parse_filter(request.filters),
    )
    found = await service.retrieve(scope, query, index_version_id=request.index_version_uuid)
    return RetrieveResponse.of(found)
