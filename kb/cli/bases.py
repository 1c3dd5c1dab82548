"""`kb create`, `kb list`, `kb status`, `kb delete`."""

from __future__ import annotations

import re
from typing import TypedDict, Unpack

from rich.markup import escape
from rich.table import Table

from ingest.chunking.settings import chunk_settings
from kb import index_builds
from kb.catalog.documents import Document
from kb.cli.chunking import described
from kb.cli.places import WORDS, fared, place
from kb.cli.session import fail, out, session
from kb.cli.standings import standings
from kb.service import Overview
from retrieval.analysis import Language, checked_language
from retrieval.index import (
    DEFAULT_VECTOR_STORAGE,
    ChunkContext,
    ChunkStrategy,
    StoreName,
    VectorStorage,
)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]{1,62}")
PAGE = 500
SHOWN_FAILURES = 20


class ChunkOptions(TypedDict):
    """What `chunk_settings` takes."""

    strategy: ChunkStrategy
    max_chunk_size: int | None
    parent_chunk_size: int | None
    semantic_threshold: float | None
    overlap: int | None
    window_size: int | None
    min_chunk_size: int | None
    context: ChunkContext


async def create(
    name: str,
    *,
    model: str | None,
    dimensions: int | None,
    store: StoreName | None,
    vector_storage: VectorStorage | None,
    language: Language | None,
    **chunking: Unpack[ChunkOptions],
) -> None:
    """Make one, and print its id."""
    if not NAME.fullmatch(name):
        fail("A name has 2 to 63 letters, digits, dashes and periods, and begins with neither.")
    async with session(store=store) as s:
        models = s.service.embedders.models
        named = models.default if model is None else models.by_id(model)
        embedding_model = named.shortened(dimensions)
        settings = chunk_settings(embedding_model, **chunking)
        made = await s.service.create_knowledge_base(
            s.team,
            name=name,
            embedding_model=embedding_model,
            chunking=settings,
            vector_storage=vector_storage or DEFAULT_VECTOR_STORAGE,
            language=language and checked_language(language),
        )
    out.print(f"Created [bold]{name}[/], id {made.knowledge_base.id}")


async def list_all(*, as_json: bool) -> None:
    """A table of all."""
    async with session() as s:
        found, _ = await s.service.list_knowledge_bases(s.team, limit=PAGE, offset=0)
    if as_json:
        out.print_json(data=[_as_json(one) for one in found])
        return
    if not found:
        out.print("No knowledge bases yet. Make one with: kb create <name>")
        return
    table = Table("Name", "Documents", "Pending", "Failed", "Chunks", box=None)
    table.add_column("Id", no_wrap=True)
    for one in found:
        tally = one.tally
        table.add_row(
            one.knowledge_base.name,
            str(tally.documents),
            str(tally.pending),
            str(tally.failed),
            str(tally.chunks),
            str(one.knowledge_base.id),
        )
    out.print(table)


async def status(knowledge_base: str, *, as_json: bool) -> None:
    """One in full, with the documents that failed and why."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        overview = await s.service.overview(scope)
        indexes = await index_builds.list_all(s.service, scope)
        sources = await s.data_sources.list_all(scope)
        documents, _ = await s.service.list_documents(scope, limit=10_000, offset=0)
    if as_json:
        out.print_json(data=_as_json(overview))
        return
    base, tally = overview.knowledge_base, overview.tally
    table = Table(show_header=False, box=None)
    table.add_row("Name", f"[bold]{base.name}[/]")
    table.add_row("Id", str(base.id))
    table.add_row("Embedding model", base.embedding_model)
    words = standings(indexes)
    for one in indexes:
        number, settings = one.version.number, one.version.settings
        table.add_row(
            f"Index version {number}",
            f"{words[number]}, {described(settings.chunking)}, in {settings.store}",
        )
    for source, _, newest in sources:
        where = f"{WORDS[source.kind]} {escape(place(source))}"
        table.add_row("Data source", f"{where}: {fared(newest)}")
    table.add_row(
        "Documents",
        f"{tally.documents}: {tally.indexed} indexed, {tally.pending} pending,"
        f" {tally.failed} failed",
    )
    table.add_row("Chunks", f"{tally.chunks:,} ({tally.tokens:,} tokens)")
    table.add_row("Files", f"{tally.size_in_bytes:,} bytes")
    out.print(table)
    _print_failures([one for one in documents if one.status == "failed"])


async def delete(knowledge_base: str, *, document: str | None) -> None:
    """Remove one, or one of its documents."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        if document is None:
            await s.service.delete_knowledge_base(scope)
        else:
            await s.service.delete_document(
                scope, (await s.service.find_document(scope, document)).id
            )
    out.print(f"Removed {escape(document or knowledge_base)}")


def _as_json(overview: Overview) -> dict[str, object]:
    from kb.bodies import KnowledgeBaseBody  # not for a table: making the models takes a while

    return KnowledgeBaseBody.of(overview).model_dump(mode="json")


def _print_failures(failed: list[Document]) -> None:
    if not failed:
        return
    table = Table("Failed document", "Stage", "Why")
    for one in failed[:SHOWN_FAILURES]:
        why = one.error or one.error_code or ""
        table.add_row(escape(one.item_name), one.stage or "", escape(why))
    out.print(table)
    if len(failed) > SHOWN_FAILURES:
        out.print(f"... and {len(failed) - SHOWN_FAILURES} more")
