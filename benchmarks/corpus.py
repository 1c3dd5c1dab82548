"""A corpus of any size in a knowledge base, straight through the store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from psycopg import sql
from rich.progress import Progress

from benchmarks.material import Material
from benchmarks.mixture import CHUNKS_IN_DOCUMENT, KNOWN_SENTENCES, Mixture, mix
from kb.auth import operator_scope
from kb.catalog.errors import NotFound
from kb.service import Service
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import MODELS
from retrieval.index import IndexVersion, StoreName
from retrieval.postgres import scoped
from retrieval.scope import Scope
from retrieval.store import DocumentVersion

MODEL = MODELS[0]


@dataclass(frozen=True, slots=True)
class Target:
    """The corpus that is asked."""

    scope: Scope
    index: IndexVersion


async def require_corpus(
    service: Service,
    mixture: Mixture,
    name: str,
    *,
    store: StoreName,
    chunks: int,
    progress: Progress,
) -> Target:
    """A knowledge base with so many chunks, filled unless it was by a former run."""
    team = operator_scope()
    await service.ensure_team(team)
    with suppress(NotFound):
        scope = await service.find_knowledge_base(team, name)
        index = await service.index_version(scope)
        if await service.store(index).count(scope, index) == chunks:
            return Target(scope, index)
        await service.delete_knowledge_base(scope)  # loading it was interrupted
    made = await service.create_knowledge_base(
        team, name=name, embedding_model=MODEL, store=store, language="en"
    )
    scope = team.knowledge_base(made.knowledge_base.id)
    target = Target(scope, await service.index_version(scope))
    bar = progress.add_task(f"Loading {chunks:,} chunks into {store}", total=chunks)
    async with _graph_last(service, target):
        for document, (texts, vectors) in zip(_documents(), mixture.documents(chunks)):  # noqa: B905 endless
            await service.store(target.index).replace(scope, target.index, document, texts, vectors)
            progress.advance(bar, CHUNKS_IN_DOCUMENT)
    progress.remove_task(bar)
    return target


def require_mixture(
    material: Material, embedder: Embedder, cache: Path, progress: Progress
) -> Mixture:
    """What corpora of this material are mixed from."""
    bar = progress.add_task("Embedding sentences", total=KNOWN_SENTENCES)
    mixture = mix(material.sentences, embedder, cache, lambda done: progress.advance(bar, done))
    progress.remove_task(bar)
    return mixture


def document_name(number: int) -> str:
    """Of the document that is so far down, from 0."""
    return f"mixture-{number}.txt"


@asynccontextmanager
async def _graph_last(service: Service, target: Target) -> AsyncGenerator[None]:
    """In PostgreSQL the graph of the vectors is built at the end, several times as fast."""
    if target.index.settings.store != "pgvector":
        yield
        return
    table = f"chunks_{target.index.id.hex}"
    async with scoped(service.pool, target.scope) as conn:
        cursor = await conn.execute(
            "SELECT indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = 'kb' AND tablename = %s AND indexdef LIKE '%% USING hnsw %%'",
            [table],
        )
        graphs: list[Any] = await cursor.fetchall()
        for name, _ in graphs:
            await conn.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier("kb", name)))
    yield
    async with scoped(service.pool, target.scope) as conn:
        await conn.execute("SET LOCAL maintenance_work_mem = '2GB'")
        for _, definition in graphs:
            await conn.execute(definition.encode())
    async with service.pool.connection() as conn:
        for kind in ("chunks", "words", "terms"):
            name = sql.Identifier("kb", f"{kind}_{target.index.id.hex}")
            await conn.execute(sql.SQL("VACUUM (ANALYZE) {}").format(name))


def _documents() -> Iterator[DocumentVersion]:
    number = 0
    while True:
        yield DocumentVersion(
            document_id=uuid4(),
            version_id=uuid4(),
            version_number=1,
            item_name=document_name(number),
            ingested_at=datetime.now(UTC),
        )
        number += 1
