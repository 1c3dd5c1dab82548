"""The database made ready: extension, role, schema, numbered migrations, the queue's tables."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, LiteralString

import procrastinate
import psycopg
from procrastinate.schema import SchemaManager
from psycopg import errors, sql

from kb.postgres.migrations import apply_migrations, unknown_migrations
from retrieval.errors import ServiceError

MIN_POSTGRES = 150000
MIN_PGVECTOR = (0, 8)  # sparsevec, halfvec and iterative scans
SERVICE_ROLE = "kb_service"
MIGRATION_LOCK = 0x6B62  # "kb"; any number will do that nobody else takes

SEARCH_PATH: LiteralString = "SET search_path TO kb, public"
IS_SUPERUSER = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = session_user"


class DatabaseUnusable(ServiceError):
    """The database that KB_DATABASE_URL names cannot be used."""


class SchemaTooNew(ServiceError):
    """The database was migrated by a newer version of kb; upgrade kb, nothing was changed."""


def prepare(dsn: str) -> None:
    """Bring a database to this version's schema; safe to call from several processes at once.

    Raises:
        DatabaseUnusable: PostgreSQL or pgvector is missing, too old or may not be set up.
        SchemaTooNew: a newer version of this service has migrated it.
    """
    with psycopg.connect(dsn, autocommit=True) as conn, _alone(conn):
        _require_version(conn)
        _require_pgvector(conn)
        take_role(conn)
        conn.execute("CREATE SCHEMA IF NOT EXISTS kb")
        conn.execute(SEARCH_PATH)
        if unknown := unknown_migrations(lambda: _connect(dsn)):
            raise SchemaTooNew(f"This version does not know {', '.join(unknown)}.")
        apply_migrations(lambda: _connect(dsn))
        _create_queue(conn)


def take_role(conn: psycopg.Connection[Any]) -> None:
    """Give up a superuser's rights: row-level security does not bind a superuser."""
    row = conn.execute(IS_SUPERUSER).fetchone()
    if row and row[0]:
        role = sql.Identifier(SERVICE_ROLE)
        with suppress(errors.DuplicateObject):
            conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
        database = sql.Identifier(conn.info.dbname)
        conn.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, role))
        conn.execute(sql.SQL("SET ROLE {}").format(role))


def _connect(dsn: str) -> psycopg.Connection[Any]:
    conn = psycopg.connect(dsn, autocommit=True)
    take_role(conn)
    conn.execute(SEARCH_PATH)
    return conn


@contextmanager
def _alone(conn: psycopg.Connection[Any]) -> Generator[None]:
    # Held by the session, so a process that dies half-way leaves it to the next.
    conn.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
    try:
        yield
    finally:
        conn.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def _require_version(conn: psycopg.Connection[Any]) -> None:
    if conn.info.server_version < MIN_POSTGRES:
        raise DatabaseUnusable(
            f"It is PostgreSQL {conn.info.server_version // 10000}; version 15 or newer is needed."
        )


def _require_pgvector(conn: psycopg.Connection[Any]) -> None:
    try:
        conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except psycopg.Error as exc:
        raise DatabaseUnusable(
            f"The extension vector cannot be created ({exc.diag.message_primary}). Install"
            " pgvector 0.8 or newer there, or ask its administrator for CREATE EXTENSION vector."
        ) from exc
    row = conn.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
    assert row
    if tuple(int(part) for part in row[0].split(".")[:2]) < MIN_PGVECTOR:
        raise DatabaseUnusable(
            f"Its pgvector is {row[0]}; 0.8 or newer is needed. After installing it, run"
            " ALTER EXTENSION vector UPDATE."
        )


def _create_queue(conn: psycopg.Connection[Any]) -> None:
    row = conn.execute("SELECT to_regclass('kb.procrastinate_jobs')").fetchone()
    if row and row[0] is None:
        connector = procrastinate.SyncPsycopgConnector()
        conn.execute(SchemaManager(connector).get_schema())  # pyright: ignore[reportArgumentType]
