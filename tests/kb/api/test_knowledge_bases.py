"""Knowledge bases over HTTP: DigitalOcean's shapes, and nothing left of one that was deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from kb.blobs import BlobMissing
from kb.service import Service
from retrieval.embedding.models import MODELS
from retrieval.index import IndexVersion
from retrieval.postgres import scoped
from retrieval.reranking.fastembed_reranker import open_fastembed
from retrieval.scope import TeamScope
from retrieval.store import IndexNotFound
from tests.kb.api.client import BASE, Api, names
from tests.retrieval.reranking.overlap_model import publish

FOX = "The quick brown fox jumps over the lazy dog.\n"


async def test_one_that_was_created_is_shown_in_digitaloceans_shape(api: Api) -> None:
    made = await api.ok(
        "POST",
        BASE,
        json={
            "name": "Staff-Handbook.v2",
            "embedding_model_uuid": str(MODELS[0].uuid),
            "tags": ["team:desk", "a_b-c"],
            "project_id": "project",
            "region": "tor1",
            "database_id": "ignored, as this service brings its own",
        },
    )
    assert made.keys() == {"knowledge_base"}
    one = made["knowledge_base"]
    shown = await api.ok("GET", f"{BASE}/{one['uuid']}")
    assert shown == {"knowledge_base": one, "database_status": "ONLINE"}
    assert UUID(one["uuid"])
    assert {key: one[key] for key in ("name", "tags", "project_id", "region", "is_public")} == {
        "name": "Staff-Handbook.v2",
        "tags": ["team:desk", "a_b-c"],
        "project_id": "project",
        "region": "tor1",
        "is_public": False,
    }
    assert one["embedding_model_uuid"] == str(MODELS[0].uuid)
    assert datetime.fromisoformat(one["created_at"]).tzinfo
    assert one["last_indexing_job"] is None
    assert [one[key] for key in ("documents", "documents_pending", "documents_failed")] == [0] * 3


async def test_its_last_job_has_64_bit_numbers_as_strings_and_the_others_as_numbers(
    api: Api,
) -> None:
    base = await api.create()
    await api.upload(base, "fox.txt", FOX)
    before = (await api.ok("GET", f"{BASE}/{base}"))["knowledge_base"]
    assert before["documents_pending"] == 1
    assert before["last_indexing_job"]["phase"] == "BATCH_JOB_PHASE_PENDING"
    assert before["last_indexing_job"]["status"] == "INDEX_JOB_STATUS_PENDING"
    await api.index()
    after = (await api.ok("GET", f"{BASE}/{base}"))["knowledge_base"]
    job = after["last_indexing_job"]
    assert (after["documents"], after["documents_pending"], after["chunks"]) == (1, 0, 1)
    assert job["uuid"] == before["last_indexing_job"]["uuid"]
    assert job["knowledge_base_uuid"] == str(base)
    assert (job["phase"], job["status"]) == (
        "BATCH_JOB_PHASE_SUCCEEDED",
        "INDEX_JOB_STATUS_COMPLETED",
    )
    assert (job["completed_datasources"], job["total_datasources"]) == (1, 1)
    assert len(job["data_source_uuids"]) == 1
    assert int(job["total_tokens"]) > 0
    counters = {key: job[key] for key in job if key.startswith("total_items_")}
    assert counters == {
        "total_items_indexed": "1",
        "total_items_failed": "0",
        "total_items_skipped": "0",
    }
    assert job["created_at"] <= job["started_at"] <= job["finished_at"] == job["updated_at"]


async def test_a_job_says_when_some_or_all_of_its_documents_failed(api: Api) -> None:
    all_failed = await api.filled({"empty.txt": b""}, "all")
    some_failed = await api.filled({"empty.txt": b"", "fox.txt": FOX}, "some")
    expected = {
        all_failed: ("BATCH_JOB_PHASE_FAILED", "INDEX_JOB_STATUS_FAILED", "1"),
        some_failed: ("BATCH_JOB_PHASE_SUCCEEDED", "INDEX_JOB_STATUS_PARTIAL", "1"),
    }
    for base, outcome in expected.items():
        one = (await api.ok("GET", f"{BASE}/{base}"))["knowledge_base"]
        job = one["last_indexing_job"]
        assert (job["phase"], job["status"], job["total_items_failed"]) == outcome
        assert one["documents_failed"] == 1


async def test_null_and_the_empty_string_are_absent_as_go_clients_send_them(api: Api) -> None:
    made = await api.ok(
        "POST",
        BASE,
        json={
            "name": "go",
            "embedding_model_uuid": "",
            "tags": None,
            "chunking_algorithm": "",
            "chunking_options": {"max_chunk_size": 0, "child_chunk_size": 0},
            "database_id": "",
            "vpc_uuid": "",
            "reranking_config": None,
            "datasources": [],
        },
    )
    one = made["knowledge_base"]
    assert one["embedding_model_uuid"] == str(MODELS[0].uuid)
    assert one["tags"] == []
    kept = await api.ok(
        "PUT",
        f"{BASE}/{one['uuid']}",
        json={
            "uuid": one["uuid"],
            "name": "",
            "tags": None,
            "project_id": "",
            "database_id": "",
            "embedding_model_uuid": "",
        },
    )
    assert kept["knowledge_base"] | {"updated_at": ""} == one | {"updated_at": ""}


async def test_null_in_a_field_of_text_is_absent_at_creation_too(api: Api) -> None:
    request = {"name": "nulls", "project_id": None, "region": None, "embedding_model_uuid": None}
    one = (await api.ok("POST", BASE, json=request))["knowledge_base"]
    assert (one["project_id"], one["region"]) == ("", "")


@pytest.mark.parametrize("name", ["ab", "a1", "Handbook", "x" * 63, "a.b-c", "9lives"])
async def test_names_that_clients_use_are_taken(api: Api, name: str) -> None:
    await api.create(name)


@pytest.mark.parametrize(
    "name",
    ["", "a", "x" * 64, "a b", "-ab", ".ab", "a_b", "ä-b", "a/b", "ab\n", "a\0b", None, 7, ["ab"]],
)
async def test_names_outside_the_rule_are_refused(api: Api, name: object) -> None:
    assert "name" in await api.refused(400, "POST", BASE, json={"name": name})
    base = await api.create("good")
    if name not in ("", None):
        assert "name" in await api.refused(400, "PUT", f"{BASE}/{base}", json={"name": name})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"embedding_model_uuid": str(uuid4())}, "no such embedding model"),
        ({"embedding_model_uuid": "all-mini-lm-l6-v2"}, "embedding_model_uuid"),
        ({"chunking_options": {"max_chunk_size": 99}}, "from 100 to 256"),
        ({"chunking_options": {"max_chunk_size": 257}}, "from 100 to 256"),
        ({"chunking_options": {"max_chunk_size": 2**70}}, "from 100 to 256"),
        ({"chunking_options": {"max_chunk_size": -5}}, "max_chunk_size"),
        ({"chunking_options": {"child_chunk_size": 128}}, "belongs to hierarchical"),
        ({"chunking_options": {"semantic_threshold": 0.5}}, "belongs to the strategy semantic"),
        ({"chunking_algorithm": "BY_PAGE"}, "CHUNKING_ALGORITHM_SEMANTIC"),
        (
            {
                "chunking_algorithm": "CHUNKING_ALGORITHM_HIERARCHICAL",
                "chunking_options": {"child_chunk_size": 200, "parent_chunk_size": 200},
            },
            "over the child's 200 tokens",
        ),
        (
            {
                "chunking_algorithm": "CHUNKING_ALGORITHM_SEMANTIC",
                "chunking_options": {"semantic_threshold": 1.5},
            },
            "from 0 to 1, not 1.5",
        ),
        ({"tags": ["a b"]}, "tags"),
        ({"tags": "a"}, "tags"),
        ({"project_id": "a\0b"}, "project_id"),
    ],
)
async def test_what_cannot_be_had_is_refused_and_leaves_nothing(
    api: Api, fields: dict[str, Any], says: str
) -> None:
    request = {"name": "handbook", **fields}
    assert says in await api.refused(400, "POST", BASE, json=request)
    assert (await api.ok("GET", BASE))["knowledge_bases"] == []


async def test_a_name_is_taken_once_in_a_team_and_free_in_another(api: Api, other: Api) -> None:
    base = await api.create("taken")
    assert "'taken'" in await api.refused(409, "POST", BASE, json={"name": "taken"})
    second = await api.create("second")
    assert await api.refused(409, "PUT", f"{BASE}/{second}", json={"name": "taken"})
    assert names((await api.ok("GET", BASE))["knowledge_bases"]) == ["taken", "second"]
    await other.create("taken")
    await api.ok("DELETE", f"{BASE}/{base}")
    await api.create("taken")


async def test_an_update_changes_what_it_names(api: Api) -> None:
    base = await api.create("before", tags=["a"], project_id="p")
    await api.ok("PUT", f"{BASE}/{base}", json={"name": "after"})
    await api.ok("PUT", f"{BASE}/{base}", json={"tags": []})
    one = (await api.ok("GET", f"{BASE}/{base}"))["knowledge_base"]
    assert (one["name"], one["tags"], one["project_id"]) == ("after", [], "p")
    assert one["updated_at"] > one["created_at"]


async def test_pages_of_a_list_link_to_each_other(api: Api) -> None:
    made = [f"base-{number}" for number in range(5)]
    for name in made:
        await api.create(name)
    page: str | None = f"{BASE}?per_page=2"
    found: list[str] = []
    for number in (1, 2, 3):
        assert page
        body = await api.ok("GET", page)
        assert body["meta"] == {"page": number, "pages": 3, "total": 5}
        links = body["links"]["pages"]
        assert (links["previous"] is None, links["first"] is None) == (number == 1, number == 1)
        assert (links["next"] is None, links["last"] is None) == (number == 3, number == 3)
        found += names(body["knowledge_bases"])
        page = links["next"]
    assert found == made
    beyond = await api.ok("GET", BASE, params={"page": 9, "per_page": 2})
    assert beyond["knowledge_bases"] == []
    assert beyond["meta"] == {"page": 9, "pages": 3, "total": 5}


@pytest.mark.parametrize(
    "query", [{"page": 0}, {"per_page": 0}, {"per_page": 201}, {"page": "x"}, {"page": 10**30}]
)
async def test_pages_that_cannot_be_are_refused(api: Api, query: dict[str, Any]) -> None:
    assert next(iter(query)) in await api.refused(400, "GET", BASE, params=query)


# Reranking


RERANKER = "overlap-model"


@pytest.fixture
async def reranker(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """The service runs a cross-encoder that counts words in common."""
    folder = publish(tmp_path / RERANKER)
    with open_fastembed(str(folder), cache_dir=tmp_path, threads=1, seconds=60) as reranker:
        monkeypatch.setattr(service, "reranker", reranker)
        yield


async def config_of(api: Api, base: object) -> dict[str, Any]:
    return (await api.ok("GET", f"{BASE}/{base}"))["knowledge_base"]["reranking_config"]


@pytest.mark.usefixtures("reranker")
async def test_reranking_is_switched_on_and_off_in_digitaloceans_shape(api: Api) -> None:
    base = await api.create("plain")
    assert await config_of(api, base) == {"enabled": False}
    on = {"enabled": True, "model": RERANKER}
    base = await api.create("reranked", reranking_config=on)
    assert await config_of(api, base) == on
    await api.ok("PUT", f"{BASE}/{base}", json={"name": "renamed", "reranking_config": None})
    assert await config_of(api, base) == on
    off = {"enabled": False}
    shown = await api.ok("PUT", f"{BASE}/{base}", json={"reranking_config": off})
    assert shown["knowledge_base"]["reranking_config"] == off | {"model": RERANKER}
    shown = await api.ok(
        "PUT", f"{BASE}/{base}", json={"reranking_config": {"enabled": True, "model": ""}}
    )
    assert shown["knowledge_base"]["reranking_config"] == on


async def test_what_is_off_may_name_any_model(api: Api) -> None:
    base = await api.create(reranking_config={"enabled": False, "model": "bge-reranker-v2-m3"})
    assert await config_of(api, base) == {"enabled": False}


async def test_models_are_listed_for_the_use_a_client_names(api: Api) -> None:
    path = "/v2/gen-ai/models"
    everything = await api.ok("GET", path)
    assert [model["id"] for model in everything["models"]] == [model.id for model in MODELS]
    assert everything["models"][0]["context_window"] == "256"
    assert everything["models"][0]["kb_default_chunk_size"] == 256
    for usecases in (
        {"usecases": "MODEL_USECASE_KNOWLEDGEBASE"},
        {"usecases": "MODEL_USECASE_RERANKING,MODEL_USECASE_KNOWLEDGEBASE"},
        {"usecases": ["MODEL_USECASE_RERANKING", "MODEL_USECASE_KNOWLEDGEBASE"]},
        {"usecases": ["MODEL_USECASE_KNOWLEDGEBASE", "MODEL_USECASE_RERANKING"]},
        {"usecases": ""},
    ):
        assert (await api.ok("GET", path, params=usecases))["models"] == everything["models"]
    none = await api.ok("GET", path, params={"usecases": "MODEL_USECASE_RERANKING"})
    assert none["models"] == []


@pytest.mark.usefixtures("reranker")
async def test_the_reranking_model_is_listed_where_there_is_one(api: Api) -> None:
    found = await api.ok("GET", "/v2/gen-ai/models", params={"usecases": "MODEL_USECASE_RERANKING"})
    (model,) = found["models"]
    assert UUID(model.pop("uuid"))
    assert model == {
        "id": RERANKER,
        "name": RERANKER,
        "provider": "MODEL_PROVIDER_DIGITALOCEAN",
        "type": "reranking",
        "capabilities": ["reranking"],
        "usecases": ["MODEL_USECASE_RERANKING"],
    }
    again = await api.ok("GET", "/v2/gen-ai/models")
    assert [one["id"] for one in again["models"]] == [*(one.id for one in MODELS), RERANKER]


async def test_deleting_one_leaves_no_table_text_blob_or_row(api: Api) -> None:
    base = await api.filled({"fox.txt": FOX, "dog.txt": "Dogs bark."})
    scope = api.team.knowledge_base(base)
    index = await api.service.index_version(scope)
    assert await tables_of(api, index) == 3
    assert await rows_of(api.service.pool, api.team, base) > 0
    assert await api.ok("DELETE", f"{BASE}/{base}") == {"uuid": str(base)}
    assert await tables_of(api, index) == 0
    assert await rows_of(api.service.pool, api.team, base) == 0
    with pytest.raises(IndexNotFound):
        await api.service.stores["pgvector"].count(scope, index)
    for data in (FOX, "Dogs bark."):
        with pytest.raises(BlobMissing):
            await api.service.blobs.get(api.team, sha256(data.encode()).digest())
    for method, path in (("GET", f"{BASE}/{base}"), ("DELETE", f"{BASE}/{base}")):
        assert await api.refused(404, method, path)
    assert await api.refused(404, "POST", f"/v1/{base}/retrieve", json={"query": "fox"})
    assert (await api.ok("GET", BASE))["meta"]["total"] == 0


async def test_bytes_that_another_knowledge_base_uses_are_kept(api: Api) -> None:
    first = await api.filled({"fox.txt": FOX}, "first")
    second = await api.filled({"same-fox.txt": FOX}, "second")
    digest = sha256(FOX.encode()).digest()
    await api.ok("DELETE", f"{BASE}/{first}")
    assert await api.service.blobs.get(api.team, digest) == FOX.encode()
    assert await api.texts(second, "fox")
    await api.ok("DELETE", f"{BASE}/{second}")
    with pytest.raises(BlobMissing):
        await api.service.blobs.get(api.team, digest)


async def tables_of(api: Api, index: IndexVersion) -> int:
    """How many of the index's tables there are."""
    async with api.service.pool.connection() as conn:
        cursor = await conn.execute(
            "SELECT count(*) FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL",
            [[f"kb.{kind}_{index.id.hex}" for kind in ("chunks", "words", "terms")]],
        )
        row = await cursor.fetchone()
        assert row
        return row[0]


