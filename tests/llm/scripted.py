"""A model's server that says what it is told to, and fails as it is told to.

async with scripted(Reply(*says("Paris")), Reply(status=500)) as server:
    ...  # server.url, server.requests
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any


class Cut(Enum):
    """The connection ends in the middle of the answer."""

    CUT = auto()


CUT = Cut.CUT
Step = bytes | float | asyncio.Event | Cut
"""What is sent, seconds to wait, what to wait for, or the end."""

DONE = b"data: [DONE]\n\n"


class Reply:
    """What one request gets: steps, for ever if there is no end of them."""

    def __init__(
        self,
        *steps: Step,
        status: int = 200,
        headers: dict[str, str] | None = None,
        repeated: Iterable[Step] = (),
    ) -> None:
        """`repeated` follows the other steps, and need not end. Waiting before the first byte is
        before the status as well."""
        self.steps = steps
        self.repeated = repeated
        self.status = status
        kind = "text/event-stream" if status == 200 else "application/json"
        self.headers = {"content-type": kind, **(headers or {})}


@dataclass(slots=True, kw_only=True)
class Received:
    """A request."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """The client has closed the connection before the answer's end."""


@dataclass(slots=True, kw_only=True)
class ScriptedServer:
    """One at work. Once the replies are used up, it says `ok`."""

    replies: deque[Reply]
    url: str = ""
    models_status: int = 200
    """Of `GET /models`."""

    requests: list[Received] = field(default_factory=list[Received])
    """Completions that were asked for."""

    checks: int = 0
    """Times that the models were asked for."""

    connections: int = 0
    under_way: int = 0
    most_at_once: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers a connection's requests until it ends."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.connections += 1
        try:
            read = b""
            while (read := await self._request(read, reader, writer)) is not None:
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has left
        except asyncio.CancelledError:
            task.uncancel()  # the test is over
        finally:
            self.tasks.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _request(
        self, read: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes | None:
        """What was read of the next request, or nothing when there is none."""
        received = await _receive(read, reader)
        if received.path.endswith("/models"):
            self.checks += 1
            reply = Reply(b'{"object": "list", "data": []}', status=self.models_status)
        else:
            self.requests.append(received)
            reply = self.replies.popleft() if self.replies else Reply(*says("ok"))
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        sending = asyncio.create_task(_send(reply, writer))
        hearing = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                received.gone.set()
                return None
            whole = sending.result()
            return (hearing.result() if hearing.done() else b"") if whole else None
        except ConnectionError:
            received.gone.set()
            raise
        finally:
            self.under_way -= 1
            for task in (sending, hearing):
                task.cancel()
            await asyncio.gather(sending, hearing, return_exceptions=True)


@asynccontextmanager
async def scripted(*replies: Reply) -> AsyncGenerator[ScriptedServer]:
    """Listens on a free port."""
    scripted = ScriptedServer(replies=deque(replies))
    listening = await asyncio.start_server(scripted.accept, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    try:
        yield scripted
    finally:
        listening.close()
        for task in list(scripted.tasks):
            task.cancel()
        await asyncio.gather(*scripted.tasks, return_exceptions=True)
        await listening.wait_closed()


def says(*pieces: str, usage: dict[str, Any] | None = None) -> list[bytes]:
    """A whole answer of text."""
    parts = [chunk({"role": "assistant", "content": ""})]
    parts += [chunk({"content": piece}) for piece in pieces]
    return [*parts, *ends("stop", usage=usage)]


def calls(*wanted: tuple[str, str], reason: str = "tool_calls") -> list[bytes]:
    """A whole answer of tool calls: names, and arguments that come in two halves."""
    parts: list[bytes] = []
    for index, (name, arguments) in enumerate(wanted):
        first, rest = arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]
        opening = {"index": index, "id": f"call_{index}", "type": "function"}
        parts.append(chunk({"tool_calls": [{**opening, "function": {"name": name}}]}))
        parts += [
            chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
            for piece in (first, rest)
        ]
    return [*parts, *ends(reason)]


def ends(reason: str, *, usage: dict[str, Any] | None = None) -> list[bytes]:
    """What comes after the last delta."""
    counted = usage or {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return [chunk({}, reason), event({**_CHUNK, "choices": [], "usage": counted}), DONE]


def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
    """One delta."""
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return event({**_CHUNK, "choices": [choice]})


def event(data: dict[str, Any]) -> bytes:
    """Any object, as an event."""
    return f"data: {json.dumps(data)}\n\n".encode()


_CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "scripted",
}


async def _receive(read: bytes, reader: asyncio.StreamReader) -> Received:
    head = (read + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.rstrip().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(path=start.split()[1], headers=headers, body=json.loads(body) if body else {})


async def _send(reply: Reply, writer: asyncio.StreamWriter) -> bool:
    """Whether the answer is whole, so that another may follow it."""
    head = f"HTTP/1.1 {reply.status} Scripted\r\ntransfer-encoding: chunked\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    begun = False
    for steps in (reply.steps, reply.repeated):
        for step in steps:
            match step:
                case bytes():
                    if not begun:
                        writer.write(f"{head}\r\n".encode())
                    begun = True
                    writer.write(f"{len(step):x}\r\n".encode() + step + b"\r\n")
                    await writer.drain()
                case Cut():
                    writer.transport.abort()
                    return False
                case asyncio.Event():
                    await step.wait()
                case seconds:
                    await asyncio.sleep(seconds)
    if not begun:
        writer.write(f"{head}\r\n".encode())
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True
