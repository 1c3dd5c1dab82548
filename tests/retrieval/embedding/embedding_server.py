"""A server with OpenAI's embeddings API that really embeds, and fails as it is told."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Semaphore, Thread
from typing import Any, Literal, TypedDict, cast

from retrieval.embedding.embedder import Embedder, Vectors

Data = list[dict[str, Any]]


class Asked(TypedDict):
    """A request's body."""

    model: str
    input: list[str]
    encoding_format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What the next request gets instead of its vectors."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b'{"error": {"message": "out of memory"}}'
    cut: bool = False
    """The connection closes in the middle of the body."""


@dataclass(slots=True, kw_only=True)
class EmbeddingServer:
    """One at work. What it was asked is kept."""

    embedder: Embedder
    url: str = ""
    encoding: Literal["base64", "float"] = "base64"
    """Some servers give numbers whatever they are asked."""

    spoil: Callable[[Data], Data] = lambda data: data
    """Makes something else of a good answer's data."""

    faults: deque[Fault] = field(default_factory=deque[Fault])
    asked: list[Asked] = field(default_factory=list[Asked])
    keys: list[str | None] = field(default_factory=list[str | None])
    most_at_once: int = 0
    passages: Semaphore | None = None
    """Requests of more than one text wait for it, where it is given."""

    _under_way: int = 0
    _lock: Lock = field(default_factory=Lock)

    def answer(self, asked: Asked) -> bytes:
        """A good answer's body, its vectors in no order."""
        with self._lock:
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        if self.passages is not None and len(asked["input"]) > 1:
            self.passages.acquire()
        vectors = 3 * self.embedder.embed_passages(asked["input"])  # not of length 1
        with self._lock:
            self._under_way -= 1
        data = [
            {"object": "embedding", "index": index, "embedding": self._encoded(vector)}
            for index, vector in enumerate(vectors)
        ]
        return json.dumps({"object": "list", "data": self.spoil(data[::-1])}).encode()

    def _encoded(self, vector: Vectors) -> str | list[float]:
        if self.encoding == "float":
            return cast(list[float], vector.tolist())
        return b64encode(vector.astype("<f4").tobytes()).decode()


@contextmanager
def serving(embedder: Embedder) -> Generator[EmbeddingServer]:
    """On a free port of this machine."""
    state = EmbeddingServer(embedder=embedder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = cast(Asked, json.loads(body))
            state.asked.append(asked)
            state.keys.append(self.headers["Authorization"])
            if self.path != "/v1/embeddings":
                self._send(Fault(status=404, body=b"no such path"))
            elif state.faults:
                self._send(state.faults.popleft())
            else:
                self._send(Fault(body=state.answer(asked)))

        def _send(self, fault: Fault) -> None:
            self.send_response(fault.status)
            self.send_header("Content-Length", str(len(fault.body)))
            for name, value in fault.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(fault.body[: len(fault.body) // 2] if fault.cut else fault.body)
            self.close_connection = fault.cut

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its name upstream
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}/v1"
        yield state
        server.shutdown()
        thread.join()
