"""`POST /v1/chat/completions`: OpenAI's chat API, whose model searches knowledge bases."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from kb.api.answering import ANSWERS, EventStream, whole
from kb.api.caller import Team
from kb.api.gateway_problems import openai
from kb.api.gateway_route import OpenAIRoute, TheGateway, origin_of
from kb.gateway.wire.chat_body import ChatBody
from kb.gateway.wire.chat_request import ChatRequest
from kb.gateway.wire.chat_stream import ChatStream
from kb.gateway.wire.chat_turn import to_turn

router = APIRouter(tags=["chat"], route_class=OpenAIRoute)


# Some clients' base URL already ends in /v1, others' does not.
@router.post("/v1/chat/completions", response_class=Response, responses=ANSWERS)
@router.post("/chat/completions", include_in_schema=False)
async def create_chat_completion(
    team: Team, http: Request, request: ChatRequest, gateway: TheGateway
) -> Response:
    """An answer with citations; with `stream`, as server-sent events."""
    events, origin = gateway.run(team, to_turn(request)), origin_of(http)
    if request.stream:
        options = request.stream_options
        include_usage = options is not None and options.include_usage
        telling = ChatStream(request.model, origin, include_usage=include_usage)
        return EventStream(events, telling, openai)
    answer = ChatBody(request.model, origin)
    return await whole(http, events, answer.take, lambda: answer.body)
