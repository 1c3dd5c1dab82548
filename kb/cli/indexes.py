"""`kb index`: its versions listed, built, promoted, gone back from and discarded."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from rich.markup import escape
from rich.table import Table

from ingest.indexing import PARSER_VERSION
from kb import index_builds
from kb.cli.chunking import ChunkChoice, chosen, described
from kb.cli.following import Standing, follow
from kb.cli.session import Session, fail, out, session
from kb.cli.standings import standings
from kb.index_builds import KeptIndex
from retrieval.analysis import Language, checked_language
from retrieval.index import StoreName, VectorStorage
from retrieval.scope import Scope


async def list_all(knowledge_base: str, *, as_json: bool) -> None:
    """A table of all, oldest first."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        found = await index_builds.list_all(s.service, scope)
    if as_json:
        from kb.api.index_versions import IndexVersionBody  # not for a table: it loads the API

        out.print_json(data=[IndexVersionBody.of(one).model_dump(mode="json") for one in found])
        return
    words = standings(found)
    table = Table("Version", "State", "Chunking", "Model", "Store", box=None)
    for count in ("Indexed", "Pending", "Failed", "Chunks"):
        table.add_column(count, justify="right")
    for one in found:
        state, settings = one.state, one.version.settings
        counts = (state.indexed, state.pending, state.failed, state.chunks)
        table.add_row(
            str(one.version.number),
            words[one.version.number],
            described(settings.chunking),
            settings.embedding_model.id,
            settings.store,
            *(f"{count:,}" for count in counts),
        )
    out.print(table)


async def build(
    knowledge_base: str,
    *,
    chunking: ChunkChoice,
    model: str | UUID | None = None,
    dimensions: int | None = None,
    store: StoreName | None = None,
    vector_storage: VectorStorage | None = None,
    language: Language | None = None,
    promote: bool = False,
    wait: bool = True,
) -> int:
    """Build one beside the live one; 1 when it lacks what the live one has."""
    async with session(store=store) as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        live = (await s.service.index_version(scope)).settings
        models = s.service.embedders.models
        if isinstance(model, UUID):
            named = models.by_uuid(model)
        else:
            named = None if model is None else models.by_id(model)
        embedding_model = models.instead_of(live.embedding_model, named, dimensions)
        settings = replace(
            live,
            parser=PARSER_VERSION,
            embedding_model=embedding_model,
            chunking=chosen(chunking, embedding_model, live.chunking) or live.chunking,
            store=store or live.store,
            vector_storage=vector_storage or live.vector_storage,
            language=checked_language(language) if language else live.language,
        )
        begun = await index_builds.build(s.service, scope, settings, promote_when_ready=promote)
        number = begun.version.number
        if not wait:
            out.print(f"Queued index version {number}")
            return 0
        await follow_build(s, scope, begun)
        built = await index_builds.get(s.service, scope, begun.version.id)
    state = built.state
    out.print(f"Index version {number}: {state.indexed:,} documents, {state.chunks:,} chunks")
    if state.is_live:
        out.print("It answers the queries now.")
        return 0
    if not state.is_ready:
        out.print(
            f"[red]It lacks {state.behind:,} documents that the live one answers from[/];"
            f" `kb jobs` and `kb job show` say why."
        )
        return 1
    out.print(f'Compare:  kb diff {escape(knowledge_base)} "..." --version {number}')
    out.print(f"Promote:  kb index promote {escape(knowledge_base)} {number}")
    return 0


async def promote(knowledge_base: str, number: int, *, force: bool) -> None:
    """From now on it answers the queries."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        one = await numbered(s, scope, number)
        await index_builds.promote(s.service, scope, one.version.id, force=force)
    out.print(f"Index version {number} answers the queries now.")


async def roll_back(knowledge_base: str) -> None:
    """Let the one answer again that was live before."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        one = await index_builds.roll_back(s.service, scope)
    out.print(f"Index version {one.version.number} answers the queries again.")


async def discard(knowledge_base: str, number: int) -> None:
    """Forget one with its chunks."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        one = await numbered(s, scope, number)
        await index_builds.discard(s.service, scope, one.version.id)
    out.print(f"Discarded index version {number}")


async def numbered(s: Session, scope: Scope, number: int) -> KeptIndex:
    """The one of that number; ends the program where there is none."""
    found = await index_builds.list_all(s.service, scope)
    by_number = {one.version.number: one for one in found}
    if number not in by_number:
        fail(f"There is no index version {number}, only {', '.join(map(str, by_number))}.")
    return by_number[number]


async def follow_build(s: Session, scope: Scope, begun: KeptIndex) -> None:
    """Show how far it is until every document is in it or failed."""

    async def look() -> Standing:
        state = (await index_builds.get(s.service, scope, begun.version.id)).state
        return Standing(
            doing=f"Building {begun.version.number}",
            documents=state.documents,
            done=state.documents - state.pending,
            chunks=state.chunks,
            is_over=not state.pending,
        )

    await follow(s, look)
