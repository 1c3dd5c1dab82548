"""`kb metadata` and its help; what each command does is in `kb.cli.metadata`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kb.cli import parameters as given

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Metadata: declared, given to documents, filtered by.",
)


@app.command(
    epilog="""Examples:

    \b
      kb metadata schema handbook > schema.json
      kb metadata schema handbook schema.json
    """
)
def schema(
    knowledge_base: given.KnowledgeBase,
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, help="JSON with the fields to declare."),
    ] = None,
    wait: given.Wait = True,
) -> None:
    """Print the fields that a knowledge base declares, or declare those of a file instead.

    Documents are indexed again for it, without being parsed or embedded anew.
    """
    from kb.cli import metadata
    from kb.cli.session import run

    if file is None:
        run(metadata.show_schema(knowledge_base))
    else:
        run(metadata.set_schema(knowledge_base, file.read_bytes(), wait=wait))


@app.command("set", epilog="Example: kb metadata set handbook leave.pdf department=hr year=2026")
def set_of_document(
    knowledge_base: given.KnowledgeBase,
    document: Annotated[str, typer.Argument(help="Name of a document.")],
    values: Annotated[
        list[str] | None, typer.Argument(help="key=value; a list's key several times; or none.")
    ] = None,
    wait: given.Wait = True,
) -> None:
    """Give a document metadata, instead of what was given with it before.

    What is left out is taken from where the schema says.
    """
    from kb.cli import metadata
    from kb.cli.session import run

    run(metadata.set_of_document(knowledge_base, document, values or [], wait=wait))


@app.command()
def show(
    knowledge_base: given.KnowledgeBase,
    document: Annotated[str | None, typer.Option(help="Only this document, by its name.")] = None,
    json: given.Json = False,
) -> None:
    """Show what can be filtered by: fields, how many documents have them, frequent values."""
    from kb.cli import metadata
    from kb.cli.session import run

    run(metadata.show(knowledge_base, document, as_json=json))
