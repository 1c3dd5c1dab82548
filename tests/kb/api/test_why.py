"""`POST /v1/{knowledge_base_uuid}/why`: the verdicts over HTTP, and nothing of other teams."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.kb.api.client import Api

FILES = {
    "desk.md": "A parcel may wait at the front desk for nine days.",
    "keys.md": "Lost keys are reported to the night guard before eight.",
    "schools.md": "Children visit the planetarium on Tuesdays.",
}
QUESTION = "How long may a parcel wait?"


@pytest.fixture
async def base(api: Api) -> UUID:
    return await api.filled(FILES)


async def ask(api: Api, base: UUID, **fields: object) -> dict[str, Any]:
    return await api.ok("POST", f"/v1/{base}/why", json={"query": QUESTION, **fields})


async def test_found_with_every_figure(api: Api, base: UUID) -> None:
    found = await ask(api, base, document="desk.md")
    assert (found["verdict"], found["message"], found["rank"]) == ("found", "It is number 1.", 1)
    assert (found["item_name"], found["document_status"]) == ("desk.md", "indexed")
    (first, *_) = (await api.retrieve(base, QUESTION))["results"]
    best = found["best"]
    assert best["uri"] == first["citation"]["uri"]
    assert best["fused_score"] == first["score"]
    assert best["semantic_score"] == first["semantic_score"]
    assert (best["semantic_rank"], best["lexical_rank"], best["fused_rank"]) == (1, 1, 1)
    assert (best["reranked_rank"], best["reranked_score"]) == (None, None)
    assert await ask(api, base, document_uuid=found["document_uuid"]) == found


async def test_below_top_k_stands_beside_the_last_that_was_returned(api: Api, base: UUID) -> None:
    below = await ask(api, base, document="schools.md", num_results=1)
    assert below["verdict"] == "below_top_k"
    assert below["rank"] == below["num_results"] > 1
    assert below["last"]["item_name"] == "desk.md"
    assert below["best"]["fused_score"] < below["last"]["fused_score"]


async def test_filtered_names_what_leaves_it_out(api: Api, base: UUID) -> None:
    filters = {"equals": {"key": "item_name", "value": "keys.md"}}
    filtered = await ask(api, base, document="desk.md", filters=filters)
    assert filtered["verdict"] == "filtered"
    assert filtered["excluded_by"] == ["item_name is 'keys.md'"]


async def test_not_indexed_yet_and_failed_with_the_reason(api: Api, base: UUID) -> None:
    await api.upload(base, "new.md", "A parcel that has just come.")
    await api.upload(base, "empty.md", b"")
    waiting = await ask(api, base, document="new.md")
    assert (waiting["verdict"], waiting["document_status"]) == ("not_indexed", "pending")
    await api.index()
    failed = await ask(api, base, document="empty.md")
    assert (failed["verdict"], failed["error_code"]) == ("not_indexed", "empty_document")
    assert "stage parse" in failed["message"]


async def test_another_teams_document_gets_the_very_same_answer_as_none(
    api: Api, base: UUID, other: Api
) -> None:
    theirs = await other.filled({"theirs.md": "A parcel of theirs waits."}, "theirs")
    document = await other.document(theirs, "theirs.md")
    never = await ask(api, base, document_uuid=str(uuid4()))
    assert never["verdict"] == "no_such_document"
    assert "No such document" in never["message"]
    assert await ask(api, base, document_uuid=document["uuid"]) == never
    assert await ask(api, base, document="theirs.md") == never
    asked = {"query": QUESTION, "document": "theirs.md"}
    assert await api.refused(404, "POST", f"/v1/{theirs}/why", json=asked)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "either document or document_uuid"),
        ({"document": "a.md", "document_uuid": str(uuid4())}, "either"),
        ({"document_uuid": "a.md"}, "document_uuid"),
        ({"document": "desk.md", "num_results": 0}, "num_results"),
        ({"document": "desk.md", "alpha": 2}, "alpha"),
        ({"document": "desk.md", "query": ""}, "query"),
        ({"document": "desk.md", "filters": {"equals": 1}}, "takes objects"),
        ({"document": "desk.md", "cursor": "nonsense"}, "cursor"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    api: Api, base: UUID, fields: dict[str, Any], says: str
) -> None:
    asked = {"query": QUESTION, **fields}
    assert says in await api.refused(400, "POST", f"/v1/{base}/why", json=asked)
