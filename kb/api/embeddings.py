"""`POST /v1/embeddings`: the installation's embedding models, in OpenAI's shape."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kb.api.answering import CLIENT_LEFT, JSON, until_left
from kb.api.caller import Team, TheService
from kb.api.gateway_route import OpenAIRoute
from kb.api.text import Text
from kb.gateway.errors import InvalidTurn
from kb.gateway.wire.sse import to_json
from retrieval.embedding.embedder import Embedder, Vectors

router = APIRouter(tags=["embeddings"], route_class=OpenAIRoute)

MAX_INPUTS = 2048  # OpenAI's
MAX_TOTAL_TOKENS = 300_000  # OpenAI's
TEXTS_AT_A_TIME = 32  # between these, whoever left is noticed


class InputTooLong(InvalidTurn):
    """The embedding model reads no texts as long as this; send shorter ones, or fewer at a time."""


def _listed(value: object) -> object:
    """Numbers of tokens mean something only to the tokenizer that they are of."""
    values: object = [value] if isinstance(value, str) else value
    if isinstance(values, list) and any(isinstance(one, (int, list)) for one in values):  # pyright: ignore[reportUnknownVariableType] JSON
        raise ValueError(
            "send text, not tokens: they depend on the model"
            " (LangChain: check_embedding_ctx_length=False)"
        )
    return values  # pyright: ignore[reportUnknownVariableType] JSON


class EmbeddingsRequest(BaseModel):
    """Texts to embed. Fields that are not here are ignored."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [{"model": "all-mini-lm-l6-v2", "input": ["A parcel waits."]}]
        },
    )

    model: Text
    input: Annotated[
        list[Annotated[Text, Field(min_length=1)]],
        BeforeValidator(_listed),
        Field(min_length=1, max_length=MAX_INPUTS),
    ]
    """A string, or a list of them."""
    input_type: Literal["query", "document"] = "document"
    """What the vectors are for; some models embed questions in another way."""
    dimensions: Annotated[int, Field(ge=1)] | None = None
    """A smaller size, where the model was trained for it."""
    encoding_format: Literal["float", "base64"] = "float"
    """`base64` is that of little-endian 32-bit numbers."""


@router.post("/v1/embeddings", response_class=Response, responses=JSON)
@router.post("/embeddings", include_in_schema=False)
async def create_embeddings(
    team: Team, http: Request, request: EmbeddingsRequest, service: TheService
) -> Response:
    """A vector of length 1 for each text."""
    del team  # anybody with a key may embed
    model = service.embedders.models.by_id(request.model).shortened(request.dimensions)

    async def run() -> Response:
        embedder = await asyncio.to_thread(service.embedders.get, model)
        tokens = await asyncio.to_thread(_tokens, embedder, request.input)
        vectors: list[Vectors] = []
        for start in range(0, len(request.input), TEXTS_AT_A_TIME):
            batch = request.input[start : start + TEXTS_AT_A_TIME]
            vectors += await asyncio.to_thread(_embed, embedder, batch, request.input_type)
        body = {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": _encoded(vector, request.encoding_format),
                }
                for index, vector in enumerate(vectors)
            ],
            "model": request.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
        return Response(to_json(body), media_type="application/json")

    return await until_left(http.receive, run()) or Response(status_code=CLIENT_LEFT)


def _tokens(embedder: Embedder, texts: Sequence[str]) -> int:
    """Of all of them. Raises `InputTooLong`."""
    limit, total = embedder.model.max_tokens, 0
    for place, text in enumerate(texts):
        tokens = embedder.count_tokens(text)
        if tokens > limit:
            raise InputTooLong(f"Text {place} has {tokens} tokens of at most {limit}.")
        total += tokens
    if total > MAX_TOTAL_TOKENS:
        raise InputTooLong(f"They have {total} tokens of at most {MAX_TOTAL_TOKENS}.")
    return total


def _embed(embedder: Embedder, texts: Sequence[str], kind: str) -> list[Vectors]:
    if kind == "query":
        return [embedder.embed_query(text) for text in texts]
    return list(embedder.embed_passages(texts))


def _encoded(vector: Vectors, encoding: str) -> Any:
    if encoding == "base64":
        return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode()
    return vector.tolist()
