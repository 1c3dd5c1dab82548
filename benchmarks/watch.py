"""What a service's processes do while it works: how much they take, and whom they talk to."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from time import monotonic

import psutil

LOOK_SECONDS = 0.5


@dataclass(slots=True)
class Seen:
    """The most that was seen at any look."""

    most_memory: dict[str, int] = field(default_factory=dict[str, int])
    """Resident bytes, of the service and of any one parser."""

    connections: set[str] = field(default_factory=set[str])
    """Addresses outside this machine that any process was connected to."""

    fetched: list[str] = field(default_factory=list[str])
    """Paths asked of the listener."""


@contextmanager
def watching(seen: Seen, parent: psutil.Process) -> Generator[None]:
    """Look at the process and all its descendants until this is left."""
    stop = threading.Event()
    standing = {process.pid for process in [parent, *parent.children(recursive=True)]}

    def look() -> None:
        while not stop.wait(LOOK_SECONDS):
            for process in [parent, *parent.children(recursive=True)]:
                with suppress(psutil.Error):
                    _look_at(seen, process, short_lived=process.pid not in standing)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _look_at(seen: Seen, process: psutil.Process, *, short_lived: bool) -> None:
    if process.name() != "postgres":
        label = "parser" if short_lived else "service"
        memory = process.memory_info().rss
        seen.most_memory[label] = max(seen.most_memory.get(label, 0), memory)
    for connection in process.net_connections("inet"):
        if connection.raddr and not ip_address(connection.raddr.ip).is_loopback:
            seen.connections.add(connection.raddr.ip)


@contextmanager
def listening(seen: Seen) -> Generator[str]:
    """A web server that notes what is asked of it; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.fetched.append(self.path)
            self.send_response(HTTPStatus.OK)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its own name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def parsers_left(service: psutil.Process, seconds: float) -> list[int]:
    """Parsers that do not end in time: children of the process that they are forked from."""
    until = monotonic() + seconds
    while True:
        found = service.children(recursive=True)
        left = [one.pid for one in found if one.ppid() != service.pid and one.name() != "postgres"]
        if not left or monotonic() > until:
            return left
        threading.Event().wait(LOOK_SECONDS)
