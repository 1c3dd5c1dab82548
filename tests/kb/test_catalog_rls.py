"""The second lock: with every line of Python wrong, a scope still sees its own rows only."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import errors, sql

from kb.embedders import Embedders
from kb.postgres.pool import make_pool
from kb.postgres.schema import SERVICE_ROLE, prepare
from kb.service import Service
from kb.settings import Settings
from kb.wiring import open_service
from kb.worker import Worker
from retrieval.postgres import Connection, Pool, scoped
from retrieval.scope import Scope
from tests.kb.databases import fresh_database, in_database, superuser_dsn
from tests.kb.teams import new_base, new_team, parts

CATALOG = {
    *("teams", "api_keys", "knowledge_bases", "index_versions", "data_sources", "documents"),
    *("document_versions", "canonical_texts", "indexing_jobs", "ledger", "ledger_stages"),
    *("job_sources", "job_items", "job_documents", "source_items", "source_chunking"),
    *("evaluation_datasets", "evaluation_runs", "evaluation_results", "star_metrics"),
    *("vectors_under_way", "context_lines", "failed_contents", "schedules", "uploads"),
}
# Bookkeeping that belongs to no team: migrations, and the queue, which holds ids only.
BOOKKEEPING = ("procrastinate_", "_yoyo_", "yoyo_lock")
STORE = ("chunks_", "words_", "terms_")
TABLES: LiteralString = """
    SELECT relname, relrowsecurity, relforcerowsecurity
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = 'kb' AND relkind IN ('r', 'p', 'm', 'f')
"""


# Rows of tables that a document which is sent and indexed leaves none in.
FURTHER_ROWS: tuple[LiteralString, ...] = (
    "INSERT INTO kb.source_items SELECT data_source_id, 'key', team_id, knowledge_base_id, id,"
    " '{}' FROM kb.documents",
    "INSERT INTO kb.source_chunking SELECT i.id, s.id, i.team_id, i.knowledge_base_id, i.chunking"
    " FROM kb.index_versions i, kb.data_sources s",
    "INSERT INTO kb.job_items SELECT job_id, data_source_id, 'key', team_id, knowledge_base_id,"
    " 'removed' FROM kb.job_sources",
    "INSERT INTO kb.vectors_under_way SELECT index_version_id, version_id, 'hash', team_id,"
    " knowledge_base_id, 'vector' FROM kb.ledger",
    "INSERT INTO kb.context_lines SELECT id, 'hash', team_id, knowledge_base_id, 'A line.'"
    " FROM kb.documents",
    "INSERT INTO kb.failed_contents SELECT team_id, sha256, '1', 1, 'code', 'Why.'"
    " FROM kb.document_versions",
    "INSERT INTO kb.schedules (team_id, knowledge_base_id, days, time, next_run_at)"
    " SELECT team_id, id, '{1}', '05:30', now() FROM kb.knowledge_bases",
    "INSERT INTO kb.evaluation_datasets (team_id, knowledge_base_id, name, questions)"
    " SELECT team_id, id, 'questions', '[]' FROM kb.knowledge_bases",
    "INSERT INTO kb.evaluation_runs (team_id, knowledge_base_id, dataset_id, index_version_id,"
    " index_version_number, index_settings, query, questions) SELECT d.team_id,"
    " d.knowledge_base_id, d.id, i.id, i.number, '{}', '{}', 0"
    " FROM kb.evaluation_datasets d, kb.index_versions i",
    "INSERT INTO kb.evaluation_results SELECT id, 1, team_id, knowledge_base_id, '{}'"
    " FROM kb.evaluation_runs",
    "INSERT INTO kb.star_metrics SELECT id, team_id, 'mrr', 0.5 FROM kb.knowledge_bases",
    "INSERT INTO kb.uploads SELECT id::text, team_id, 'name', sha256, 1 FROM kb.document_versions",
)


@dataclass(frozen=True, slots=True)
class Tenants:
    """Two teams with a searchable document each."""

    mine: Scope
    theirs: Scope
    secret: str
    tables: list[str]
    """The catalog's, and those of both indexes."""


@pytest.fixture(scope="module")
async def tenants(service: Service, worker: Worker) -> Tenants:
    scopes: list[Scope] = []
    secret = ""
    for name in ("mine", "theirs"):
        team, secret = await new_team(service)
        scope = await new_base(service, team)
        await service.add_document(scope, item_name="fox.txt", data=parts(f"The fox is {name}."))
        scopes.append(scope)
    await worker.run(wait=False)
    tables = sorted(CATALOG)
    for scope in scopes:
        async with scoped(service.pool, scope) as conn:
            for statement in FURTHER_ROWS:
                await conn.execute(statement)
        index = await service.index_version(scope)
        tables += [f"chunks_{index.id.hex}", f"terms_{index.id.hex}"]
    return Tenants(scopes[0], scopes[1], secret, tables)


