"""`kb metadata`: the schema shown and set, documents given metadata, and what there is of it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from kb import metadata
from kb.cli.following import follow_documents
from kb.cli.session import Session, fail, out, session
from kb.metadata import Changed
from kb.metadata_bodies import DocumentMetadataBody, MetadataBody, SchemaBody, as_body
from retrieval.metadata_schema import checked_metadata, value_of_texts
from retrieval.scope import Scope

SHOWN_VALUES = 5


async def show_schema(knowledge_base: str) -> None:
    """As JSON, to be edited and set."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        schema = await metadata.get_schema(s.service, scope)
    out.print_json(data=SchemaBody.of(schema).model_dump(mode="json"))


async def set_schema(knowledge_base: str, file: bytes, *, wait: bool) -> int:
    """From a file of JSON; 1 when a document could not be indexed again."""
    try:
        wanted = SchemaBody.model_validate_json(file)
    except ValidationError as exc:
        fail(f"The file is no metadata schema: {_problems(exc)}")
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        changed = await metadata.set_schema(
            s.service, scope, [one.declared() for one in wanted.fields]
        )
        return await _finish(s, scope, changed, wait=wait)


async def set_of_document(
    knowledge_base: str, document: str, values: Sequence[str], *, wait: bool
) -> int:
    """Instead of what it had; 1 when it could not be indexed again."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        given = await read_given(s, scope, values)
        found = await s.service.find_document(scope, document)
        changed = await metadata.set_of_document(s.service, scope, found.id, given)
        return await _finish(s, scope, changed, wait=wait)


async def show(knowledge_base: str, document: str | None, *, as_json: bool) -> None:
    """What can be filtered by, or what a document has."""
    async with session() as s:
        scope = await s.service.find_knowledge_base(s.team, knowledge_base)
        if document is not None:
            found = await s.service.find_document(scope, document)
            own = await metadata.of_document(s.service, scope, found.id)
            body = DocumentMetadataBody.of(found.id, own)
            out.print_json(data=body.model_dump(mode="json"))
            return
        overview = MetadataBody.of(await metadata.overview(s.service, scope))
    if as_json:
        out.print_json(data=overview.model_dump(mode="json"))
        return
    table = Table("Field", "Type", "Documents", "Values", "Description", box=None)
    for one in overview.fields:
        shown = [f"{top.value} ({top.documents})" for top in one.top_values[:SHOWN_VALUES]]
        table.add_row(
            one.name,
            one.type,
            "" if one.documents is None else f"{one.documents:,} of {overview.documents:,}",
            escape(", ".join(shown or one.enum)),
            escape(one.description),
        )
    out.print(table)


async def read_given(s: Session, scope: Scope, values: Sequence[str]) -> dict[str, object]:
    """`key=value`, typed as declared; a key of a list may come several times.

    Raises `InvalidMetadata`.
    """
    schema = await metadata.get_schema(s.service, scope)
    texts: dict[str, list[str]] = {}
    for one in values:
        key, equals, text = one.partition("=")
        if not equals:
            fail(f"{one!r} is no key=value.")
        texts.setdefault(key, []).append(text)
    fields = {one.name: one for one in schema.fields}
    if not texts.keys() <= fields.keys():
        checked_metadata(schema, texts)
    return {**as_body({key: value_of_texts(fields[key], given) for key, given in texts.items()})}


async def _finish(s: Session, scope: Scope, changed: Changed, *, wait: bool) -> int:
    count = len(changed.queued)
    if not wait or not count:
        out.print(f"Queued to be indexed again: {count:,}")
        return 0
    done = await follow_documents(s, scope, changed.queued)
    failed = [one for one in done if one.status != "indexed"]
    out.print(f"Indexed again: {len(done) - len(failed):,}")
    for one in failed:
        out.print(f"[red]failed[/] {escape(one.item_name)}: {escape(one.error or '')}")
    return 1 if failed else 0


def _problems(exc: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'file'}: {problem['msg']}"
        for problem in exc.errors()
    )
