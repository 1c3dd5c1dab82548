"""One server of a model: asks it, and reads what it streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import httpx
from httpx_sse import EventSource, SSEError

from kb.gateway.completion import Asked, Part, TextPart
from kb.gateway.upstream.chunks import Round, StreamedError
from kb.gateway.upstream.errors import (
    BrokenStream,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from kb.gateway.upstream.models import ChatModelEntry
from kb.gateway.upstream.refusals import refusal, streamed_refusal
from kb.gateway.upstream.request import to_body

DONE = "[DONE]"
BURST_SECONDS = 0.02  # for which events that came at once are read before others have their turn
END_SECONDS = 0.5  # from there to the end of the body; past it the connection is not used again
HEALTH_SECONDS = 2.0
REFUSAL_BYTES = 65_536  # that are read of an answer that is no success


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a request waits for a server. All in seconds."""

    connect: float = 5.0
    first_token: float = 120.0
    """From sending it; a long prompt takes its time."""

    between_tokens: float = 30.0


class ModelServer:
    """Safe to use from many tasks at once."""

    def __init__(
        self, http: httpx.AsyncClient, model: ChatModelEntry, url: str, patience: Patience
    ) -> None:
        """`url` is what `/chat/completions` is put after. Nothing is asked yet."""
        self._http = http
        self._model = model
        self._url = url.rstrip("/")
        self._patience = patience
        key = model.api_key
        self._headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}

    async def complete(self, asked: Asked) -> AsyncGenerator[Part]:
        """A `Complete` that is tried once. Closing it closes the connection."""
        answer, begun, done = Round(), False, False
        async with aclosing(self._events(asked)) as events:
            async for data in events:
                if data == DONE:
                    done = True
                    continue
                try:
                    text = answer.read(data)
                except StreamedError as exc:
                    said = streamed_refusal(data, self._model, asked)
                    raise (BrokenStream(said.detail) if begun else said) from exc
                if text:
                    begun = True
                    yield TextPart(text=text)
        if not (done or answer.complete):
            raise BrokenStream(f"{self._model.id}: its answer has no end.")
        if rest := answer.rest():
            yield TextPart(text=rest)
        yield answer.finished()

    async def answers(self) -> bool:
        """Whether it is there, whatever it says."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                response = await self._http.get(f"{self._url}/models", headers=self._headers)
        except (httpx.HTTPError, TimeoutError):
            return False
        return not response.is_server_error

    async def _events(self, asked: Asked) -> AsyncGenerator[str]:
        """The data of each event. Comments, with which servers keep a connection alive, are no
        token: they win no time."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._patience.first_token
        response = await self._send(asked, deadline)
        async with aclosing(response), aclosing(EventSource(response).aiter_sse()) as events:
            data, rested = "", clock()
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        event = await anext(events, None)
                except TimeoutError as exc:
                    if data == DONE:
                        return
                    raise UpstreamTimeout(f"{self._model.id}: nothing more comes.") from exc
                except SSEError as exc:
                    raise UpstreamRefused(f"{self._model.id}: it does not stream.") from exc
                except httpx.HTTPError as exc:
                    raise BrokenStream(f"{self._model.id}: {type(exc).__name__}.") from exc
                if event is None:
                    return
                if event.data:
                    data = event.data
                    yield data
                    if clock() > rested + BURST_SECONDS:
                        await asyncio.sleep(0)
                        rested = clock()
                    wait = END_SECONDS if data == DONE else self._patience.between_tokens
                    deadline = clock() + wait

    async def _send(self, asked: Asked, deadline: float) -> httpx.Response:
        """An answer that has begun, and well."""
        request = self._http.build_request(
            "POST",
            f"{self._url}/chat/completions",
            json=to_body(self._model, asked),
            headers={**self._headers, "Accept": "text/event-stream"},
            timeout=httpx.Timeout(None, connect=self._patience.connect),
        )
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._http.send(request, stream=True)
                if response.is_success:
                    return response
                async with aclosing(response):
                    content = await _beginning(response)
        except TimeoutError as exc:
            raise UpstreamTimeout(f"{self._model.id}: it has not begun to answer.") from exc
        except httpx.HTTPError as exc:
            raise UpstreamUnavailable(f"{self._model.id}: {type(exc).__name__}.") from exc
        raise self._refusal(response, content, asked)

    def _refusal(self, response: httpx.Response, content: bytes, asked: Asked) -> UpstreamError:
        wait = response.headers.get("Retry-After", "")
        after = float(wait) if wait.isdecimal() else None
        return refusal(response.status_code, content, self._model, asked, retry_after=after)


async def _beginning(response: httpx.Response) -> bytes:
    """As much of the body as may be told of."""
    content = b""
    async for block in response.aiter_bytes():
        content += block
        if len(content) >= REFUSAL_BYTES:
            break
    return content[:REFUSAL_BYTES]
