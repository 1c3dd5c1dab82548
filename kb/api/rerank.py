"""`POST /v1/rerank`: the installation's reranker, in the shape that Cohere, Jina and vLLM share."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kb.api.answering import CLIENT_LEFT, JSON, until_left
from kb.api.caller import Team, TheService
from kb.api.gateway_route import OpenAIRoute
from kb.api.text import Text
from kb.gateway.wire.ids import new_id
from kb.gateway.wire.sse import to_json
from kb.reranking import InvalidRerankingModel
from kb.service import Service
from retrieval.query import MAX_QUERY_CHARACTERS
from retrieval.reranking.reranker import Reranker

router = APIRouter(tags=["reranking"], route_class=OpenAIRoute)

MAX_DOCUMENTS = 1000  # Cohere's


class RerankDocument(BaseModel):
    """A text to rank."""

    text: Text


Document = Annotated[
    RerankDocument,
    BeforeValidator(lambda value: {"text": value} if isinstance(value, str) else value),
]


class RerankRequest(BaseModel):
    """Texts to put into the order in which they answer a question. Other fields are ignored."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {"query": "How long may a parcel wait?", "documents": ["It waits two weeks."]}
            ]
        },
    )

    query: Annotated[Text, Field(min_length=1, max_length=MAX_QUERY_CHARACTERS)]
    documents: Annotated[list[Document], Field(min_length=1, max_length=MAX_DOCUMENTS)]
    """Strings, or objects with a `text`."""
    model: Text | None = None
    """The installation has one; any other name is refused."""
    top_n: Annotated[int, Field(ge=1)] | None = None
    """How many to return; all of them unless given."""
    return_documents: bool = True


# Cohere's newer clients ask under /v2, and vLLM answers them there, too.
@router.post("/v1/rerank", response_class=Response, responses=JSON)
@router.post("/v2/rerank", include_in_schema=False)
@router.post("/rerank", include_in_schema=False)
async def rerank(
    team: Team, http: Request, request: RerankRequest, service: TheService
) -> Response:
    """The texts' places in the list, best first, each with a score from 0 to 1."""
    del team  # anybody with a key may rerank
    reranker = _reranker(service, request.model)

    async def run() -> Response:
        texts = [document.text for document in request.documents]
        scores = await reranker.rerank(request.query, texts)
        order = sorted(range(len(texts)), key=lambda place: -scores[place])
        results = [
            {
                "index": place,
                "relevance_score": scores[place],
                **({"document": {"text": texts[place]}} if request.return_documents else {}),
            }
            for place in order[: request.top_n]
        ]
        body = {"id": new_id("rerank-"), "model": reranker.model, "results": results}
        return Response(to_json(body), media_type="application/json")

    return await until_left(http.receive, run()) or Response(status_code=CLIENT_LEFT)


def _reranker(service: Service, model: str | None) -> Reranker:
    """Raises `InvalidRerankingModel`."""
    if service.reranker is None:
        raise InvalidRerankingModel("There is none here until KB_RERANK_MODEL is set.")
    if model not in (None, service.reranker.model):
        raise InvalidRerankingModel(f"{model!r} is not {service.reranker.model!r}.")
    return service.reranker
