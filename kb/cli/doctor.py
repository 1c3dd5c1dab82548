"""`kb doctor`: what is configured, reachable and missing, and how to mend it."""

from __future__ import annotations

import asyncio
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import psycopg
from rich.markup import escape
from rich.table import Table

from kb import __version__
from kb.cli.session import out, read_settings, tell
from kb.settings import Settings
from kb.wiring import has_weaviate, make_embedders, make_weaviate, open_database
from retrieval.errors import ServiceError

MIN_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    good: bool
    detail: str


def doctor() -> None:
    """Print the report; exit with 1 when something is wrong."""
    settings = read_settings()
    findings = list(_findings(settings))
    table = Table("", "What", "Found", box=None)
    for one in findings:
        mark = "[green]ok[/]" if one.good else "[red]no[/]"
        table.add_row(mark, one.what, escape(one.detail))
    out.print(table)
    if not all(one.good for one in findings):
        sys.exit(1)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield Finding(
        "kb", True, f"{__version__} on Python {platform.python_version()}, {platform.system()}"
    )
    yield from _data_folder(settings)
    yield _attempt("database", lambda: _database(settings))
    if has_weaviate(settings):
        yield _attempt("weaviate", lambda: asyncio.run(_weaviate(settings)))
    yield _attempt("embedding model", lambda: _model(settings))
    yield _attempt("parser jail", lambda: asyncio.run(_jail()))


def _attempt(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except (ServiceError, psycopg.Error, OSError) as exc:
        return Finding(what, False, str(exc))


def _data_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    existing = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(existing).free
    yield Finding("data folder", True, f"{folder} (KB_DATA_DIR)")
    yield Finding(
        "free space",
        free >= MIN_FREE_BYTES,
        f"{free / 1024**3:.1f} GiB"
        + ("" if free >= MIN_FREE_BYTES else "; free some, or move KB_DATA_DIR"),
    )


def _database(settings: Settings) -> str:
    kind = "KB_DATABASE_URL" if settings.database_url else "embedded"
    with open_database(settings) as database, psycopg.connect(database.dsn) as conn:
        row = conn.execute(
            "SELECT current_setting('server_version'), extversion FROM pg_extension"
            " WHERE extname = 'vector'"
        ).fetchone()
        assert row
        return f"PostgreSQL {row[0]} with pgvector {row[1]} ({kind})"


async def _weaviate(settings: Settings) -> str:
    kind = "KB_WEAVIATE_URL" if settings.weaviate_url else "embedded"
    async with AsyncExitStack() as opened:
        store = make_weaviate(settings, opened, tell)
        return f"Weaviate {await store.server_version()} ({kind})"


def _model(settings: Settings) -> str:
    embedders = make_embedders(settings)
    model = embedders.get(embedders.models.default).model
    return f"{model.id}, {model.dimensions} dimensions ({settings.embedding_precision})"


async def _jail() -> str:
    from ingest.parsing.jail import ParserJail

    async with ParserJail() as jail:
        return "holds with " + ", ".join(await jail.start())
