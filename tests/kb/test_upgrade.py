"""An index that an earlier version of kb has written goes on after an upgrade."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from kb.postgres.pool import make_pool
from kb.postgres.schema import prepare
from retrieval.filters import parse_filter
from retrieval.scope import Scope
from retrieval.stores.pgvector import PgVectorStore
from tests.kb.databases import fresh_database, in_database, superuser_dsn
from tests.retrieval.stores.makers import (
    Shelf,
    make_chunks,
    make_document,
    make_index,
    next_version,
)

CATALOG = """
    WITH team AS (INSERT INTO kb.teams (name) VALUES ('one') RETURNING id),
    base AS (
        INSERT INTO kb.knowledge_bases (team_id, name, embedding_model)
        SELECT id, 'docs', 'all-mini-lm-l6-v2' FROM team RETURNING id, team_id
    ),
    source AS (
        INSERT INTO kb.data_sources (team_id, knowledge_base_id, kind)
        SELECT team_id, id, 'documents' FROM base RETURNING id
    ),
    document AS (
        INSERT INTO kb.documents (team_id, knowledge_base_id, data_source_id, item_name)
        SELECT base.team_id, base.id, source.id, 'guide.pdf' FROM base, source
        RETURNING id, data_source_id
    ),
    index AS (
        INSERT INTO kb.index_versions
            (id, team_id, knowledge_base_id, number, parser, embedding_model, chunking, store,
            vector_storage)
        SELECT %s, team_id, id, 1, '1', %s, %s, 'pgvector', 'half' FROM base
    )
    SELECT base.team_id, base.id, document.id, document.data_source_id FROM base, document
"""
BEFORE_0009 = """
    ALTER TABLE {chunks} DROP source, DROP section, DROP language, DROP metadata,
        DROP CONSTRAINT {key};
    ALTER TABLE {words} DROP source, DROP section, DROP metadata;
    DELETE FROM kb._yoyo_migration WHERE migration_id = '0009.index-tables';
"""
SHAPE = """
    SELECT c.relname ~ '^words', a.attname::text, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, pg_get_expr(d.adbin, d.adrelid), c.relforcerowsecurity
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relname IN (%(chunks)s, %(words)s) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT tablename ~ '^words', regexp_replace(indexdef, '^.* USING', ''), '', true, '', true
    FROM pg_indexes WHERE tablename IN (%(chunks)s, %(words)s)
"""


@dataclass(frozen=True, slots=True)
class Database:
    """An empty one, migrated: as the service reaches it, and as an administrator does."""

    dsn: str
    superuser: str

    def shape(self, index_id: UUID) -> set[tuple[Any, ...]]:
        """Columns and indexes of an index version's tables."""
        names = {"chunks": f"chunks_{index_id.hex}", "words": f"words_{index_id.hex}"}
        with psycopg.connect(self.superuser) as conn:
            return set(conn.execute(SHAPE, names))


@pytest.fixture
def database(data_dir: Path, dsn: str) -> Iterator[Database]:
    superuser = superuser_dsn(data_dir)
    with fresh_database(superuser) as name:
        found = Database(in_database(dsn, name), in_database(superuser, name))
        with psycopg.connect(found.superuser, autocommit=True) as conn:
            conn.execute("CREATE EXTENSION vector")
        prepare(found.dsn)
        yield found


async def test_an_index_from_before_metadata_and_languages_goes_on(database: Database) -> None:
    index = make_index()
    with psycopg.connect(database.superuser) as conn:
        row = conn.execute(CATALOG, [index.id, '{"id": "m"}', "{}"]).fetchone()
        assert row
    team_id, knowledge_base_id, document_id, source_id = cast("tuple[UUID, ...]", row)
    scope = Scope(team_id=team_id, knowledge_base_id=knowledge_base_id)
    async with make_pool(database.dsn, max_size=4) as pool:
        shelf = await Shelf(PgVectorStore(pool), scope, index).create()
        document = replace(make_document(), document_id=document_id)
        await shelf.put(document, make_chunks("a kettle", "a teapot"))
        _take_back(database, index.id)
    prepare(database.dsn)

    async with make_pool(database.dsn, max_size=4) as pool:
        upgraded = Shelf(PgVectorStore(pool), scope, index)
        (held,) = await upgraded.store.documents(scope, index)
        assert (held.document.source, held.document.language) == (str(source_id), "en")
        assert held.chunks == 2
        by_source = parse_filter({"equals": {"key": "source", "value": str(source_id)}})
        found = await upgraded.search(text="kettle", filters=by_source)
        assert len(found.lexical) == 1
        await upgraded.put(next_version(document), make_chunks("a samovar"))
        assert await upgraded.store.count(scope, index) == 1
        assert len((await upgraded.search(text="samovar")).lexical) == 1
        fresh = await Shelf(PgVectorStore(pool), scope, make_index(2)).create()
        assert database.shape(index.id) == database.shape(fresh.index.id)
    with psycopg.connect(database.superuser) as conn:
        assert conn.execute("SELECT languages FROM kb.index_versions").fetchall() == [(["en"],)]


def _take_back(database: Database, index_id: UUID) -> None:
    """The tables as they were before the migration."""
    chunks, words = f"chunks_{index_id.hex}", f"words_{index_id.hex}"
    with psycopg.connect(database.superuser) as conn:
        conn.execute(
            sql.SQL(BEFORE_0009).format(
                chunks=sql.Identifier("kb", chunks),
                words=sql.Identifier("kb", words),
                key=sql.Identifier(f"{chunks}_version_id_position_key"),
            )
        )