async def rows_of(pool: Any, team: TeamScope, base: UUID) -> int:
    """Rows of the knowledge base in all tables of the catalog."""
    total = 0
    async with scoped(pool, team.knowledge_base(base)) as conn:
        for table, column in (
            ("knowledge_bases", "id"),
            *(
                (table, "knowledge_base_id")
                for table in (
                    *("index_versions", "data_sources", "documents", "document_versions"),
                    *("canonical_texts", "indexing_jobs", "ledger"),
                )
            ),
        ):
            cursor = await conn.execute(
                f"SELECT count(*) FROM {table} WHERE {column} = %s".encode(), [base]
            )
            row = await cursor.fetchone()
            assert row
            total += row[0]
    return total


@pytest.mark.usefixtures("reranker")
async def test_every_answer_is_reranked_where_it_is_on_unless_a_request_says_otherwise(
    api: Api,
) -> None:
    files = {"pump.txt": "The pump has no pressure.", "soup.txt": "Lunch is pea soup."}
    base = await api.filled(files, reranking_config={"enabled": True})
    reranked = {"model": RERANKER, "applied": True}
    assert (await api.retrieve(base, "pump"))["reranking"] == reranked
    for off in ({"enabled": False}, {}):
        assert "reranking" not in await api.retrieve(base, "pump", reranking=off)
    await api.ok("PUT", f"{BASE}/{base}", json={"reranking_config": {"enabled": False}})
    assert "reranking" not in await api.retrieve(base, "pump")
    assert (await api.retrieve(base, "pump", reranking={"enabled": True}))["reranking"] == reranked


@pytest.mark.usefixtures("reranker")
async def test_another_reranking_model_is_refused_before_anything_is_made(api: Api) -> None:
    config = {"enabled": True, "model": "BGE Reranker v2 m3"}
    request = {"name": "refused", "reranking_config": config}
    said = await api.refused(400, "POST", BASE, json=request)
    assert "invalid reranking model" in said
    assert "'overlap-model'" in said
    assert (await api.ok("GET", BASE))["meta"]["total"] == 0
    base = await api.create("kept")
    request = {"name": "renamed", "reranking_config": config}
    assert await api.refused(400, "PUT", f"{BASE}/{base}", json=request)
    assert (await api.ok("GET", f"{BASE}/{base}"))["knowledge_base"]["name"] == "kept"


async def test_reranking_without_a_model_here_is_refused(api: Api) -> None:
    request = {"name": "refused", "reranking_config": {"enabled": True}}
    assert "KB_RERANK_MODEL" in await api.refused(400, "POST", BASE, json=request)
