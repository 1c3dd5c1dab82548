"""Turns as responses. A turn ends as soon as the client that asked for it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from kb.api.gateway_problems import Render, reported
from kb.gateway.events import Event
from kb.gateway.wire.sse import COMMENT, encode, to_json
from kb.gateway.wire.telling import Json, Telling

T = TypeVar("T")

HEARTBEAT_SECONDS = 10.0
HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}  # nginx would hold events back
CLIENT_LEFT = 499  # nginx's number; nobody reads it
# For the OpenAPI document.
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {}, "text/event-stream": {}}}
}
JSON: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}}}


class EventStream(Response):
    """A turn, told while it happens. What fails before anything was sent is a plain response."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[Event],
        telling: Telling,
        render: Render,
        *,
        heartbeat: float = HEARTBEAT_SECONDS,
    ) -> None:
        """`heartbeat` is for how many seconds nothing may be sent."""
        self.status_code = 200
        self.background = None
        self.init_headers(HEADERS)
        self._events = events
        self._telling = telling
        self._render = render
        self._heartbeat = heartbeat
        self._head = b"".join(map(encode, telling.begin()))
        self._began = False
        self._sent_at = 0.0
        self._sending = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the turn."""
        await until_left(receive, self._tell(scope, receive, send))

    async def _tell(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        beating = asyncio.create_task(self._beat(send))
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    await self._send(send, b"".join(map(encode, self._telling.tell(event))))
        except Exception as exc:  # noqa: BLE001 the client hears of every error
            if not self._began:
                beating.cancel()
                await self._render(request, exc)(scope, receive, send)
                return
            failed = self._telling.fail(reported(request, exc))
            await self._send(send, b"".join(map(encode, failed)))
        finally:
            beating.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, body: bytes) -> None:
        async with self._sending:
            if not self._began:
                self._began = True
                start = {"status": self.status_code, "headers": self.raw_headers}
                await send({"type": "http.response.start", **start})
                body = self._head + body
            self._sent_at = asyncio.get_running_loop().time()
            if body:
                await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _beat(self, send: Send) -> None:
        clock = asyncio.get_running_loop().time
        frame = self._telling.heartbeat
        self._sent_at = clock()
        while True:
            await asyncio.sleep(self._sent_at + self._heartbeat - clock())
            if clock() >= self._sent_at + self._heartbeat:
                await self._send(send, COMMENT if frame is None else encode(frame))


async def whole(
    request: Request,
    events: AsyncGenerator[Event],
    take: Callable[[Event], object],
    body: Callable[[], Json],
) -> Response:
    """A turn in one piece; `body` is asked for after the last event. Raises what the turn does."""

    async def run() -> Response:
        async with aclosing(events):
            async for event in events:
                take(event)
        return Response(to_json(body()), media_type="application/json")

    return await until_left(request.receive, run()) or Response(status_code=CLIENT_LEFT)


async def until_left(receive: Receive, work: Coroutine[Any, Any, T]) -> T | None:
    """What the work gives; it is cancelled, and the answer None, once the client is gone."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
