"""The commands and their help; what each does is in the module of its name."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from kb import __version__
from kb.cli import eval_app, index_app, job_app, metadata_app, schedule_app, source_app
from kb.cli.parameters import (
    Alpha,
    Also,
    ChatModel,
    Context,
    Dimensions,
    Expansion,
    Filters,
    FusionMode,
    Json,
    KnowledgeBase,
    NumResults,
    OptionalLanguage,
    OptionalStore,
    OptionalVectorStorage,
    Rerank,
    Store,
    Strategy,
    Strict,
    UnderstandingMode,
    Wait,
    Yes,
)

app = typer.Typer(
    name="kb",
    help="Documents in, cited passages out: a knowledge-base service with REST, MCP and this.",
    no_args_is_help=True,
    rich_markup_mode=None,  # loading what would draw boxes takes longer than all of `kb --help`
    pretty_exceptions_enable=False,
    epilog="""Start with:

    \b
      kb create handbook
      kb add handbook docs/
      kb search handbook "How long may a parcel wait?"
    """,
)
keys = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="API keys for the REST and MCP doors."
)
app.add_typer(keys, name="key")
app.add_typer(source_app.app, name="source")
app.add_typer(job_app.app, name="job")
app.add_typer(schedule_app.app, name="schedule")
app.add_typer(index_app.app, name="index")
app.add_typer(metadata_app.app, name="metadata")
app.add_typer(eval_app.app, name="eval")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kb {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options before the command."""
    del version


@app.command(epilog="Example: kb up --port 9000")
def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on; 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 8080. 0 takes a free one.")
    ] = None,
    store: Annotated[
        Store | None, typer.Option(help="Where new knowledge bases keep their chunks; pgvector.")
    ] = None,
) -> None:
    """Serve the REST API, the MCP door and a worker in one process."""
    from kb.cli import up as command

    command.up(host=host, port=port, store=store)


@app.command(
    epilog="""Examples:

    \b
      kb create handbook --max-chunk-size 200
      kb create manuals --strategy hierarchical --max-chunk-size 128 --parent-chunk-size 600
    """
)
def create(
    name: Annotated[str, typer.Argument(help="2 to 63 letters, digits, dashes and periods.")],
    *,
    model: Annotated[
        str | None, typer.Option(help="Embedding model; KB_EMBEDDING_MODEL unless given.")
    ] = None,
    dimensions: Dimensions = None,
    strategy: Annotated[Strategy, typer.Option(help="How documents are cut.")] = "section",
    max_chunk_size: Annotated[
        int | None, typer.Option(help="Tokens a chunk holds at most; the model's limit, or 800.")
    ] = None,
    parent_chunk_size: Annotated[
        int | None, typer.Option(help="Hierarchical: tokens of the larger chunk returned.")
    ] = None,
    semantic_threshold: Annotated[
        float | None, typer.Option(help="Semantic: 0 to 1, higher cuts more often; 0.5.")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(help="Fixed: tokens repeated in the next chunk; 0.")
    ] = None,
    window_size: Annotated[
        int | None, typer.Option(help="Sentence window: sentences returned on either side; 3.")
    ] = None,
    min_chunk_size: Annotated[
        int | None,
        typer.Option(help="Section, semantic: tokens below which a chunk joins another; 0."),
    ] = None,
    context: Annotated[
        Context, typer.Option(help="Indexed before each chunk: titles, or an LLM's line as well.")
    ] = "headers",
    store: OptionalStore = None,
    vector_storage: OptionalVectorStorage = None,
    language: OptionalLanguage = None,
) -> None:
    """Make an empty knowledge base."""
    from kb.cli import bases

    _run(
        bases.create(
            name,
            model=model,
            dimensions=dimensions,
            strategy=strategy,
            max_chunk_size=max_chunk_size,
            parent_chunk_size=parent_chunk_size,
            semantic_threshold=semantic_threshold,
            overlap=overlap,
            window_size=window_size,
            min_chunk_size=min_chunk_size,
            context=context,
            store=store,
            vector_storage=vector_storage,
            language=language,
        )
    )


