"""Declared metadata from the schema to the filter: set, changed, gathered, counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ingest.parsing.document import ParsedDocument
from ingest.parsing.jail import ParserJail
from kb import metadata
from kb.catalog.errors import NotFound
from kb.catalog.metadata import fields_of
from kb.index_builds import build, promote
from kb.service import Service
from retrieval.filters import FieldType, parse_filter
from retrieval.metadata_schema import (
    DeclaredField,
    FieldSource,
    InvalidMetadata,
    InvalidSchema,
    MetadataSchema,
)
from retrieval.scope import TeamScope
from retrieval.store import Blend, StoreQuery
from tests.kb.library import Library
from tests.kb.teams import new_base, new_team, parts

GUIDE = "---\ndepartment: hr\ntags: [red, blue]\n---\n# Guide\n\nThe guide of the house.\n"


class CountingParser:
    """The real one, that counts."""

    def __init__(self, jail: ParserJail) -> None:
        self.parsed = 0
        self._jail = jail

    async def parse(self, data: bytes, *, name: str) -> ParsedDocument:
        self.parsed += 1
        return await self._jail.parse(data, name=name)


@pytest.fixture(scope="module")
async def jail() -> AsyncIterator[ParserJail]:
    async with ParserJail() as jail:
        yield jail


@pytest.fixture
def parser(jail: ParserJail) -> CountingParser:
    return CountingParser(jail)


@pytest.fixture
async def library(
    service: Service, team: TeamScope, parser: CountingParser, tmp_path: Path
) -> AsyncIterator[Library]:
    library = Library(service, await new_base(service, team), parser, folders=[tmp_path])
    yield library
    await library.work()


def field(name: str, kind: FieldType = "string", **source: str) -> DeclaredField:
    return DeclaredField(name=name, type=kind, source=FieldSource(**source))


DEPARTMENT = field("department", front_matter="department", path="policies/{department}/**")
TAGS = field("tags", "string_list", front_matter="tags", column="tag")


async def declare(library: Library, *fields: DeclaredField) -> Sequence[UUID]:
    return (await metadata.set_schema(library.service, library.scope, fields)).queued


async def send(library: Library, name: str, text: str, **given: object) -> UUID:
    """And have it indexed."""
    if given:
        added = await metadata.add_document(
            library.service, library.scope, item_name=name, data=parts(text), given=given
        )
    else:
        added = await library.service.add_document(library.scope, item_name=name, data=parts(text))
    await library.work()
    return added.document_id


async def passing(library: Library, field: str, operator: str, value: object) -> set[str]:
    """Names of the documents that a filter on what is declared lets pass."""
    scope, service = library.scope, library.service
    raw = {"must": [{"field": field, "operator": operator, "value": value}]}
    filters = parse_filter(raw, await fields_of(scope, service.pool))
    index = await service.index(scope)
    query = StoreQuery(text="house")
    found = await index.store.search(scope, index.version, query, limit=100, filters=filters)
    ids = list(found.lexical)
    reading = await index.store.read(
        scope, index.version, query, ids, best=len(ids) + 1, blend=Blend()
    )
    return {one.document.item_name for one in reading.chunks}


async def test_values_come_from_what_is_given_and_from_the_document(library: Library) -> None:
    await declare(library, DEPARTMENT, TAGS)
    await send(library, "policies/sales/given.md", GUIDE, department="board")
    await send(library, "policies/sales/matter.md", GUIDE)
    await send(library, "policies/sales/path.md", "Of the house.")
    await send(library, "elsewhere.md", "Of the house.")
    await send(library, "table.csv", "tag,what\nred,house\ngreen,house\n")
    assert await passing(library, "department", "eq", "board") == {"policies/sales/given.md"}
    assert await passing(library, "department", "eq", "hr") == {"policies/sales/matter.md"}
    assert await passing(library, "department", "eq", "sales") == {"policies/sales/path.md"}
    assert await passing(library, "department", "not_in", ["hr", "sales", "board"]) == {
        *("elsewhere.md", "table.csv")
    }
    assert await passing(library, "tags", "eq", "green") == {"table.csv"}
    assert len(await passing(library, "tags", "contains", "re")) == 3


async def test_the_data_source_is_there_to_filter_by(library: Library, tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text("Of the house.")
    source = await library.add_folder(tmp_path)
    await library.sync(source)
    await send(library, "sent.md", "Of the house.")
    assert await passing(library, "source", "eq", str(source)) == {"guide.md"}
    assert await passing(library, "source", "ne", str(source)) == {"sent.md"}


async def test_a_changed_schema_is_in_the_index_without_parsing_or_embedding_anew(
    library: Library, parser: CountingParser
) -> None:
    document_id = await send(library, "guide.md", GUIDE)
    assert await declare(library, DEPARTMENT) == (document_id,)
    await library.work()
    assert await passing(library, "department", "eq", "hr") == {"guide.md"}
    assert await declare(library, field("department", "string_list", front_matter="tags"))
    assert await passing(library, "department", "contains", "red") == set()
    await library.work()
    assert await passing(library, "department", "contains", "red") == {"guide.md"}
    document = (await library.documents())["guide.md"]
    assert (document.status, document.version_number, document.embedded_chunks) == ("indexed", 1, 0)
    assert parser.parsed == 1


async def test_a_schema_that_changes_no_value_has_nothing_indexed_again(library: Library) -> None:
    await send(library, "guide.md", GUIDE)
    await declare(library, DEPARTMENT)
    await library.work()
    described = DeclaredField(
        name="department", type="string", description="Who wrote it.", source=DEPARTMENT.source
    )
    assert not await declare(library, described)
    found = await metadata.get_schema(library.service, library.scope)
    assert found == MetadataSchema((described,))


async def test_a_documents_metadata_is_changed_without_new_bytes_and_outlives_them(
    library: Library,
) -> None:
    await declare(library, DEPARTMENT)
    service, scope = library.service, library.scope
    document_id = await send(library, "guide.md", GUIDE)
    changed = await metadata.set_of_document(service, scope, document_id, {"department": "sales"})
    assert changed.queued == (document_id,)
    assert await passing(library, "department", "eq", "hr") == {"guide.md"}
    await library.work()
    assert await passing(library, "department", "eq", "sales") == {"guide.md"}
    again = await metadata.set_of_document(service, scope, document_id, {"department": "sales"})
    assert again.queued == ()
    await send(library, "guide.md", GUIDE + "More.")
    assert await passing(library, "department", "eq", "sales") == {"guide.md"}
    await metadata.set_of_document(service, scope, document_id, {})
    await library.work()
    assert await passing(library, "department", "eq", "hr") == {"guide.md"}


async def test_the_same_bytes_with_other_metadata_are_indexed_again(library: Library) -> None:
    await declare(library, DEPARTMENT)
    for department in ("sales", "board"):
        await send(library, "guide.md", GUIDE, department=department)
        assert await passing(library, "department", "eq", department) == {"guide.md"}
    added = await metadata.add_document(
        library.service,
        library.scope,
        item_name="guide.md",
        data=parts(GUIDE),
        given={"department": "board"},
    )
    assert not added.queued


async def test_what_is_not_declared_is_refused_and_nothing_kept(library: Library) -> None:
    service, scope = library.service, library.scope
    await declare(library, DEPARTMENT)
    for given in ({"author": "Ann"}, {"department": 3}):
        with pytest.raises(InvalidMetadata):
            await send(library, "guide.md", GUIDE, **given)
    assert await library.documents() == {}
    document_id = await send(library, "guide.md", GUIDE)
    with pytest.raises(InvalidMetadata):
        await metadata.set_of_document(service, scope, document_id, {"author": "Ann"})
    with pytest.raises(InvalidSchema):
        await declare(library, field("page_number"))
    assert await metadata.get_schema(service, scope) == MetadataSchema((DEPARTMENT,))


async def test_a_schema_changed_while_a_document_is_under_way_is_in_its_index_too(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change finds it running and does not queue it; the worker looks again in the end."""
    index = await library.service.index(library.scope)
    replace, queued = index.store.replace, list[Sequence[UUID]]()

    async def replace_late(*arguments: object) -> None:
        if not queued:
            queued.append(await declare(library, DEPARTMENT))
        await replace(*arguments)  # pyright: ignore[reportArgumentType] - passed on as they came

    monkeypatch.setattr(index.store, "replace", replace_late)
    await send(library, "guide.md", GUIDE)
    assert queued == [()]
    assert await passing(library, "department", "eq", "hr") == {"guide.md"}
    assert (await library.documents())["guide.md"].status == "indexed"
    assert (await library.newest()).status == "INDEX_JOB_STATUS_COMPLETED"


