"""The retrieval door: DigitalOcean's shapes, and citations that read back exactly."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from kb.service import Service
from kb.worker import Worker
from tests.ingest.parsing import samples
from tests.kb.api.client import BASE, Api, client_of, message_of
from tests.kb.teams import new_team

PARCELS = """# Front desk

## Parcels

A parcel may wait at the front desk for nine days, then it goes back.

## Keys

Lost keys are reported to the night guard before eight.
"""
NOTHING: dict[str, Any] = {
    "results": [],
    "total_results": 0,
    "index_version": 1,
    "truncated": False,
    "omitted": [],
    "next_cursor": None,
}
SCHOOLS = "Children visit the planetarium on Tuesdays. A school class has at most thirty of them.\n"

# Beyond the basic plane, composed with combining marks, written from right to left, joined emoji.
STRANGE = (
    "# Ω𝛀 — naïve café cafe\u0301\n\n"
    + "The telescope 🔭 saw \U0001d518\U0001d52b, e\u0301\u0323tude; a family 👩\u200d👧. " * 12
    + "\n\n## עברית والعربية\n\n"
    + "מצפה כוכבים ومرصد 観測所 𠮷野家 \U0001f9ff z\u0351\u036b\u0343algo. " * 15
    + "\n\n## Tail 🧵\n\nThe last planet is \U0001d4a9eptune, n\u0303 and all.\n"
)


@pytest.fixture(scope="module")
async def api(app: FastAPI, service: Service, worker: Worker) -> AsyncIterator[Api]:
    """One team for the whole module: most of its tests only ask."""
    team, secret = await new_team(service)
    async with client_of(app, secret) as http:
        yield Api(http, team, secret, service, worker)


@pytest.fixture(scope="module")
async def base(api: Api) -> UUID:
    return await api.filled({"desk.md": PARCELS, "schools.txt": SCHOOLS})


def at(base: object, document: object, version: object) -> str:
    return f"{BASE}/{base}/documents/{document}/versions/{version}/text"


async def test_answers_in_digitaloceans_shape_with_scores_and_citations(
    api: Api, base: UUID
) -> None:
    body = await api.retrieve(base, "How long may a parcel wait?", num_results=3, alpha=0.5)
    assert body.keys() == NOTHING.keys()
    assert (body["truncated"], body["omitted"]) == (False, [])
    assert body["total_results"] == len(body["results"])
    assert body["index_version"] == 1
    first = body["results"][0]
    document = await api.document(base, "desk.md")
    assert first.keys() == {
        *("text_content", "metadata", "score"),
        *("semantic_score", "lexical_score", "citation"),
    }
    assert first["metadata"] == {
        "item_name": "desk.md",
        "ingested_timestamp": document["updated_at"],
        "chunk_category": "CompositeElement",
        "page_number": None,
    }
    citation = first["citation"]
    assert "nine days" in first["text_content"]
    assert citation["document_id"] == document["uuid"]
    assert citation["version_id"] == document["version_uuid"]
    assert citation["version_number"] == 1
    assert citation["page"] is None
    assert "Front desk" in citation["section_path"]
    assert str(base) in citation["uri"]
    assert 0 < first["semantic_score"] <= 1
    assert first["lexical_score"] > 0
    scores = [one["score"] for one in body["results"]]
    assert scores == sorted(scores, reverse=True)


async def test_a_hierarchical_base_returns_the_larger_chunk_around_what_it_found(api: Api) -> None:
    things = ("kettle", "bicycle", "telescope", "violin", "greenhouse", "ferry")
    sections = "\n\n".join(
        f"## The {thing}\n\n" + f"The {thing} was mended by {thing} people. " * 15
        for thing in things
    )
    base = await api.filled(
        {"things.md": f"# Things\n\n{sections}\n"},
        "things",
        chunking_algorithm="CHUNKING_ALGORITHM_HIERARCHICAL",
        chunking_options={"child_chunk_size": 100, "parent_chunk_size": 400},
    )
    (best, *others) = (await api.retrieve(base, "Who mended the telescope?"))["results"]
    assert best["text_content"] in best["parent_chunk_text"]
    assert len(best["parent_chunk_text"]) > 1.5 * len(best["text_content"])
    assert "telescope people" in best["text_content"]
    assert all(one["text_content"] in one["parent_chunk_text"] for one in others)


@pytest.mark.parametrize("algorithm", ["semantic", "fixed"])
async def test_every_strategy_finds_and_cites_exactly(api: Api, algorithm: str) -> None:
    base = await api.filled({"desk.md": PARCELS}, f"by-{algorithm}", chunking_algorithm=algorithm)
    (best, *_) = (await api.retrieve(base, "How long may a parcel wait?"))["results"]
    assert "nine days" in best["text_content"]
    assert "parent_chunk_text" not in best
    cited = best["citation"]
    read = await api.ok(
        "GET",
        at(base, cited["document_id"], cited["version_id"]),
        params={"start": cited["char_start"], "end": cited["char_end"]},
    )
    assert read["text"] == best["text_content"]


async def test_numbers_pages_of_a_format_that_has_them(api: Api) -> None:
    base = await api.filled({"report.pdf": samples.pdf(pages=3)}, "pages")
    found = (await api.retrieve(base, "fox", num_results=20))["results"]
    pages = [(one["metadata"]["page_number"], one["citation"]["page"]) for one in found]
    assert {page for page, _ in pages} <= {1, 2, 3}
    assert all(page == cited for page, cited in pages)
    only = {"greater_than_or_equals": {"key": "page_number", "value": 2}}
    later = await api.retrieve(base, "fox", filters=only)
    assert {one["citation"]["page"] for one in later["results"]} == {
        page for page, _ in pages if page >= 2
    }


async def test_a_score_that_was_not_asked_for_is_null(api: Api, base: UUID) -> None:
    words = (await api.retrieve(base, "parcel", alpha=0))["results"]
    meaning = (await api.retrieve(base, "parcel", alpha=1))["results"]
    assert words
    assert all(one["semantic_score"] is None and one["lexical_score"] > 0 for one in words)
    assert meaning
    assert all(one["lexical_score"] is None for one in meaning)
    assert all(one["score"] == one["semantic_score"] for one in meaning)


async def test_clients_whose_base_url_ends_in_v1_and_others_are_served_alike(
    api: Api, base: UUID
) -> None:
    request = {"query": "Lost keys?", "num_results": 2, "filters": None, "unknown": "field"}
    answers = [
        await api.ok("POST", path, json=request)
        for path in (f"/v1/{base}/retrieve", f"/{base}/retrieve")
    ]
    assert answers[0] == answers[1]
    assert answers[0]["results"]


async def test_every_citation_reads_back_exactly_what_was_quoted(api: Api) -> None:
    files = {
        "report.pdf": samples.pdf(),
        "manual.docx": samples.word(),
        "lids.html": samples.HTML,
        "lids.md": samples.MARKDOWN,
        "lids.txt": samples.TEXT,
        "strange.md": STRANGE,
        "strange.txt": STRANGE,
    }
    base = await api.filled(files, "formats")
    seen: set[str] = set()
    for question in (
        "telescope family",
        "مرصد",
        "\U0001d4a9eptune planet",
        "a lid closes a box",
        "fox",
    ):
        for one in (await api.retrieve(base, question, num_results=100))["results"]:
            citation = one["citation"]
            span = {"start": citation["char_start"], "end": citation["char_end"]}
            text = await api.ok(
                "GET", at(base, citation["document_id"], citation["version_id"]), params=span
            )
            assert text == {
                "text": one["text_content"],
                "char_start": span["start"],
                "char_end": span["end"],
            }
            assert len(one["text_content"]) == span["end"] - span["start"]
            seen.add(one["metadata"]["item_name"])
    assert seen == files.keys()


async def test_spans_count_code_points_not_bytes_or_utf16(api: Api) -> None:
    base = await api.filled({"strange.txt": "🔭🔭 cafe\u0301 and tea\n"}, "spans")
    document = await api.document(base, "strange.txt")
    path = at(base, document["uuid"], document["version_uuid"])
    whole = (await api.ok("GET", path, params={"start": 0, "end": 1000}))["text"]
    assert whole.startswith("🔭🔭 cafe\u0301 and tea")
    for start, end in ((0, 1), (1, 2), (3, 8), (0, len(whole)), (5, 5), (9, 3)):
        span = await api.ok("GET", path, params={"start": start, "end": end})
        assert span["text"] == whole[start:end]
        assert span["char_end"] == start + len(span["text"])


@pytest.mark.parametrize(
    "span",
    [
        {},
        {"start": 0},
        {"start": -1, "end": 4},
        {"start": "a", "end": 4},
        {"start": 0, "end": 2**70},
    ],
)
async def test_a_span_that_is_none_is_refused(api: Api, base: UUID, span: dict[str, Any]) -> None:
    document = await api.document(base, "desk.md")
    path = at(base, document["uuid"], document["version_uuid"])
    assert await api.refused(400, "GET", path, params=span)


async def test_a_text_of_another_document_or_version_is_not_found(api: Api, base: UUID) -> None:
    desk = await api.document(base, "desk.md")
    schools = await api.document(base, "schools.txt")
    span = {"start": 0, "end": 5}
    for document, version in (
        (desk["uuid"], schools["version_uuid"]),
        (desk["uuid"], uuid4()),
        (uuid4(), desk["version_uuid"]),
    ):
        assert await api.refused(404, "GET", at(base, document, version), params=span)


@pytest.mark.parametrize(
    "filters",
    [
        {"equals": {"key": "item_name", "value": "schools.txt"}},
        {"and_all": [{"starts_with": {"key": "item_name", "value": "school"}}]},
        {"or_all": [{"not_equals": {"key": "item_name", "value": "desk.md"}}]},
        {"must": [{"field": "item_name", "operator": "eq", "value": "schools.txt"}]},
        {"must_not": [{"field": "item_name", "operator": "in", "value": ["desk.md"]}]},
        {
            "should": [{"field": "item_name", "operator": "contains", "value": "ools"}],
            "must": [],
            "must_not": None,
        },
    ],
)
@pytest.mark.parametrize("alpha", [0, 0.5, 1])
async def test_filters_of_both_grammars_narrow_the_search(
    api: Api, base: UUID, filters: dict[str, Any], alpha: float
) -> None:
    found = await api.retrieve(base, "parcel children", filters=filters, alpha=alpha)
    assert {one["metadata"]["item_name"] for one in found["results"]} == {"schools.txt"}


async def test_a_filter_by_date_takes_a_date_alone(api: Api, base: UUID) -> None:
    def since(value: str) -> dict[str, Any]:
        return {"greater_than": {"key": "ingested_timestamp", "value": value}}

    assert await api.texts(base, "parcel", filters=since("2025-01-01"))
    assert await api.texts(base, "parcel", filters=since("2999-01-01T00:00:00Z")) == []


@pytest.mark.parametrize(
    ("filters", "says"),
    [
        ({"is": {"key": "item_name", "value": "a"}}, "Unknown operator 'is'; valid are equals"),
        (
            {"equals": {"key": "author", "value": "a"}},
            "Unknown field 'author'; valid are item_name",
        ),
        ({"equals": {"key": "page_number", "value": "3"}}, "page_number is a number"),
        ({"must": [{"field": "item_name", "operator": "gt", "value": "a"}]}, "does not apply"),
        ({"and_all": [], "or_all": []}, "side by side"),
        ({"equals": "a"}, "takes objects"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused_with_what_would(
    api: Api, base: UUID, filters: dict[str, Any], says: str
) -> None:
    request = {"query": "parcel", "filters": filters}
    assert says in await api.refused(400, "POST", f"/v1/{base}/retrieve", json=request)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_results", -1),
        ("num_results", 101),
        ("num_results", 2.5),
        ("num_results", "many"),
        ("alpha", -0.01),
        ("alpha", 1.01),
        ("alpha", "x"),
        ("query", ""),
        ("query", " \n\t"),
        ("query", "x" * 10_001),
        ("query", None),
        ("query", 7),
        ("filters", ["a"]),
    ],
)
async def test_a_value_out_of_range_is_refused_by_name(
    api: Api, base: UUID, field: str, value: object
) -> None:
    request = {"query": "parcel", field: value}
    assert field in await api.refused(400, "POST", f"/v1/{base}/retrieve", json=request)


async def test_numbers_that_json_does_not_have_are_refused(api: Api, base: UUID) -> None:
    for alpha in ("NaN", "Infinity"):
        response = await api.http.post(
            f"/v1/{base}/retrieve",
            content=f'{{"query": "parcel", "alpha": {alpha}}}',
            headers={"content-type": "application/json"},
        )
        assert response.status_code == 400
        assert "alpha" in message_of(response)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"query"', b"\xff\xfe"])
async def test_a_body_that_is_no_object_is_refused(api: Api, base: UUID, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    path = f"/v1/{base}/retrieve"
    assert await api.refused(400, "POST", path, content=content, headers=headers)


async def test_a_query_with_a_null_character_or_a_lone_surrogate_does_no_harm(
    api: Api, base: UUID
) -> None:
    for query in ("parcel\0", "parcel \ud83d", "\0", "🔭" * 5000):
        response = await api.http.post(
            f"/v1/{base}/retrieve",
            content=json.dumps({"query": query}),
            headers={"content-type": "application/json"},
        )
        assert response.status_code in (200, 400), response.text
        if response.status_code == 400:
            message_of(response)


async def test_several_bases_answer_in_one_order_and_cite_their_own(api: Api, base: UUID) -> None:
    other = await api.filled(
        {"depot.md": "# Depot\n\nA parcel at the depot waits a day.\n"}, "depot"
    )
    request = {"query": "How long may a parcel wait?", "knowledge_base_uuids": [base, other, base]}
    found = await api.ok("POST", "/v1/retrieve", json=json.loads(json.dumps(request, default=str)))
    cited = [one["citation"]["knowledge_base_id"] for one in found["results"]]
    assert set(cited) == {str(base), str(other)}
    uris = [one["citation"]["uri"] for one in found["results"]]
    assert len(uris) == len(set(uris))
    for bad in ([], [str(uuid4())] * 21):
        says = await api.refused(
            400, "POST", "/v1/retrieve", json={"query": "x", "knowledge_base_uuids": bad}
        )
        assert "knowledge_base_uuids" in says
    nobody = str(uuid4())
    asked = {"query": "x", "knowledge_base_uuids": [str(base), nobody]}
    assert nobody in await api.refused(404, "POST", "/v1/retrieve", json=asked)


async def test_pages_and_a_token_budget(api: Api, base: UUID) -> None:
    everything = await api.texts(base, "keys and parcels and schools")
    first = await api.retrieve(base, "keys and parcels and schools", num_results=1)
    rest = await api.retrieve(
        base, "keys and parcels and schools", num_results=50, cursor=first["next_cursor"]
    )
    both = [*first["results"], *rest["results"]]
    assert [one["text_content"] for one in both] == everything
    assert rest["next_cursor"] is None
    small = await api.retrieve(base, "keys and parcels and schools", max_tokens=1)
    assert (small["results"], small["truncated"]) == ([], True)
    assert [one["uri"] for one in small["omitted"]] == [one["citation"]["uri"] for one in both]
    says = await api.refused(
        400, "POST", f"/v1/{base}/retrieve", json={"query": "x", "cursor": "yesterday"}
    )
    assert "cursor" in says


async def test_neighbours_and_sections_come_from_the_canonical_text(api: Api) -> None:
    text = "\n\n".join(
        f"# Part {n}\n\n" + f"The kettle of part {n} is old. " * 40 for n in range(4)
    )
    base = await api.filled({"parts.md": text}, "parts")
    (alone,) = (await api.retrieve(base, "part 2", num_results=1, expand="none"))["results"]
    (wider,) = (await api.retrieve(base, "part 2", num_results=1, expand="neighbours"))["results"]
    (whole,) = (await api.retrieve(base, "part 2", num_results=1, expand="section"))["results"]
    assert "parent_chunk_text" not in alone
    assert alone["text_content"] == wider["text_content"] == whole["text_content"]
    assert wider["text_content"] in wider["parent_chunk_text"]
    assert len(wider["parent_chunk_text"]) > len(wider["text_content"])
    part = whole["citation"]["section_path"][-1].removeprefix("Part ")
    assert whole["text_content"] in whole["parent_chunk_text"]
    assert f"kettle of part {part}" in whole["parent_chunk_text"]
    assert f"kettle of part {int(part) + 1}" not in whole["parent_chunk_text"]


async def test_an_explanation_names_every_candidate(api: Api, base: UUID) -> None:
    found = await api.retrieve(base, "keys", num_results=1, explain=True)
    (shown,) = [one for one in found["explanation"] if one["dropped"] is None]
    assert shown["uri"] == found["results"][0]["citation"]["uri"]
    assert shown["fused_rank"] == 1
    assert len(found["explanation"]) == len(await api.texts(base, "keys"))
    assert "explanation" not in await api.retrieve(base, "keys")


async def test_bounds_are_included(api: Api, base: UUID) -> None:
    assert await api.retrieve(base, "parcel", num_results=0) == NOTHING
    for fields in ({"num_results": 1}, {"num_results": 100}, {"alpha": 0}, {"alpha": 1}):
        assert await api.texts(base, "parcel", **fields)
    assert len(await api.texts(base, "parcel", num_results=1)) == 1


async def test_reranking_is_refused_only_when_it_is_asked_for(api: Api, base: UUID) -> None:
    path = f"/v1/{base}/retrieve"
    request = {"query": "parcel", "reranking": {"enabled": True}}
    assert "reranker" in await api.refused(400, "POST", path, json=request)
    for reranking in (None, {}, {"enabled": False}):
        assert await api.texts(base, "parcel", reranking=reranking)


async def test_an_id_that_is_none_is_refused_and_one_of_nobody_not_found(api: Api) -> None:
    request = {"query": "parcel"}
    for bad in ("handbook", "123", f"{uuid4()}x", "%00"):
        says = await api.refused(400, "POST", f"/v1/{bad}/retrieve", json=request)
        assert "knowledge_base_uuid" in says
    nobody = uuid4()
    for path in (f"/v1/{nobody}/retrieve", f"/{nobody}/retrieve"):
        assert str(nobody) in await api.refused(404, "POST", path, json=request)


async def test_an_empty_knowledge_base_answers_with_nothing(api: Api) -> None:
    base = await api.create("empty")
    for alpha in (0, 0.5, 1):
        body = await api.retrieve(base, "anything", alpha=alpha)
        assert body == NOTHING


async def test_words_that_are_in_no_document_find_nothing_by_words(api: Api, base: UUID) -> None:
    assert await api.texts(base, "xylophone zeppelin", alpha=0) == []
    assert await api.texts(base, "?!", alpha=0) == []
    assert await api.texts(base, "xylophone zeppelin", alpha=0.5)


async def test_unknown_paths_and_methods_are_refused_in_the_same_envelope(api: Api) -> None:
    assert await api.refused(404, "GET", "/v2/gen-ai/nothing")
    assert await api.refused(405, "GET", f"/v1/{uuid4()}/retrieve")
    assert await api.refused(405, "PATCH", BASE)


async def test_every_answer_carries_an_id_of_its_own(api: Api) -> None:
    answers = [await api.http.get(path) for path in ("/healthz", "/readyz", BASE, BASE, "/no")]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 5