def query(template: LiteralString, table: str, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(template).format(table=sql.Identifier("kb", table), **parts)


def team_column(table: str) -> sql.Identifier:
    return sql.Identifier("id" if table == "teams" else "team_id")


async def value(conn: Connection, statement: sql.Composed, *parameters: object) -> Any:
    row = await (await conn.execute(statement, parameters)).fetchone()
    assert row
    return row[0]


async def a_row(pool: Pool, scope: Scope, table: str) -> str | None:
    """One of the scope's rows, as JSON."""
    async with scoped(pool, scope) as conn:
        statement = query(
            "SELECT to_jsonb(t) FROM {table} t WHERE {team} = %s LIMIT 1",
            table,
            team=team_column(table),
        )
        row = await (await conn.execute(statement, [scope.team_id])).fetchone()
    return json.dumps(row[0]) if row else None


def insert(table: str) -> sql.Composed:
    return query(
        "INSERT INTO {table} OVERRIDING SYSTEM VALUE"
        " SELECT (jsonb_populate_record(NULL::{table}, %s::jsonb)).*",
        table,
    )


async def test_every_table_of_the_schema_has_forced_row_level_security(
    pool: Pool, tenants: Tenants
) -> None:
    async with pool.connection() as conn:
        rows = await (await conn.execute(TABLES)).fetchall()
    found = {name: (enabled, forced) for name, enabled, forced in rows}
    assert set(tenants.tables) <= found.keys()
    open_tables = {
        name
        for name, secured in found.items()
        if secured != (True, True) and not name.startswith(BOOKKEEPING)
    }
    assert open_tables == set()
    named = {name for name in found if not name.startswith((*BOOKKEEPING, *STORE))}
    assert named == CATALOG


async def test_the_queue_holds_ids_and_nothing_that_anybody_wrote(
    pool: Pool, service: Service, tenants: Tenants
) -> None:
    await service.add_document(tenants.mine, item_name="secret-name.txt", data=parts("Secret."))
    async with pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT args FROM kb.procrastinate_jobs WHERE task_name = 'index_document'"
            " ORDER BY id DESC LIMIT 1"
        )
        row = await cursor.fetchone()
    assert row
    assert row[0].keys() == {"team_id", "knowledge_base_id", "index_version_id", "version_id"}
    assert all(len(one) == 36 for one in row[0].values())
    await service.delete_document(
        tenants.mine, (await service.find_document(tenants.mine, "secret-name.txt")).id
    )


async def test_without_a_scope_every_table_is_empty_and_takes_nothing(
    pool: Pool, tenants: Tenants
) -> None:
    for table in tenants.tables:
        rows = [await a_row(pool, scope, table) for scope in (tenants.mine, tenants.theirs)]
        assert any(rows), table
        for row in filter(None, rows):
            async with pool.connection() as conn:
                assert await value(conn, query("SELECT count(*) FROM {table}", table)) == 0
                with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
                    await conn.execute(insert(table), [row])
                assert (await conn.execute(query("DELETE FROM {table}", table))).rowcount == 0


async def test_a_scope_sees_changes_and_adds_no_row_of_another_team_in_any_table(
    pool: Pool, tenants: Tenants
) -> None:
    for table in tenants.tables:
        theirs = await a_row(pool, tenants.theirs, table)
        if theirs is None:
            continue  # our own index's table
        team = team_column(table)
        parameters = [tenants.theirs.team_id]
        async with scoped(pool, tenants.mine) as conn:
            seen = query("SELECT count(*) FROM {table} WHERE {team} = %s", table, team=team)
            assert await value(conn, seen, *parameters) == 0
            assert (
                await value(
                    conn,
                    query("SELECT count(*) FROM {table} WHERE {team} <> %s", table, team=team),
                    tenants.mine.team_id,
                )
                == 0
            )
            for change in (
                query("UPDATE {table} SET {team} = {team} WHERE {team} = %s", table, team=team),
                query("DELETE FROM {table} WHERE {team} = %s", table, team=team),
            ):
                assert (await conn.execute(change, parameters)).rowcount == 0
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            async with scoped(pool, tenants.mine) as conn:
                await conn.execute(insert(table), [theirs])
        assert await a_row(pool, tenants.theirs, table) == theirs


async def test_no_row_can_be_given_away(pool: Pool, tenants: Tenants) -> None:
    for table in tenants.tables:
        if await a_row(pool, tenants.mine, table) is None:
            continue
        give = query(
            "UPDATE {table} SET {team} = %s WHERE {team} = %s", table, team=team_column(table)
        )
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            async with scoped(pool, tenants.mine) as conn:
                await conn.execute(give, [tenants.theirs.team_id, tenants.mine.team_id])