async def test_values_that_do_not_fit_are_noted_at_the_document(library: Library) -> None:
    await declare(library, field("department", "number", front_matter="department"))
    await send(library, "guide.md", GUIDE)
    document = (await library.documents())["guide.md"]
    assert document.status == "indexed"
    assert document.notes == ["Metadata not set: department is a number; 'hr' is not."]


async def test_coverage_counts_what_documents_are_indexed_with(library: Library) -> None:
    service, scope = library.service, library.scope
    await declare(library, DEPARTMENT, TAGS, field("draft", "boolean"))
    await send(library, "one.md", GUIDE)
    await send(library, "two.md", GUIDE, department="sales", draft=True)
    three = await send(library, "three.md", "Of the house.", department="hr")
    found = (await metadata.overview(service, scope)).coverage
    assert found.documents == 3
    assert (found.having["department"], found.having["tags"], found.having["draft"]) == (3, 2, 1)
    assert found.top_values["department"] == [("hr", 2), ("sales", 1)]
    assert found.top_values["tags"] == [("blue", 2), ("red", 2)]
    assert found.top_values["draft"] == [(True, 1)]
    assert [count for _, count in found.top_values["source"]] == [3]
    await metadata.set_of_document(service, scope, three, {"department": "board"})
    waiting = (await metadata.overview(service, scope)).coverage
    assert waiting.top_values["department"] == [("hr", 2), ("sales", 1)]
    await library.work()
    await service.delete_document(scope, (await library.documents())["one.md"].id)
    after = (await metadata.overview(service, scope)).coverage
    assert after.top_values["department"] == [("board", 1), ("sales", 1)]
    assert after.documents == 2


