"""`kb index` and its help; what each command does is in `kb.cli.indexes`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kb.cli import parameters as given

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Index versions: built, promoted, gone back from.",
)

Number = Annotated[int, typer.Argument(help="Its number, as `kb index list` shows.")]


@app.command("list")
def list_all(knowledge_base: given.KnowledgeBase, json: given.Json = False) -> None:
    """List the index versions, and how far each is."""
    from kb.cli import indexes
    from kb.cli.session import run

    run(indexes.list_all(knowledge_base, as_json=json))


@app.command(
    epilog="""Examples:

    \b
      kb index build handbook --strategy semantic
      kb index build handbook --max-chunk-size 128 --promote
      kb index build handbook --settings handbook-settings.json
    """
)
def build(
    knowledge_base: given.KnowledgeBase,
    *,
    strategy: given.ChunkStrategy = None,
    max_chunk_size: given.MaxChunkSize = None,
    parent_chunk_size: given.ParentChunkSize = None,
    semantic_threshold: given.SemanticThreshold = None,
    overlap: given.Overlap = None,
    window_size: given.WindowSize = None,
    min_chunk_size: given.MinChunkSize = None,
    context: given.ChunkContext = None,
    model: Annotated[str | None, typer.Option(help="Embedding model.")] = None,
    dimensions: given.Dimensions = None,
    store: given.OptionalStore = None,
    vector_storage: given.OptionalVectorStorage = None,
    language: given.OptionalLanguage = None,
    settings: given.SettingsFile = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Let it answer the queries once it is ready.")
    ] = False,
    wait: given.Wait = True,
) -> None:
    """Build an index version beside the live one, which goes on answering.

    Without chunk options documents are cut as in the live one; with any, the strategy stays unless
    it is named, and the rest have their defaults. What --settings says is taken where no option
    says otherwise. Exits with 1 when the new one lacks documents
    that the live one has.
    """
    from kb.cli import indexes
    from kb.cli.chunking import ChunkChoice
    from kb.cli.session import run

    chunking = ChunkChoice(
        strategy=strategy,
        max_chunk_size=max_chunk_size,
        parent_chunk_size=parent_chunk_size,
        semantic_threshold=semantic_threshold,
        overlap=overlap,
        window_size=window_size,
        min_chunk_size=min_chunk_size,
        context=context,
    )

    async def work() -> int:  # in there, a wrong file is one sentence
        options: dict[str, Any] = {
            "chunking": chunking,
            "model": model,
            "dimensions": dimensions,
            "store": store,
            "vector_storage": vector_storage,
            "language": language,
        }
        if settings is not None:
            from kb.cli.settings_file import read_settings

            options = read_settings(settings).where_not(options)
        return await indexes.build(knowledge_base, **options, promote=promote, wait=wait)

    run(work())


@app.command()
def promote(
    knowledge_base: given.KnowledgeBase,
    number: Number,
    force: Annotated[
        bool, typer.Option("--force", help="Even if it lacks documents that the live one has.")
    ] = False,
) -> None:
    """Let an index version answer the queries, from now on."""
    from kb.cli import indexes
    from kb.cli.session import run

    run(indexes.promote(knowledge_base, number, force=force))


@app.command("rollback")
def roll_back(knowledge_base: given.KnowledgeBase) -> None:
    """Let the index version answer again that was live before."""
    from kb.cli import indexes
    from kb.cli.session import run

    run(indexes.roll_back(knowledge_base))


@app.command()
def discard(knowledge_base: given.KnowledgeBase, number: Number) -> None:
    """Forget an index version with its chunks. The live one cannot be."""
    from kb.cli import indexes
    from kb.cli.session import run

    run(indexes.discard(knowledge_base, number))
