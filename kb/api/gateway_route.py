"""Routes of the chat APIs: the key is looked at first, and errors are told as clients expect."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from kb.api import gateway_problems
from kb.api.gateway_problems import Render
from kb.auth import Authenticator
from kb.gateway.wire.serving import ChatGateway


class OpenAIRoute(APIRoute):
    """Like `KeyFirst`; the key may also come as `x-api-key`, as Anthropic's clients send it."""

    render: ClassVar[Render] = staticmethod(gateway_problems.openai)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        render = type(self).render

        async def look_first(request: Request) -> Response:
            try:
                authenticator: Authenticator = request.app.state.authenticator
                request.state.team = await authenticator.header(_authorization(request))
                return await handle(request)
            except Exception as exc:  # noqa: BLE001 every error has the one envelope
                return render(request, exc)

        return look_first


class AnthropicRoute(OpenAIRoute):
    """The same for Messages."""

    render = staticmethod(gateway_problems.anthropic)


def is_anthropic(request: Request) -> bool:
    """Whether an Anthropic client asks: all of them say for which version they are written."""
    return "anthropic-version" in request.headers


def origin_of(request: Request) -> str:
    """This server's address as the caller knows it."""
    return str(request.base_url).rstrip("/")


async def _gateway(request: Request) -> ChatGateway:
    return request.app.state.gateway


TheGateway = Annotated[ChatGateway, Depends(_gateway)]


def _authorization(request: Request) -> str | None:
    key = request.headers.get("x-api-key")
    return request.headers.get("authorization") or (key and f"Bearer {key}")
