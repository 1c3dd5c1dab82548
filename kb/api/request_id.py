"""Every request gets an id, in its response's `x-request-id` and in what the log says of it."""

from __future__ import annotations

from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def request_id(scope: Scope) -> str:
    """The id of the request with this ASGI scope."""
    return scope.setdefault("state", {}).setdefault("request_id", str(uuid4()))


class RequestIds:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = request_id(scope)
            await send(message)

        await self._app(scope, receive, send_with_id if scope["type"] == "http" else send)
