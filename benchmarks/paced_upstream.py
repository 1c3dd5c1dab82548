"""A model's server that writes at a steady pace: prints its address, and serves until killed.

Time to first token and pace are its arguments, so what a gateway adds to either can be measured.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any

import uvicorn
from starlette.types import Message, Receive, Scope, Send

WORD = " word"


class PacedUpstream:
    """Streams chat completions, as many words as there are tokens to write."""

    def __init__(self, *, first: float, interval: float, tokens: int) -> None:
        """Seconds until the first token, seconds between two, and how many there are at most."""
        self._first, self._interval, self._tokens = first, interval, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        assert scope["type"] == "http"
        asked = b""
        while True:
            message = await receive()
            asked += message.get("body", b"")
            if not message.get("more_body"):
                break
        tokens = min(self._tokens, json.loads(asked).get("max_tokens") or self._tokens)
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        clock = asyncio.get_running_loop().time
        due = clock() + self._first
        for _ in range(tokens):
            # By the clock, or a busy machine would slow the pace that all is compared with.
            await asyncio.sleep(max(0.0, due - clock()))
            await send(_event({"index": 0, "delta": {"content": WORD}, "finish_reason": None}))
            due += self._interval
        await send(_event({"index": 0, "delta": {}, "finish_reason": "stop"}))
        usage = {"prompt_tokens": 8, "completion_tokens": tokens, "total_tokens": 8}
        await send(_event(None, usage=usage))
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


def _event(choice: dict[str, Any] | None, **more: Any) -> Message:
    body = {
        "id": "chatcmpl-0",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "paced",
        "choices": [] if choice is None else [choice],
        **more,
    }
    data = f"data: {json.dumps(body)}\n\n".encode()
    return {"type": "http.response.body", "body": data, "more_body": True}


async def main(first: float, interval: float, tokens: int) -> None:
    """Serve on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    sys.stdout.write(f"http://127.0.0.1:{listener.getsockname()[1]}/v1\n")
    sys.stdout.flush()
    app = PacedUpstream(first=first, interval=interval, tokens=tokens)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=75,  # longer than a client keeps an idle connection
    )
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
