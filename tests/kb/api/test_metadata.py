"""Declared metadata over HTTP: declared, given, filtered by, counted; and refused with a reason."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.kb.api.client import BASE, Api

GUIDE = "---\ndept: hr\ntags: [red, blue]\n---\n# Guide\n\nThe guide of the house.\n"
FIELDS: list[dict[str, Any]] = [
    {
        "name": "department",
        "type": "string",
        "description": "Who wrote it.",
        "enum": ["hr", "sales"],
        "source": {"front_matter": "dept", "path": "policies/{department}/**"},
    },
    {"name": "tags", "type": "string_list", "source": {"front_matter": "tags"}},
    {"name": "reviewed", "type": "timestamp"},
]


@pytest.fixture
async def base(api: Api) -> UUID:
    base = await api.create()
    await declare(api, base, FIELDS)
    return base


async def declare(api: Api, base: UUID, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return await api.ok("PUT", f"{BASE}/{base}/metadata_schema", json={"fields": fields})


async def send(api: Api, base: UUID, name: str, text: str, given: object = None) -> dict[str, Any]:
    return await api.ok(
        "POST",
        f"{BASE}/{base}/documents",
        files={"file": (name, text.encode())},
        data={} if given is None else {"metadata": json.dumps(given)},
    )


async def names(api: Api, base: UUID, filters: dict[str, Any]) -> set[str]:
    found = await api.retrieve(base, "house", filters=filters, num_results=100)
    return {one["metadata"]["item_name"] for one in found["results"]}


def equals(key: str, value: object) -> dict[str, Any]:
    return {"equals": {"key": key, "value": value}}


async def test_a_schema_is_set_and_read_back_whole(api: Api, base: UUID) -> None:
    schema = (await api.ok("GET", f"{BASE}/{base}/metadata_schema"))["metadata_schema"]
    assert [one["name"] for one in schema["fields"]] == ["department", "tags", "reviewed"]
    first = schema["fields"][0]
    assert first == {**FIELDS[0], "source": {**FIELDS[0]["source"], "column": None}}
    again = await api.ok("PUT", f"{BASE}/{base}/metadata_schema", json=schema)
    assert again == {"metadata_schema": schema, "queued": 0}
    emptied = await declare(api, base, [])
    assert emptied["metadata_schema"] == {"fields": []}


async def test_documents_are_filtered_by_what_was_given_and_what_is_in_them(
    api: Api, base: UUID
) -> None:
    await send(api, base, "guide.md", GUIDE)
    await send(api, base, "policies/sales/x.md", "Of the house.")
    given = {"department": "sales", "reviewed": "2026-03-14", "tags": ["blue"]}
    await send(api, base, "given.md", GUIDE, given)
    await api.index()
    assert await names(api, base, equals("department", "hr")) == {"guide.md"}
    assert await names(api, base, equals("department", "sales")) == {
        *("policies/sales/x.md", "given.md")
    }
    assert await names(api, base, equals("tags", "blue")) == {"guide.md", "given.md"}
    later = {"greater_than": {"key": "reviewed", "value": "2026-01-01"}}
    assert await names(api, base, later) == {"given.md"}
    listed = {"must": [{"field": "tags", "operator": "in", "value": ["red"]}]}
    assert await names(api, base, listed) == {"guide.md"}


async def test_a_filter_on_what_is_not_declared_names_what_is(api: Api, base: UUID) -> None:
    path = f"/v1/{base}/retrieve"
    for filters, message in (
        (equals("author", "Ann"), "valid are department, tags, reviewed, item_name"),
        (equals("department", 3), "department is a string; 3 is not"),
    ):
        request = {"query": "house", "filters": filters}
        assert message in await api.refused(400, "POST", path, json=request)


async def test_a_changed_schema_reaches_documents_that_are_there(api: Api) -> None:
    base = await api.filled({"guide.md": GUIDE})
    assert (await declare(api, base, FIELDS))["queued"] == 1
    await api.index()
    assert await names(api, base, equals("department", "hr")) == {"guide.md"}


async def test_a_documents_metadata_is_shown_and_changed(api: Api, base: UUID) -> None:
    sent = await send(api, base, "guide.md", GUIDE, {"reviewed": "2026-03-14T12:00:00"})
    path = f"{BASE}/{base}/documents/{sent['document']['uuid']}/metadata"
    before = (await api.ok("GET", path))["metadata"]
    assert before["given"] == {"reviewed": "2026-03-14T12:00:00"}
    assert before["indexed"] is None
    assert (await api.document(base, "guide.md"))["metadata"] == {}
    await api.index()
    indexed = {"department": "hr", "tags": ["red", "blue"], "reviewed": "2026-03-14T12:00:00+00:00"}
    assert (await api.ok("GET", path))["metadata"]["indexed"] == indexed
    assert (await api.document(base, "guide.md"))["metadata"] == indexed
    changed = await api.ok("PUT", path, json={"department": "sales"})
    assert changed["queued"] is True
    assert changed["metadata"]["given"] == {"department": "sales"}
    assert changed["metadata"]["indexed"] == indexed
    await api.index()
    assert (await api.ok("GET", path))["metadata"]["indexed"] == {
        "department": "sales",
        "tags": ["red", "blue"],
    }
    assert (await api.document(base, "guide.md"))["version_number"] == 1


async def test_what_there_is_to_filter_by_is_told_with_values_and_counts(
    api: Api, base: UUID
) -> None:
    await send(api, base, "one.md", GUIDE)
    await send(api, base, "two.md", GUIDE)
    await send(api, base, "three.md", "Of the house.", {"department": "sales"})
    await api.index()
    found = (await api.ok("GET", f"{BASE}/{base}/metadata"))["metadata"]
    assert found["documents"] == 3
    fields = {one["name"]: one for one in found["fields"]}
    assert list(fields)[:3] == ["department", "tags", "reviewed"]
    assert fields["department"] == {
        "name": "department",
        "type": "string",
        "operators": ["eq", "ne", "in", "not_in", "contains", "starts_with"],
        "description": "Who wrote it.",
        "enum": ["hr", "sales"],
        "is_built_in": False,
        "documents": 3,
        "top_values": [{"value": "hr", "documents": 2}, {"value": "sales", "documents": 1}],
    }
    assert fields["reviewed"]["documents"] == 0
    built_in = {name: one for name, one in fields.items() if one["is_built_in"]}
    assert built_in.keys() == {
        *("item_name", "ingested_timestamp", "page_number", "chunk_category", "source", "section")
    }
    assert all(one["description"] for one in built_in.values())
    assert built_in["page_number"]["documents"] == 0
    assert built_in["section"]["documents"] is None
    assert built_in["chunk_category"]["enum"] == ["CompositeElement", "TableChunk"]
    (source,) = built_in["source"]["top_values"]
    assert source["documents"] == 3
    assert await names(api, base, equals("source", source["value"])) == {
        *("one.md", "two.md", "three.md")
    }


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"fields": [{"name": "Year", "type": "number"}]}, "'Year' is no name: use 1 to 63"),
        ({"fields": [{"name": "x", "type": "date"}]}, "'string', 'number', 'boolean', 'timestamp'"),
        ({"fields": [{"name": "source", "type": "string"}]}, "source is built in"),
        ({"fields": [{"name": "x", "type": "string", "kind": 1}]}, "fields.0.kind"),
        ({"fields": [{"name": "x", "type": "string", "source": {"regex": "."}}]}, "source.regex"),
        ({"fields": [{"name": "x", "type": "string", "source": {"path": "a"}}]}, "{x}"),
        ({"fields": [{"name": "x", "type": "string", "description": "\0"}]}, "null character"),
        ({}, "fields"),
        ([], "body"),
    ],
)
async def test_a_schema_that_makes_no_sense_is_refused(
    api: Api, schema: object, message: str
) -> None:
    base = await api.create()
    path = f"{BASE}/{base}/metadata_schema"
    assert message in await api.refused(400, "PUT", path, json=schema)
    assert (await api.ok("GET", path))["metadata_schema"] == {"fields": []}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('{"author": "Ann"}', "'author'; declared are department, tags, reviewed"),
        ('{"department": "board"}', "department cannot be 'board'; valid are hr, sales"),
        ('{"tags": "red"}', "tags is a string_list"),
        ('{"reviewed": null}', "reviewed is a timestamp"),
        ('{"tags": ["\\u0000"]}', "null character"),
        ("[]", "metadata"),
        ("department=hr", "metadata"),
        ("[" * 5_000, "metadata"),
    ],
)
async def test_metadata_that_does_not_fit_is_refused_and_the_file_not_taken(
    api: Api, base: UUID, given: str, message: str
) -> None:
    files = {"file": ("guide.md", GUIDE.encode())}
    path = f"{BASE}/{base}/documents"
    said = await api.refused(400, "POST", path, files=files, data={"metadata": given})
    assert message in said
    assert (await api.ok("GET", path))["documents"] == []


async def test_metadata_of_what_is_not_there_is_not_found(api: Api, other: Api, base: UUID) -> None:
    sent = await send(api, base, "guide.md", GUIDE)
    document = sent["document"]["uuid"]
    for asking, place in (
        (api, f"{BASE}/{uuid4()}/metadata_schema"),
        (other, f"{BASE}/{base}/metadata_schema"),
        (api, f"{BASE}/{base}/documents/{uuid4()}/metadata"),
        (other, f"{BASE}/{base}/documents/{document}/metadata"),
    ):
        body: dict[str, Any] = {"fields": []} if place.endswith("schema") else {}
        await asking.refused(404, "GET", place)
        await asking.refused(404, "PUT", place, json=body)
    await other.refused(404, "GET", f"{BASE}/{base}/metadata")