@app.command("list")
def list_all(json: Json = False) -> None:
    """List the knowledge bases."""
    from kb.cli import bases

    _run(bases.list_all(as_json=json))


@app.command()
def status(knowledge_base: KnowledgeBase, json: Json = False) -> None:
    """Show how a knowledge base and its documents stand."""
    from kb.cli import bases

    _run(bases.status(knowledge_base, as_json=json))


@app.command()
def delete(
    knowledge_base: KnowledgeBase,
    document: Annotated[str | None, typer.Option(help="Only this document, by its name.")] = None,
    yes: Yes = False,
) -> None:
    """Remove a knowledge base, or one document of it, for good."""
    from kb.cli import bases

    if not yes:
        what = f"document {document!r} of {knowledge_base}" if document else knowledge_base
        typer.confirm(f"Remove {what} for good?", abort=True)
    _run(bases.delete(knowledge_base, document=document))


@app.command(
    epilog="""Examples:

    \b
      kb add handbook guide.pdf
      kb add handbook docs/ faq.md
    """
)
def add(
    knowledge_base: KnowledgeBase,
    paths: Annotated[
        list[Path], typer.Argument(exists=True, help="Files, and folders to take whole.")
    ],
    metadata: Annotated[
        list[str] | None,
        typer.Option(help="key=value for each of the files; may be given several times."),
    ] = None,
) -> None:
    """Add files and folders, and wait until they are searchable.

    A file that is there already is skipped; a changed one becomes a new version.
    Exits with 1 when a file failed.
    """
    from kb.cli import add as command

    _run(command.add(knowledge_base, paths, metadata=metadata or []))


@app.command(
    epilog="""Examples:

    \b
      kb search handbook "fault code E17" --alpha 0.2 --top-k 3
      kb search handbook "opening hours" --also intranet --expand section --max-tokens 2000
      kb search handbook "pump" --filters '{"equals": {"key": "item_name", "value": "guide.pdf"}}'
      kb search handbook "pump" --explain
      kb search handbook - --json < questions.txt
    """
)
def search(
    knowledge_base: KnowledgeBase,
    query: Annotated[
        str,
        typer.Argument(help="What to look for, in plain words; - reads questions, one a line."),
    ],
    *,
    alpha: Alpha = None,
    num_results: NumResults = 5,
    fusion: Annotated[
        FusionMode, typer.Option(help="How words and meaning are put together.")
    ] = "weighted",
    filters: Filters = None,
    rerank: Rerank = None,
    understand: Annotated[
        UnderstandingMode | None,
        typer.Option(help="Have the language model take the question apart, or imagine an answer."),
    ] = None,
    expand: Annotated[Expansion, typer.Option(help="What to show around each passage.")] = "parent",
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="The most that all texts together may take.")
    ] = None,
    min_score: Annotated[float | None, typer.Option(help="Leave out what scores less.")] = None,
    max_per_document: Annotated[
        int | None, typer.Option(min=1, help="The most passages of one document.")
    ] = None,
    collapse_duplicates: Annotated[
        bool, typer.Option("--collapse-duplicates", help="Show what is nearly the same once.")
    ] = False,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier answer ended.")] = None,
    also: Also = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what every candidate scored in each stage.")
    ] = False,
    json: Json = False,
) -> None:
    """Find the passages that answer a question.

    With - and --json every question is answered with one line of JSON.
    """
    from kb.cli import search as command
    from retrieval.query import Query, Reranking
    from retrieval.understanding.understanding import Understanding

    def asking(text: str) -> Query:
        return Query(
            text=text,
            alpha=alpha,
            num_results=num_results,
            fusion=fusion,
            filters=command.read_filters(filters),
            reranking=None if rerank is None else Reranking(enabled=rerank),
            understanding=None if understand is None else Understanding(mode=understand),
            expand=expand,
            max_tokens=max_tokens,
            min_score=min_score,
            max_per_document=max_per_document,
            collapse_duplicates=collapse_duplicates,
            cursor=cursor,
            explain=explain,
        )

    _run(command.search([knowledge_base, *(also or ())], query, asking, as_json=json))


