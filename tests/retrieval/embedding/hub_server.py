"""A hub of our own: static files at the paths where the real one has them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its name upstream
        pass


@contextmanager
def serving(root: Path) -> Generator[str]:
    """Its address, while it is there."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=root)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
