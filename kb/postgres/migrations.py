"""Numbered SQL migrations, run by yoyo; the one place that knows its untyped interface."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri

MIGRATIONS = Path(__file__).parents[1] / "migrations"

Connect = Callable[[], psycopg.Connection[Any]]


def unknown_migrations(connect: Connect) -> list[str]:
    """Migrations that the database has seen and this version of the code has not."""
    with _backend(connect) as backend:
        backend.init_database()
        backend.break_lock()  # a dead process left it: the living wait for our own lock
        backend.ensure_internal_schema_updated()
        known = {migration.id for migration in read_migrations(str(MIGRATIONS))}
        rows = backend.execute("SELECT migration_id FROM _yoyo_migration").fetchall()
    return sorted({row[0] for row in rows} - known)


def apply_migrations(connect: Connect) -> None:
    """Apply what is missing, in the order of the numbers, each in a transaction of its own."""
    with _backend(connect) as backend:
        backend.apply_migrations_only(backend.to_apply(read_migrations(str(MIGRATIONS))))


def _backend(connect: Connect) -> PostgresqlPsycopgBackend:
    """yoyo's backend, on connections that are made by us."""
    make_connection = connect

    class Backend(PostgresqlPsycopgBackend):
        def connect(self, dburi: object) -> psycopg.Connection[Any]:
            del dburi  # it carries nothing: yoyo copies the backend, and with it only this class
            return make_connection()

    return Backend(parse_uri("postgresql+psycopg:///"), "_yoyo_migration")
