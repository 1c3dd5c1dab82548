"""Fresh databases in the shared embedded PostgreSQL, and a superuser's way in."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from kb.postgres.home import Home


def superuser_dsn(data_dir: Path) -> str:
    """For role `postgres`, whom no row-level security binds."""
    return Home.at(data_dir).dsn("postgres")


def in_database(dsn: str, database: str) -> str:
    """The same role and server, another database."""
    assert "@/kb?" in dsn
    return dsn.replace("@/kb?", f"@/{database}?")


@contextmanager
def fresh_database(superuser: str, *, owner: str = "kb") -> Generator[str]:
    """The name of an empty database that is dropped at the end, whoever is still in there."""
    name = f"fresh_{uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {} OWNER {}")
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
    with psycopg.connect(superuser, autocommit=True) as conn:
        conn.execute(create.format(sql.Identifier(name), sql.Identifier(owner)))
        try:
            yield name
        finally:
            conn.execute(drop.format(sql.Identifier(name)))
