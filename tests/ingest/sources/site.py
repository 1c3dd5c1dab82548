"""A web server on 127.0.0.1: it serves what a test writes down, and remembers its requests."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_network
from typing import Any

from ingest.sources.guarded import FetchLimits, GuardedFetcher

LOOPBACK = (ip_network("127.0.0.1/32"),)


@dataclass(frozen=True)
class Reply:
    """What the server sends; `raw` replaces all of it, byte by byte as given."""

    body: bytes | str = b""
    status: int = 200
    content_type: str | None = "text/html"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    raw: Iterable[bytes] | None = None


def moved(location: str, status: int = 302, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status=status, headers={"Location": location, **(headers or {})})


def page(*links: str, head: str = "", text: str = "Text.") -> Reply:
    """A page that links to these places."""
    anchors = "".join(f'<a href="{link}">link</a>' for link in links)
    return Reply(f"<html><head>{head}</head><body><p>{text}</p>{anchors}</body></html>")


@dataclass(frozen=True)
class Asked:
    """A request that came in."""

    path: str
    headers: dict[str, str]
    peer: str
    """The address that the client connected to."""


class Site:
    """Routes are paths, or a host name and a path where hosts differ."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.routes: dict[str, Reply] = {}
        self.asked: list[Asked] = []
        self.stopped = threading.Event()
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Site:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        """What was asked for, robots.txt left aside."""
        return [asked.path for asked in self.asked if asked.path != "/robots.txt"]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = True
    request_queue_size = 64

    def __init__(self, site: Site, tls: ssl.SSLContext | None) -> None:
        self.site = site
        self.tls = tls
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.tls is not None:
            assert not isinstance(connection, bytes)
            connection.settimeout(5)
            connection = self.tls.wrap_socket(connection, server_side=True)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on hostile answers; that is no error of the server."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        site = self.server.site
        headers = {name.lower(): value for name, value in self.headers.items()}
        peer = self.connection.getsockname()[0]
        site.asked.append(Asked(self.path, headers, peer))
        host = headers["host"].rpartition(":")[0]
        missing = Reply("Nothing here.", status=404)
        reply = site.routes.get(host + self.path) or site.routes.get(self.path, missing)
        if reply.raw is not None:
            for piece in reply.raw:
                self.wfile.write(piece)
                if site.stopped.is_set():
                    break
            return
        etag = reply.headers.get("ETag")
        if etag is not None and headers.get("if-none-match") == etag:
            self.send_response(304)
            self.end_headers()
            return
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        self.send_response(reply.status)
        if reply.content_type is not None:
            self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Quiet."""


class Names:
    """A DNS where the test says what each name resolves to; all else is the test's server."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name: list(turns) for name, turns in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The next of the name's answers; its last one stays."""
        self.asked.append(host)
        turns = self._answers.get(host.partition(".")[0], [["127.0.0.1"]])
        answer = turns.pop(0) if len(turns) > 1 else turns[0]
        if not answer:
            raise OSError
        return answer


def local_fetcher(names: Names | None = None, **limits: Any) -> GuardedFetcher:
    """Admits the test's server; every name leads to it."""
    return GuardedFetcher(
        limits=FetchLimits(**limits), allowed_networks=LOOPBACK, resolver=names or Names()
    )