async def test_texts_and_documents_are_closed_to_other_knowledge_bases_of_the_team_too(
    pool: Pool, service: Service, tenants: Tenants
) -> None:
    sibling = await new_base(service, tenants.mine, name="sibling")
    index = await service.index_version(tenants.mine)
    for table in (
        "documents",
        "canonical_texts",
        f"chunks_{index.id.hex}",
        f"terms_{index.id.hex}",
    ):
        async with scoped(pool, tenants.mine) as conn:
            assert await value(conn, query("SELECT count(*) FROM {table}", table)) > 0
        async with scoped(pool, sibling) as conn:
            assert await value(conn, query("SELECT count(*) FROM {table}", table)) == 0


async def test_a_scope_ends_with_its_transaction(dsn: str, tenants: Tenants) -> None:
    one = make_pool(dsn, max_size=2)
    await one.open(wait=True)
    async with scoped(one, tenants.mine) as conn:
        await conn.execute("SELECT set_config('kb.key_hash', 'ab', true)")
        pid = conn.info.backend_pid
    seen = False
    for _ in range(4):
        async with one.connection() as conn:
            seen = seen or conn.info.backend_pid == pid
            assert await value(conn, query("SELECT count(*) FROM {table}", "documents")) == 0
            assert await value(conn, query("SELECT count(*) FROM {table}", "api_keys")) == 0
    assert seen
    await one.close()


async def test_presenting_a_key_shows_its_row_alone_and_changes_none(
    pool: Pool, service: Service, tenants: Tenants
) -> None:
    await service.create_key(tenants.theirs, name="a second one")
    digest = sha256(tenants.secret.encode()).hexdigest()
    async with pool.connection() as conn, conn.transaction():
        await conn.execute("SELECT set_config('kb.key_hash', %s, true)", [digest])
        rows = await (await conn.execute("SELECT team_id FROM kb.api_keys")).fetchall()
        assert rows == [(tenants.theirs.team_id,)]
        for change in (
            "UPDATE kb.api_keys SET revoked_at = now()",
            "UPDATE kb.api_keys SET name = 'mine'",
            "DELETE FROM kb.api_keys",
        ):
            assert (await conn.execute(change.encode())).rowcount == 0
        for table in CATALOG - {"api_keys"}:
            assert await value(conn, query("SELECT count(*) FROM {table}", table)) == 0
        await conn.execute("SELECT set_config('kb.key_hash', %s, true)", ["00" * 32])
        assert await value(conn, query("SELECT count(*) FROM {table}", "api_keys")) == 0


async def test_the_service_connects_as_a_role_that_the_policies_bind(pool: Pool) -> None:
    async with pool.connection() as conn:
        assert await role(conn) == ("kb", False, False)


@pytest.fixture
async def superusers_service(
    settings: Settings, embedders: Embedders, data_dir: Path, dsn: str, tmp_path: Path
) -> AsyncIterator[Service]:
    """A service whose operator put a superuser into KB_DATABASE_URL, as many do."""
    assert dsn
    superuser = superuser_dsn(data_dir)
    own = settings.model_copy(update={"data_dir": tmp_path})
    async with AsyncExitStack() as stack:
        theirs = in_database(superuser, stack.enter_context(fresh_database(superuser)))
        prepare(theirs)
        yield await stack.enter_async_context(open_service(own, theirs, embedders))


async def test_a_superusers_connection_gives_its_rights_up(superusers_service: Service) -> None:
    service = superusers_service
    async with service.pool.connection() as conn:
        assert await role(conn) == (SERVICE_ROLE, False, False)
    team, secret = await new_team(service)
    base = await new_base(service, team)
    await service.add_document(base, item_name="fox.txt", data=parts("A fox."))
    other, _ = await new_team(service)
    async with service.pool.connection() as conn:
        for table in CATALOG:
            assert await value(conn, query("SELECT count(*) FROM {table}", table)) == 0
    async with scoped(service.pool, other) as conn:
        assert await value(conn, query("SELECT count(*) FROM {table}", "teams")) == 1
        assert await value(conn, query("SELECT count(*) FROM {table}", "knowledge_bases")) == 0
    assert secret


def test_a_superuser_would_see_everything_which_is_why(data_dir: Path, tenants: Tenants) -> None:
    """The tests above prove something only if the rows are there to be seen."""
    with psycopg.connect(superuser_dsn(data_dir)) as conn:
        row = conn.execute(
            "SELECT count(*) FROM kb.documents WHERE team_id = ANY(%s)",
            [[tenants.mine.team_id, tenants.theirs.team_id]],
        ).fetchone()
    assert row == (2,)


async def role(conn: Connection) -> tuple[str, bool, bool]:
    cursor = await conn.execute(
        "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    row = await cursor.fetchone()
    assert row
    return row
