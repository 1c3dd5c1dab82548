"""`GET /v1/models`: what can be asked, in the shape of whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from kb.api import gateway_problems
from kb.api.caller import Team, TheService
from kb.api.gateway_route import OpenAIRoute, TheGateway, is_anthropic
from kb.catalog.errors import NotFound
from kb.gateway.chat_model import ChatModel
from kb.gateway.wire.serving import ChatGateway
from kb.service import Service

UNKNOWN_DATE = "1970-01-01T00:00:00Z"  # Anthropic's API says so where it is not known


def _render(request: Request, exc: Exception) -> Response:
    problems = gateway_problems.anthropic if is_anthropic(request) else gateway_problems.openai
    return problems(request, exc)


class ModelsRoute(OpenAIRoute):
    """Errors in the shape of whoever asks."""

    render = staticmethod(_render)


router = APIRouter(tags=["chat"], route_class=ModelsRoute)


@router.get("/v1/models")
@router.get("/models", include_in_schema=False)
async def list_chat_models(
    team: Team, http: Request, gateway: TheGateway, service: TheService
) -> dict[str, Any]:
    """Chat models and embedding models; Anthropic's clients are told of chat models only."""
    del team  # anybody with a key may look
    if is_anthropic(http):
        data = [_anthropic(model) for model in gateway.models()]
        ids = [one["id"] for one in data]
        return {
            "data": data,
            "has_more": False,
            "first_id": ids[0] if ids else None,
            "last_id": ids[-1] if ids else None,
        }
    return {"object": "list", "data": list(_openai(gateway, service))}


@router.get("/v1/models/{model_id:path}")
@router.get("/models/{model_id:path}", include_in_schema=False)
async def get_chat_model(
    team: Team,
    http: Request,
    gateway: TheGateway,
    service: TheService,
    model_id: Annotated[str, Path(description="A model's `id`")],
) -> dict[str, Any]:
    """One of them."""
    del team
    if is_anthropic(http):
        found = [_anthropic(model) for model in gateway.models() if model.id == model_id]
    else:
        found = [model for model in _openai(gateway, service) if model["id"] == model_id]
    if not found:
        raise NotFound("A model of that name; /v1/models lists them.")
    return found[0]


def _openai(gateway: ChatGateway, service: Service) -> Iterator[dict[str, Any]]:
    for model in gateway.models():
        yield _entry(model.id, "chat", model.context_length)
    for model in service.embedders.models:
        yield _entry(model.id, "embedding", model.max_tokens)


def _entry(model_id: str, kind: str, length: int | None) -> dict[str, Any]:
    """`max_model_len` is vLLM's word."""
    return {
        "id": model_id,
        "object": "model",
        "created": 0,
        "owned_by": "kb",
        "type": kind,
        "max_model_len": length,
    }


def _anthropic(model: ChatModel) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id,
        "created_at": UNKNOWN_DATE,
        "lifecycle": "active",
        "max_input_tokens": model.context_length,
    }
