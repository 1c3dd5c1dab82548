"""`kb up`."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import uvloop
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from kb.cli.session import err, fail, log_to_terminal, out, read_settings, tell
from kb.playground.app import is_installed
from kb.playground.notebooks import PATH
from kb.server import bind, own_url, serve
from kb.wiring import open_database, open_weaviate
from retrieval.errors import ServiceError
from retrieval.index import StoreName


def up(*, host: str | None, port: int | None, store: StoreName | None = None) -> None:
    """Serve until stopped, after saying where and how to connect."""
    log_to_terminal(logging.WARNING)
    given: dict[str, Any] = {"host": host, "port": port, "store": store}
    settings = read_settings().model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    try:
        listener = bind(settings)
    except OSError as exc:
        fail(f"Cannot listen on {settings.host}:{settings.port} ({exc.strerror}); try --port 0.")
    url = own_url(settings, listener)

    def on_ready(first_key: str | None) -> None:
        _greet(url, first_key)

    try:
        with (
            listener,
            open_weaviate(settings, tell),
            open_database(settings, tell) as database,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(serve(settings, database, listener, on_ready=on_ready))
    except ServiceError as exc:
        fail(str(exc))
    except (OperationalError, PoolTimeout) as exc:
        fail(f"The database does not answer: {exc}")
    except KeyboardInterrupt:
        pass
    err.print("Stopped.")


def _greet(url: str, first_key: str | None) -> None:
    key = first_key or "<key>"
    config = {
        "mcpServers": {
            "kb": {"url": f"{url}/v1/mcp", "headers": {"Authorization": f"Bearer {key}"}}
        }
    }
    out.print(f"[bold]kb[/] serves [bold]{url}[/]  (API docs: {url}/docs)")
    if first_key:
        out.print(f"Your API key, shown this once: [bold]{first_key}[/]", soft_wrap=True)
    else:
        out.print("Make an API key with: kb key create")
    if is_installed():
        out.print(f"Playground: {url}{PATH}", soft_wrap=True)
    out.print("MCP: " + json.dumps(config), soft_wrap=True, markup=False)
