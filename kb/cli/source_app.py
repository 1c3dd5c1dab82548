"""`kb source` and its help; what each command does is in `kb.cli.sources`."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import typer

from kb.cli import parameters as given

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Data sources: websites, folders, buckets."
)


@app.command(
    epilog="""Examples:

    \b
      kb source add handbook website https://docs.example.org/guide/ --exclude-tags nav,footer
      kb source add handbook folder /srv/handbook
      kb source add handbook bucket reports --region eu-central-1 --prefix 2026/ --key-id AKIA...
    """
)
def add(
    knowledge_base: given.KnowledgeBase,
    kind: Annotated[Literal["website", "folder", "bucket"], typer.Argument(help="What it is.")],
    location: Annotated[str, typer.Argument(help="URL, path or name of the bucket.")],
    *,
    scope: Annotated[
        Literal["path", "domain", "subdomains", "sitemap", "scoped"] | None,
        typer.Option(
            help="Website: what is below the URL's path, all of its host, its subdomains as well,"
            " what the sitemap at the URL lists, or this one page; path."
        ),
    ] = None,
    exclude_tags: Annotated[
        str | None, typer.Option(help="Website: elements to leave out of pages, as nav,footer.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="Bucket: its region, as us-east-1.")] = None,
    prefix: Annotated[str | None, typer.Option(help="Bucket: a folder in it.")] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(help="Bucket: another S3-compatible service, one of KB_S3_ENDPOINTS."),
    ] = None,
    service: Annotated[
        Literal["aws", "spaces"] | None, typer.Option(help="Bucket: whose it is; aws.")
    ] = None,
    key_id: Annotated[
        str | None,
        typer.Option(help="Bucket: its access key; asks for the secret, or reads it from stdin."),
    ] = None,
    strategy: given.ChunkStrategy = None,
    max_chunk_size: given.MaxChunkSize = None,
    parent_chunk_size: given.ParentChunkSize = None,
    semantic_threshold: given.SemanticThreshold = None,
    overlap: given.Overlap = None,
    window_size: given.WindowSize = None,
    min_chunk_size: given.MinChunkSize = None,
    context: given.ChunkContext = None,
    wait: given.Wait = True,
) -> None:
    """Add a data source, and index what it holds.

    A folder must be opened with KB_SOURCE_FOLDERS. Its documents are cut like all others of the
    knowledge base unless chunk options say otherwise. Exits with 1 when something failed.
    """
    from kb.cli import sources
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
    run(
        sources.add(
            knowledge_base,
            kind,
            location,
            wait=wait,
            chunking=chunking,
            scope=scope,
            exclude_tags=exclude_tags,
            region=region,
            prefix=prefix,
            endpoint=endpoint,
            service=service,
            key_id=key_id,
        )
    )


@app.command("list")
def list_all(knowledge_base: given.KnowledgeBase, json: given.Json = False) -> None:
    """List the data sources, and how each fared when it was read last."""
    from kb.cli import sources
    from kb.cli.session import run

    run(sources.list_all(knowledge_base, as_json=json))


@app.command()
def remove(
    knowledge_base: given.KnowledgeBase,
    source: Annotated[UUID, typer.Argument(help="Its id, as `kb source list` shows.")],
    yes: given.Yes = False,
) -> None:
    """Remove a data source with its documents, for good."""
    from kb.cli import sources
    from kb.cli.session import run

    if not yes:
        typer.confirm(f"Remove data source {source} with its documents for good?", abort=True)
    run(sources.remove(knowledge_base, source))