async def test_a_version_that_fails_leaves_the_metadata_that_answers(library: Library) -> None:
    await declare(library, DEPARTMENT)
    document_id = await send(library, "guide.md", GUIDE)
    await send(library, "guide.md", " ")
    assert (await library.documents())["guide.md"].status == "failed"
    found = await metadata.of_document(library.service, library.scope, document_id)
    assert found.indexed == {"department": "hr"}
    assert await passing(library, "department", "eq", "hr") == {"guide.md"}


async def test_every_index_version_that_is_kept_has_the_new_values(library: Library) -> None:
    await send(library, "guide.md", GUIDE)
    settings = (await library.service.index_version(library.scope)).settings
    built = await build(library.service, library.scope, settings)
    await library.work()
    await declare(library, DEPARTMENT)
    await library.work()
    await promote(library.service, library.scope, built.version.id)
    assert await passing(library, "department", "eq", "hr") == {"guide.md"}
    found = (await metadata.overview(library.service, library.scope)).coverage
    assert found.top_values["department"] == [("hr", 1)]


async def test_other_teams_see_and_change_nothing(library: Library, service: Service) -> None:
    await declare(library, DEPARTMENT)
    document_id = await send(library, "guide.md", GUIDE)
    other, _ = await new_team(service)
    theirs = other.knowledge_base(library.scope.knowledge_base_id)
    assert await fields_of(theirs, service.pool) == {}
    with pytest.raises(NotFound):
        await metadata.get_schema(service, theirs)
    with pytest.raises(NotFound):
        await metadata.set_schema(service, theirs, [])
    with pytest.raises(NotFound):
        await metadata.overview(service, theirs)
    with pytest.raises(NotFound):
        await metadata.of_document(service, theirs, document_id)
    sibling = await new_base(service, library.scope, "sibling")
    for scope, document in (
        (theirs, document_id),
        (sibling, document_id),
        (library.scope, uuid4()),
    ):
        with pytest.raises(NotFound):
            await metadata.set_of_document(service, scope, document, {})
    assert await fields_of(library.scope, service.pool) == {"department": "string"}