@app.command(
    epilog="""Examples:

    \b
      kb ask handbook "How long may a parcel wait?"
      kb ask handbook "Who calibrates the pumps?" --also manuals --strict --json
    """
)
def ask(
    knowledge_base: KnowledgeBase,
    question: Annotated[str, typer.Argument(help="What to answer, in plain words.")],
    *,
    model: ChatModel = None,
    num_results: NumResults = 10,
    alpha: Alpha = None,
    filters: Filters = None,
    rerank: Rerank = None,
    also: Also = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Have a question answered from knowledge bases, with numbered sources.

    Without a language model (KB_LLM_URL) the best passages are quoted.
    """
    from kb.cli import ask as command
    from kb.cli.search import read_filters

    asking = command.Asking(
        model=model,
        num_results=num_results,
        alpha=alpha,
        filters=read_filters(filters),
        reranking=rerank,
        strict=strict,
    )
    _run(command.ask([knowledge_base, *(also or ())], question, asking, as_json=json))


@app.command(epilog="Example: kb chat handbook --also manuals")
def chat(
    knowledge_base: KnowledgeBase,
    *,
    model: ChatModel = None,
    num_results: NumResults = 10,
    alpha: Alpha = None,
    filters: Filters = None,
    rerank: Rerank = None,
    also: Also = None,
    strict: Strict = False,
) -> None:
    """Ask one question after the other; each is understood by what was said before."""
    from kb.cli import ask as command
    from kb.cli.search import read_filters

    asking = command.Asking(
        model=model,
        num_results=num_results,
        alpha=alpha,
        filters=read_filters(filters),
        reranking=rerank,
        strict=strict,
    )
    _run(command.chat([knowledge_base, *(also or ())], asking))


@app.command(
    epilog="""Examples:

    \b
      kb why handbook "How long may a parcel wait?" desk.md
      kb why handbook "pump" guide.pdf --filters '{"equals": {"key": "page_number", "value": 3}}'
    """
)
def why(
    knowledge_base: KnowledgeBase,
    query: Annotated[str, typer.Argument(help="What was asked, in plain words.")],
    document: Annotated[str, typer.Argument(help="Name or id of the document.")],
    *,
    alpha: Alpha = None,
    num_results: NumResults = 5,
    fusion: Annotated[
        FusionMode, typer.Option(help="How words and meaning are put together.")
    ] = "weighted",
    filters: Annotated[str | None, typer.Option(help="A JSON object.")] = None,
    rerank: Annotated[
        bool | None,
        typer.Option("--rerank/--no-rerank", help="Have a model read the best candidates again."),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="The most that all texts together may take.")
    ] = None,
    min_score: Annotated[float | None, typer.Option(help="Leave out what scores less.")] = None,
    max_per_document: Annotated[
        int | None, typer.Option(min=1, help="The most passages of one document.")
    ] = None,
    collapse_duplicates: Annotated[
        bool, typer.Option("--collapse-duplicates", help="Show what is nearly the same once.")
    ] = False,
    json: Json = False,
) -> None:
    """Say why a document is not among the answers to a question.

    Give the options that the question was asked with.
    """
    from kb.cli import why as command
    from kb.cli.search import read_filters
    from retrieval.query import Query, Reranking

    asked = Query(
        text=query,
        alpha=alpha,
        num_results=num_results,
        fusion=fusion,
        filters=read_filters(filters),
        reranking=None if rerank is None else Reranking(enabled=rerank),
        max_tokens=max_tokens,
        min_score=min_score,
        max_per_document=max_per_document,
        collapse_duplicates=collapse_duplicates,
    )
    _run(command.why(knowledge_base, asked, document, as_json=json))


@app.command(epilog='Example: kb diff handbook "fault code E17" --version 2')
def diff(
    knowledge_base: KnowledgeBase,
    query: Annotated[str, typer.Argument(help="What to look for, in plain words.")],
    *,
    version: Annotated[
        int | None, typer.Option(help="Number of the index version to compare; the newest.")
    ] = None,
    alpha: Alpha = None,
    num_results: NumResults = 5,
    json: Json = False,
) -> None:
    """Show how another index version answers a question.

    Beside the live one's answer, with what is new, gone and moved.
    """
    from kb.cli import diff as command

    _run(
        command.diff(
            knowledge_base,
            query,
            number=version,
            alpha=alpha,
            num_results=num_results,
            as_json=json,
        )
    )


@app.command(
    epilog="""Examples:

    \b
      kb sync handbook
      kb sync handbook --source 0192e4a7-5c1f-7d8e-9f00-3a2b1c4d5e6f --no-wait
    """
)
def sync(
    knowledge_base: KnowledgeBase,
    source: Annotated[
        list[UUID] | None,
        typer.Option(help="Only this data source, by its id; may be given several times."),
    ] = None,
    wait: Wait = True,
) -> None:
    """Read the data sources again.

    Indexes what is new or has changed, removes what is gone. Exits with 1 when something failed.
    """
    from kb.cli import sync as command

    _run(command.sync(knowledge_base, source or [], wait=wait))


@app.command()
def jobs(knowledge_base: KnowledgeBase, json: Json = False) -> None:
    """List the newest indexing jobs of a knowledge base."""
    from kb.cli import jobs as command

    _run(command.list_all(knowledge_base, as_json=json))


@app.command(
    epilog="""Examples:

    \b
      kb retry handbook
      kb retry handbook guide.pdf
    """
)
def retry(
    knowledge_base: KnowledgeBase,
    document: Annotated[str | None, typer.Argument(help="Only this document, by its name.")] = None,
    wait: Wait = True,
) -> None:
    """Index again what has failed, even too often.

    Exits with 1 when one fails again.
    """
    from kb.cli import retry as command

    _run(command.retry(knowledge_base, document, wait=wait))


@app.command(epilog="Example: KB_DATABASE_URL=postgresql://... kb worker --concurrency 8")
def worker(
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Documents under way at a time; KB_WORKER_CONCURRENCY."),
    ] = None,
) -> None:
    """Index what is queued, until it is stopped.

    Any number of them, on any machines, share the work of one database.
    """
    from kb.cli import worker as command

    command.worker(concurrency=concurrency)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What it is for.")] = "key",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the key only.")] = False,
) -> None:
    """Make a key. It is shown this once."""
    from kb.cli import api_keys

    _run(api_keys.create(name, quiet=quiet))


@keys.command("list")
def list_keys(json: Json = False) -> None:
    """List the keys, without their secrets."""
    from kb.cli import api_keys

    _run(api_keys.list_all(as_json=json))


@keys.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(help="The first characters, as `kb key list` shows.")],
) -> None:
    """End a key at once."""
    from kb.cli import api_keys

    _run(api_keys.revoke(prefix))


@app.command("migrate-store", epilog="Example: kb migrate-store handbook weaviate")
def migrate_store(
    knowledge_base: KnowledgeBase,
    store: Annotated[Store, typer.Argument(help="Where its chunks are to be kept.")],
    wait: Wait = True,
) -> None:
    """Move a knowledge base into another store; it goes on answering meanwhile.

    Nothing is embedded again, and the old store's index stays to go back to. What was interrupted
    goes on where it was. Exits with 1 when the new store does not hold as many chunks.
    """
    from kb.cli import migrate_store as command

    _run(command.migrate_store(knowledge_base, store, wait=wait))


@app.command(epilog="Example: kb reconcile handbook --mend")
def reconcile(
    knowledge_base: KnowledgeBase,
    mend: Annotated[
        bool, typer.Option("--mend", help="Remove chunks nobody owns; queue what lacks its chunks.")
    ] = False,
) -> None:
    """Prove that the index and the catalog agree. Exits with 1 where they do not."""
    from kb.cli import reconcile as command

    _run(command.reconcile(knowledge_base, mend=mend))


@app.command()
def doctor() -> None:
    """Check settings, database and models, and say what to mend."""
    from kb.cli import doctor as command

    command.doctor()


def _run(work: Coroutine[Any, Any, int | None]) -> None:
    from kb.cli.session import run

    run(work)


def main() -> None:
    """The entry point."""
    app()
