"""Making a database ready: as often, from as many processes and after whatever death."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from kb.postgres import migrations
from kb.postgres.schema import MIGRATION_LOCK, DatabaseUnusable, SchemaTooNew, prepare
from retrieval.index import ChunkSettings
from tests.kb.databases import fresh_database, in_database, superuser_dsn

FUTURE = """
    INSERT INTO kb._yoyo_migration (migration_hash, migration_id, applied_at_utc)
    VALUES ('f', '9999.from-the-future', now())
"""
EVERYTHING = """
    SELECT coalesce(jsonb_agg(jsonb_build_array(kind, name) ORDER BY kind, name), '[]') FROM (
        SELECT relkind::text AS kind, relname || coalesce(relacl::text, '') AS name
        FROM pg_class WHERE relnamespace = to_regnamespace('kb')
        UNION ALL
        SELECT 'function', proname FROM pg_proc WHERE pronamespace = to_regnamespace('kb')
        UNION ALL
        SELECT 'policy', policyname || tablename FROM pg_policies WHERE schemaname = 'kb'
        UNION ALL
        SELECT 'column', attrelid::regclass || attname FROM pg_attribute
        JOIN pg_class c ON c.oid = attrelid WHERE c.relnamespace = to_regnamespace('kb')
    ) AS things
"""


@dataclass(frozen=True, slots=True)
class Fresh:
    """An empty database: how the service connects to it, and how an administrator does."""

    dsn: str
    superuser: str

    def ask(self, statement: str) -> Any:
        with psycopg.connect(self.superuser, autocommit=True) as conn:
            cursor = conn.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
            return row and row[0]


@pytest.fixture
def fresh(data_dir: Path, dsn: str) -> Iterator[Fresh]:
    superuser = superuser_dsn(data_dir)
    with fresh_database(superuser) as name:
        found = Fresh(in_database(dsn, name), in_database(superuser, name))
        found.ask("CREATE EXTENSION vector")
        yield found


def test_preparing_again_changes_nothing(fresh: Fresh) -> None:
    prepare(fresh.dsn)
    before = fresh.ask(EVERYTHING)
    assert len(before) > 100
    prepare(fresh.dsn)
    assert fresh.ask(EVERYTHING) == before
    applied = len(list(migrations.MIGRATIONS.glob("*.sql")))
    assert fresh.ask("SELECT count(*) FROM kb._yoyo_migration") == applied


def test_everything_is_in_one_schema(fresh: Fresh) -> None:
    prepare(fresh.dsn)
    strays = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    assert fresh.ask(strays) == 0


def test_four_at_once_on_a_fresh_database_are_as_good_as_one(fresh: Fresh) -> None:
    together = threading.Barrier(4)

    def one(_: int) -> None:
        together.wait()
        prepare(fresh.dsn)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(one, range(4)))
    applied = len(list(migrations.MIGRATIONS.glob("*.sql")))
    assert fresh.ask("SELECT count(*) FROM kb._yoyo_migration") == applied
    assert fresh.ask("SELECT count(*) FROM kb.procrastinate_jobs") == 0
    assert fresh.ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


def test_a_database_of_a_newer_version_is_left_alone(fresh: Fresh) -> None:
    prepare(fresh.dsn)
    fresh.ask(FUTURE)
    before = fresh.ask(EVERYTHING)
    with pytest.raises(SchemaTooNew, match=r"upgrade kb.*9999\.from-the-future"):
        prepare(fresh.dsn)
    assert fresh.ask(EVERYTHING) == before
    applied = len(list(migrations.MIGRATIONS.glob("*.sql")))
    assert fresh.ask("SELECT count(*) FROM kb._yoyo_migration") == applied + 1


def test_a_lock_that_a_dead_process_left_does_not_hold_up_the_next(fresh: Fresh) -> None:
    prepare(fresh.dsn)
    fresh.ask("INSERT INTO kb.yoyo_lock (locked, ctime, pid) VALUES (1, now(), 4242)")
    prepare(fresh.dsn)
    assert fresh.ask("SELECT count(*) FROM kb.yoyo_lock") == 0


def test_a_migration_that_died_half_way_is_done_again(fresh: Fresh) -> None:
    """The whole migration is one transaction: without its entry there is nothing of it."""
    with psycopg.connect(fresh.dsn, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA kb")
        conn.execute("CREATE TABLE kb.in_the_way AS SELECT 1 AS n")
        conn.execute("ALTER TABLE kb.in_the_way RENAME TO ledger")  # made last, so it fails late
    with pytest.raises(psycopg.Error, match="ledger"):
        prepare(fresh.dsn)
    assert fresh.ask("SELECT to_regclass('kb.teams')") is None
    fresh.ask("DROP TABLE kb.ledger")
    prepare(fresh.dsn)
    assert fresh.ask("SELECT to_regclass('kb.teams')::text") == "kb.teams"


def test_index_versions_from_before_the_chunking_strategies_are_section_based(
    fresh: Fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrations.MIGRATIONS
    monkeypatch.setattr(migrations, "MIGRATIONS", tmp_path)
    shutil.copy(known / "0001.catalog.sql", tmp_path)
    prepare(fresh.dsn)
    chunks = f"kb.chunks_{'0' * 32}"
    with psycopg.connect(fresh.dsn) as conn:
        conn.execute(f"CREATE TABLE {chunks} AS SELECT 'kept' AS text".encode())
    fresh.ask(
        "WITH team AS (INSERT INTO kb.teams (name) VALUES ('one') RETURNING id), base AS ("
        " INSERT INTO kb.knowledge_bases (team_id, name, embedding_model, store)"
        " SELECT id, 'docs', 'all-mini-lm-l6-v2', 'pgvector' FROM team RETURNING id, team_id)"
        " INSERT INTO kb.index_versions"
        " (team_id, knowledge_base_id, number, parser, embedding_model, max_chunk_size)"
        " SELECT team_id, id, 1, '1', 'all-mini-lm-l6-v2', 200 FROM base"
    )
    shutil.copy(known / "0002.chunking.sql", tmp_path)
    prepare(fresh.dsn)
    chunking = fresh.ask("SELECT chunking FROM kb.index_versions")
    assert ChunkSettings(**chunking) == ChunkSettings(max_chunk_size=200)
    assert fresh.ask(f"SELECT text || coalesce(parent_start, -1) FROM {chunks}") == "kept-1"


def test_waits_for_another_process_that_prepares(fresh: Fresh) -> None:
    with psycopg.connect(fresh.dsn, autocommit=True) as busy, ThreadPoolExecutor(1) as threads:
        busy.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        waiting = threads.submit(prepare, fresh.dsn)
        while not fresh.ask("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not waiting.done()
        assert fresh.ask("SELECT to_regnamespace('kb')") is None
        busy.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
        waiting.result(60)
    assert fresh.ask("SELECT to_regclass('kb.teams')::text") == "kb.teams"


def test_a_pgvector_that_is_too_old_is_named(fresh: Fresh) -> None:
    fresh.ask("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")
    with pytest.raises(DatabaseUnusable, match=r"pgvector is 0\.7\.4; 0\.8 .*ALTER EXTENSION"):
        prepare(fresh.dsn)
    assert fresh.ask("SELECT to_regnamespace('kb')") is None


def test_a_role_that_may_not_create_the_extension_is_told_what_to_ask_for(
    data_dir: Path, dsn: str
) -> None:
    superuser = superuser_dsn(data_dir)
    with (
        fresh_database(superuser, owner="postgres") as name,
        pytest.raises(DatabaseUnusable, match="administrator for CREATE EXTENSION vector"),
    ):
        prepare(in_database(dsn, name))
