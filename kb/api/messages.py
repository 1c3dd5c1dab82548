"""`POST /v1/messages`: Anthropic's Messages API, and its count of tokens."""

from __future__ import annotations

import asyncio
import json

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from kb.api.answering import ANSWERS, EventStream, whole
from kb.api.caller import Team, TheService
from kb.api.gateway_problems import anthropic
from kb.api.gateway_route import AnthropicRoute, TheGateway, origin_of
from kb.gateway.wire.messages_request import CountRequest, MessagesRequest
from kb.gateway.wire.messages_stream import MessagesStream
from kb.gateway.wire.messages_turn import messages_of, search_results, to_turn

router = APIRouter(tags=["chat"], route_class=AnthropicRoute)
MESSAGE_TOKENS = 4  # what a chat template puts around a message


class TokensCount(BaseModel):
    """How long a prompt is."""

    input_tokens: int


@router.post("/v1/messages", response_class=Response, responses=ANSWERS)
@router.post("/messages", include_in_schema=False)
async def create_message(
    team: Team, http: Request, request: MessagesRequest, gateway: TheGateway
) -> Response:
    """An answer with citations; with `stream`, as server-sent events."""
    events = gateway.run(team, to_turn(request))
    telling = MessagesStream(
        request.model,
        origin_of(http),
        earlier_results=search_results(request),
        tool_blocks="mcp-client" in http.headers.get("anthropic-beta", ""),
    )
    if request.stream:
        return EventStream(events, telling, anthropic)
    return await whole(http, events, lambda event: list(telling.tell(event)), telling.body)


@router.post("/v1/messages/count_tokens")
@router.post("/messages/count_tokens", include_in_schema=False)
async def count_tokens(team: Team, request: CountRequest, service: TheService) -> TokensCount:
    """An estimate by the default embedding model's tokenizer: chat models count a little
    differently. Pictures, and passages that the model will search for, are not counted."""
    del team  # anybody with a key may count
    embedders = service.embedders
    embedder = await asyncio.to_thread(embedders.get, embedders.models.default)
    messages = messages_of(request)
    calls = [call for message in messages for call in message.tool_calls]
    tools = [tool.model_dump(mode="json", exclude_none=True) for tool in request.tools or ()]
    texts = [
        *(message.text for message in messages),
        *(call.name + call.arguments for call in calls),
        *map(json.dumps, tools),
    ]

    def count() -> int:
        tokenizer = embedder.tokenizer
        return sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts)

    return TokensCount(input_tokens=await asyncio.to_thread(count) + MESSAGE_TOKENS * len(messages))
