"""`kb source add`, `kb source list`, `kb source remove`."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack
from uuid import UUID

from rich.markup import escape
from rich.table import Table

from ingest.sources.errors import FolderNotAllowed
from kb.catalog.data_sources import SourceKind
from kb.cli.chunking import ChunkChoice, chosen, described
from kb.cli.following import follow_job
from kb.cli.jobs import summarise
from kb.cli.places import WORDS, fared, place
from kb.cli.session import fail, out, session

Kind = Literal["website", "folder", "bucket"]


class SourceOptions(TypedDict):
    """What was asked for; none for what was not."""

    scope: str | None
    exclude_tags: str | None
    region: str | None
    prefix: str | None
    endpoint: str | None
    service: Literal["aws", "spaces"] | None
    key_id: str | None


OWN: Mapping[Kind, tuple[str, ...]] = {
    "website": ("scope", "exclude_tags"),
    "folder": (),
    "bucket": ("region", "prefix", "endpoint", "service", "key_id"),
}


async def add(
    knowledge_base: str,
    kind: Kind,
    location: str,
    *,
    wait: bool,
    chunking: ChunkChoice,
    **options: Unpack[SourceOptions],
) -> int:
    """Add one and index what it holds; 1 when something failed."""
    for name, value in options.items():
        if value is not None and name not in OWN[kind]:
            fail(f"--{name.replace('_', '-')} does nothing for a {kind}.")
    source_kind, settings = _settings(kind, location, options)
    credentials: dict[str, str] = {}
    if key_id := options["key_id"]:
        credentials = {"key_id": key_id, "secret_key": _secret(key_id)}
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        live = (await s.service.index_version(scope)).settings
        own = chosen(chunking, live.embedding_model, live.chunking)
        try:
            source = await s.data_sources.create(
                scope, kind=source_kind, settings=settings, credentials=credentials, chunking=own
            )
        except FolderNotAllowed as exc:
            fail(
                f"{exc} To open this one, set KB_SOURCE_FOLDERS='[\"{settings['path']}\"]' here"
                " and wherever a worker runs."
            )
        out.print(f"Added {kind} {escape(place(source))}, id {source.id}", soft_wrap=True)
        if not wait:
            out.print("It is queued for the next `kb up` or `kb worker`.")
            return 0
        newest = await s.indexing_jobs.latest(scope)
        begun = next(
            one for one in newest if source.id in (part.data_source_id for part in one.sources)
        )
        job = await follow_job(s, begun.job.id)
        return await summarise(s, job)


async def list_all(knowledge_base: str, *, as_json: bool) -> None:
    """A table of all, each with how its newest job fared."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        found = await s.data_sources.list_all(scope)
    if as_json:
        from kb.api.source_body import DataSourceBody  # not for a table: it loads the API

        out.print_json(data=[DataSourceBody.of(*one).model_dump(mode="json") for one in found])
        return
    if not found:
        out.print("No data sources yet. Add one with: kb source add")
        return
    table = Table("Kind", "Where", "Chunking", "Newest job", box=None)
    table.add_column("Id", no_wrap=True)
    for source, chunking, newest in found:
        table.add_row(
            WORDS[source.kind],
            escape(place(source)),
            described(chunking),
            fared(newest),
            str(source.id),
        )
    out.print(table)


async def remove(knowledge_base: str, source_id: UUID) -> None:
    """Remove one, with its documents."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        await s.data_sources.delete(scope, source_id)
        # A worker would do it too; where none runs, its passages must not be found any longer.
        await s.service.remove(scope, data_source_id=source_id)
    out.print(f"Removed data source {source_id}")


def _settings(
    kind: Kind, location: str, options: SourceOptions
) -> tuple[SourceKind, dict[str, Any]]:
    match kind:
        case "website":
            tags = (options["exclude_tags"] or "").split(",")
            return "web_crawler", {
                "base_url": location,
                "crawling_option": (options["scope"] or "path").upper(),
                "exclude_tags": [tag.strip() for tag in tags if tag.strip()],
                "embed_media": False,
            }
        case "folder":
            folder = Path(location).expanduser().resolve()
            if not folder.is_dir():
                fail(f"There is no folder {folder}.")
            return "folder", {"path": str(folder)}
        case "bucket":
            if options["region"] is None:
                fail("A bucket needs its --region.")
            return options["service"] or "aws", {
                "bucket_name": location,
                "region": options["region"],
                "item_path": options["prefix"] or "",
                "endpoint": options["endpoint"],
            }


def _secret(key_id: str) -> str:
    """Never an argument: those can be read in the list of processes."""
    if sys.stdin.isatty():
        return getpass.getpass(f"Secret of {key_id}: ")
    secret = sys.stdin.readline().strip()
    if not secret:
        fail("The secret of --key-id is read from standard input, which is empty.")
    return secret
