"""Index versions: the live one, those built beside it, and those kept to go back to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from kb.catalog.errors import NotFound
from retrieval.analysis import Language
from retrieval.embedding.models import as_json, from_json
from retrieval.index import ChunkSettings, IndexSettings, IndexVersion
from retrieval.postgres import Connection, Pool, fetch, scope_settings
from retrieval.scope import Scope
from retrieval.sql import load_queries

QUERIES = load_queries(Path(__file__).with_name("index_versions.sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """How far an index version is, counted in documents and chunks."""

    id: UUID
    created_at: datetime
    promoted_at: datetime | None
    promote_when_ready: bool
    is_live: bool
    documents: int
    pending: int
    indexed: int
    failed: int
    behind: int
    """Documents that the live version answers from and this one could not."""

    chunks: int
    embedded_chunks: int
    """Chunks whose vectors had to be computed for it; the others had theirs from elsewhere."""

    @property
    def is_ready(self) -> bool:
        """Promoting it would lose no answer."""
        return not self.pending and not self.behind


async def create(
    scope: Scope,
    conn: Connection,
    index_version_id: UUID,
    settings: IndexSettings,
    *,
    promote_when_ready: bool = False,
) -> IndexVersion:
    """Enter an index version under the next number."""
    parameters = {
        **_ids(scope),
        "index_version_id": index_version_id,
        "parser": settings.parser,
        "embedding_model": Jsonb(as_json(settings.embedding_model)),
        "chunking": Jsonb(asdict(settings.chunking)),
        "store": settings.store,
        "vector_storage": settings.vector_storage,
        "language": settings.language,
        "promote_when_ready": promote_when_ready,
    }
    row = await (await conn.execute(QUERIES["create"], parameters)).fetchone()
    assert row
    return index_version(row)


async def lock(scope: Scope, conn: Connection) -> None:
    """Until the transaction ends, nobody else changes the knowledge base's index versions."""
    await conn.execute(QUERIES["lock"], {"id": str(scope.knowledge_base_id)})


async def live(scope: Scope, conn: Connection) -> IndexVersion:
    """The index version that answers queries. Raises `NotFound`."""
    row = await (await conn.execute(QUERIES["live"], _ids(scope))).fetchone()
    return _found(row, f"Knowledge base {scope.knowledge_base_id}.")


async def find(scope: Scope, pool: Pool, index_version_id: UUID | None = None) -> IndexVersion:
    """The live one, or another, in a transaction of its own as every query needs it.

    Raises `NotFound`.
    """
    if index_version_id is None:
        query, what = QUERIES["live"], f"Knowledge base {scope.knowledge_base_id}."
    else:
        query, what = QUERIES["get"], f"Index version {index_version_id}."
    parameters = {**_ids(scope), "index_version_id": index_version_id}
    rows = await fetch(pool, scope_settings(scope), query, parameters)
    return _found(rows[0] if rows else None, what)


async def get(scope: Scope, conn: Connection, index_version_id: UUID) -> IndexVersion:
    """One index version. Raises `NotFound`."""
    parameters = {**_ids(scope), "index_version_id": index_version_id}
    row = await (await conn.execute(QUERIES["get"], parameters)).fetchone()
    return _found(row, f"Index version {index_version_id}.")


async def list_all(scope: Scope, conn: Connection) -> list[IndexVersion]:
    """Every index version of the knowledge base, oldest first."""
    cursor = await conn.execute(QUERIES["list"], _ids(scope))
    return [index_version(row) async for row in cursor]


async def states(scope: Scope, conn: Connection) -> dict[UUID, IndexState]:
    """How far each of them is, oldest first."""
    async with conn.cursor(row_factory=class_row(IndexState)) as cursor:
        await cursor.execute(QUERIES["states"], _ids(scope))
        return {state.id: state async for state in cursor}


async def add_language(
    scope: Scope, conn: Connection, index_version_id: UUID, language: Language
) -> None:
    """From now on questions are analysed as this language, too."""
    parameters = {**_ids(scope), "index_version_id": index_version_id, "language": language}
    await conn.execute(QUERIES["add_language"], parameters)


async def promote(scope: Scope, conn: Connection, index_version_id: UUID) -> None:
    """From now on it answers the queries. Raises `NotFound`."""
    parameters = {**_ids(scope), "index_version_id": index_version_id}
    if (await conn.execute(QUERIES["promote"], parameters)).rowcount == 0:
        raise NotFound(f"Index version {index_version_id}.")
    await conn.execute(QUERIES["mark_promoted"], parameters)


async def unmark_promoted(scope: Scope, conn: Connection, index_version_id: UUID) -> None:
    """Nobody rolls back to it."""
    parameters = {**_ids(scope), "index_version_id": index_version_id}
    await conn.execute(QUERIES["unmark_promoted"], parameters)


async def previous(scope: Scope, conn: Connection) -> UUID | None:
    """The one that was live before, where it is still kept."""
    row = await (await conn.execute(QUERIES["previous"], _ids(scope))).fetchone()
    return row[0] if row else None


async def discard(scope: Scope, conn: Connection, index_version_id: UUID) -> None:
    """Forget an index version that is not live. Raises `NotFound`."""
    parameters = {**_ids(scope), "index_version_id": index_version_id}
    if (await conn.execute(QUERIES["discard"], parameters)).rowcount == 0:
        raise NotFound(f"Index version {index_version_id}, unless it is the live one.")


async def set_source_chunking(
    scope: Scope,
    conn: Connection,
    index_version_id: UUID,
    data_source_id: UUID,
    chunking: ChunkSettings,
) -> None:
    """Cut this data source otherwise than the rest of the index version."""
    parameters = {
        **_ids(scope),
        "index_version_id": index_version_id,
        "data_source_id": data_source_id,
        "chunking": Jsonb(asdict(chunking)),
    }
    await conn.execute(QUERIES["set_source_chunking"], parameters)


async def copy_source_chunking(
    scope: Scope, conn: Connection, from_id: UUID, index_version_id: UUID
) -> None:
    """Cut every data source as another index version does."""
    parameters = {**_ids(scope), "from_id": from_id, "index_version_id": index_version_id}
    await conn.execute(QUERIES["copy_source_chunking"], parameters)


async def source_chunking(
    scope: Scope, conn: Connection, index_version_id: UUID
) -> dict[UUID, ChunkSettings]:
    """The data sources that an index version cuts otherwise than the rest."""
    parameters = {**_ids(scope), "index_version_id": index_version_id}
    cursor = await conn.execute(QUERIES["source_chunking"], parameters)
    return {source_id: ChunkSettings(**chunking) async for source_id, chunking in cursor}


def _found(row: Sequence[Any] | None, what: str) -> IndexVersion:
    if row is None:
        raise NotFound(what)
    return index_version(row)


def index_version(row: Sequence[Any]) -> IndexVersion:
    """From the columns that `live` selects."""
    version_id, number, parser, embedding_model, chunking, store, storage, language, languages = row
    return IndexVersion(
        id=version_id,
        number=number,
        settings=IndexSettings(
            parser=parser,
            embedding_model=from_json(embedding_model),
            chunking=ChunkSettings(**chunking),
            store=store,
            vector_storage=storage,
            language=language,
        ),
        found_languages=tuple(languages),
    )


def _ids(scope: Scope) -> dict[str, UUID]:
    return {"team_id": scope.team_id, "id": scope.knowledge_base_id}
