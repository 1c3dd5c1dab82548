"""`POST /v1/responses`: OpenAI's Responses API, without anything that would have to be stored."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from kb.api.answering import ANSWERS, EventStream, whole
from kb.api.caller import Team
from kb.api.gateway_problems import openai
from kb.api.gateway_route import OpenAIRoute, TheGateway, origin_of
from kb.gateway.wire.responses_request import ResponsesRequest
from kb.gateway.wire.responses_stream import ResponsesStream
from kb.gateway.wire.responses_turn import to_turn

router = APIRouter(tags=["chat"], route_class=OpenAIRoute)


@router.post("/v1/responses", response_class=Response, responses=ANSWERS)
@router.post("/responses", include_in_schema=False)
async def create_response(
    team: Team, http: Request, request: ResponsesRequest, gateway: TheGateway
) -> Response:
    """An answer with citations, and the searches behind it; with `stream` as server-sent events."""
    turn = to_turn(request)
    events = gateway.run(team, turn)
    telling = ResponsesStream(request, turn, origin_of(http))
    if request.stream:
        return EventStream(events, telling, openai)
    return await whole(http, events, lambda event: list(telling.tell(event)), telling.body)
