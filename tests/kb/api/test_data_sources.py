"""Data sources over HTTP: DigitalOcean's shapes in and out, and secrets never out."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from retrieval.postgres import scoped
from tests.kb.api.client import BASE, Api, names

FOX = "The quick brown fox jumps over the lazy dog.\n"
OWL = "An owl sleeps through the day.\n"
SITE = {"base_url": "https://example.org/docs/"}
BUCKET = {"bucket_name": "papers", "region": "fra1"}


@pytest.fixture
async def base(api: Api) -> UUID:
    return await api.create()


def at(base: UUID, source: object = "") -> str:
    return f"{BASE}/{base}/data_sources" + (f"/{source}" if source else "")


async def list_sources(api: Api, base: UUID) -> list[dict[str, Any]]:
    return (await api.ok("GET", at(base)))["knowledge_base_data_sources"]


async def test_a_folder_is_indexed_as_soon_as_it_is_added(
    api: Api, base: UUID, shelf: Path
) -> None:
    (shelf / "fox.txt").write_text(FOX)
    source = await api.add_source(base, folder_data_source={"path": str(shelf)})
    assert source["folder_data_source"] == {"path": str(shelf)}
    assert source["kind"] == "folder"
    assert source["knowledge_base_uuid"] == str(base)
    first = source["last_datasource_indexing_job"]
    assert (first["status"], first["completed_at"]) == ("DATA_SOURCE_STATUS_UNKNOWN", None)
    await api.index()
    assert await api.texts(base, "fox") == [FOX.strip()]
    (shown,) = await list_sources(api, base)
    last = shown.pop("last_datasource_indexing_job")
    source.pop("last_datasource_indexing_job")
    assert shown == source
    assert last["data_source_uuid"] == source["uuid"]
    assert last["status"] == "DATA_SOURCE_STATUS_UPDATED"
    assert last["indexed_item_count"] == last["total_file_count"] == "1"
    assert last["total_bytes"] == str(len(FOX))
    document = await api.document(base, "fox.txt")
    assert document["data_source_uuid"] == source["uuid"]
    assert document["notes"] == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (
            {"web_crawler_data_source": SITE},
            {**SITE, "crawling_option": "SCOPED", "exclude_tags": [], "embed_media": False},
        ),
        (
            {
                "web_crawler_data_source": {
                    **SITE,
                    "crawling_option": "UNKNOWN",
                    "exclude_tags": None,
                    "embed_media": True,
                }
            },
            {**SITE, "crawling_option": "SCOPED", "exclude_tags": [], "embed_media": True},
        ),
        (
            {
                "web_crawler_data_source": {
                    **SITE,
                    "crawling_option": "SUBDOMAINS",
                    "exclude_tags": ["nav", "footer"],
                },
                "spaces_data_source": None,
                "a_field_of_next_year": 1,
            },
            {
                **SITE,
                "crawling_option": "SUBDOMAINS",
                "exclude_tags": ["nav", "footer"],
                "embed_media": False,
            },
        ),
        ({"spaces_data_source": BUCKET}, {**BUCKET, "item_path": "", "endpoint": None}),
        (
            {"spaces_data_source": {**BUCKET, "item_path": "/", "endpoint": "", "key_id": ""}},
            {**BUCKET, "item_path": "", "endpoint": None},
        ),
        (
            {"aws_data_source": {**BUCKET, "item_path": "reports/2026/"}},
            {**BUCKET, "item_path": "reports/2026/", "endpoint": None},
        ),
    ],
)
async def test_a_source_is_shown_as_it_was_described(
    api: Api, base: UUID, given: dict[str, Any], shown: dict[str, Any]
) -> None:
    name = next(iter(given))
    source = await api.add_source(base, **given)
    assert source[name] == shown
    others = [key for key in source if key.endswith("_data_source") and key != name]
    assert len(others) == 4
    assert {source[key] for key in others} == {None}
    assert source["bucket_name"] == shown.get("bucket_name")  # the deprecated flat fields
    await api.ok("DELETE", at(base, source["uuid"]))  # before anybody goes out to read it
    await api.index()


async def test_the_deprecated_flat_fields_are_a_spaces_bucket(api: Api, base: UUID) -> None:
    flat = {"bucket_name": "papers", "bucket_region": "fra1", "item_path": "/a/"}
    source = await api.add_source(base, **flat)
    assert source["spaces_data_source"] == {**BUCKET, "item_path": "a/", "endpoint": None}
    await api.ok("DELETE", at(base, source["uuid"]))
    await api.index()


async def test_the_key_to_a_bucket_is_never_shown_nor_stored_in_the_clear(
    api: Api, base: UUID
) -> None:
    key = {"key_id": "AKIAEXAMPLEKEY", "secret_key": "a-secret-that-nobody-sees"}
    for kind in ("aws_data_source", "spaces_data_source"):
        answer = await api.http.post(at(base), json={kind: {**BUCKET, **key}})
        assert answer.status_code == 200
        source = answer.json()["knowledge_base_data_source"]["uuid"]
        for shown in (answer, await api.http.get(at(base))):
            assert "AKIA" not in shown.text
            assert "a-secret" not in shown.text
        async with scoped(api.service.pool, api.team) as conn:
            cursor = await conn.execute(
                "SELECT settings::text, credentials FROM data_sources WHERE id = %s", [source]
            )
            row = await cursor.fetchone()
        assert row
        assert "a-secret" not in row[0]
        assert row[1]
        assert b"a-secret" not in bytes(row[1])
        await api.ok("DELETE", at(base, source))
    await api.index()


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "exactly one"),
    ({"web_crawler_data_source": SITE, "spaces_data_source": BUCKET}, "exactly one"),
    ({"dropbox_data_source": {"folder": "/"}}, "dropbox_data_source is not supported"),
    ({"google_drive_data_source": {"folder_id": "x"}}, "google_drive_data_source is not supported"),
    ({"web_crawler_data_source": {}}, "base_url"),
    ({"web_crawler_data_source": {"base_url": ""}}, "https://example.org/docs/"),
    ({"web_crawler_data_source": {"base_url": "ftp://example.org"}}, "http and https"),
    ({"web_crawler_data_source": {"base_url": "https://a\0b.org"}}, "null character"),
    ({"web_crawler_data_source": {**SITE, "crawling_option": "ALL"}}, "SITEMAP"),
    ({"web_crawler_data_source": {**SITE, "exclude_tags": ["<nav>"]}}, "exclude_tags"),
    ({"spaces_data_source": {"region": "fra1"}}, "bucket_name"),
    ({"spaces_data_source": {"bucket_name": "papers"}}, "region is written like"),
    ({"aws_data_source": {**BUCKET, "bucket_name": "No Such"}}, "bucket's name"),
    ({"aws_data_source": {**BUCKET, "key_id": "AKIAEXAMPLE"}}, "come together"),
    ({"aws_data_source": {**BUCKET, "endpoint": "http://10.0.0.1"}}, "KB_S3_ENDPOINTS"),
    ({"folder_data_source": {"path": "/etc"}}, "KB_SOURCE_FOLDERS"),
    ({"folder_data_source": {"path": "relative"}}, "full path"),
    ({"file_upload_data_source": {"original_file_name": "a.txt"}}, "stored_object_key"),
    ({"web_crawler_data_source": SITE, "chunking_algorithm": "BY_PAGE"}, "_SEMANTIC"),
    ({"web_crawler_data_source": SITE, "chunking_options": {"max_chunk_size": 99}}, "100 to 256"),
]


@pytest.mark.parametrize(("described", "says"), BAD)
async def test_what_cannot_be_a_source_is_refused_with_what_to_do(
    api: Api, base: UUID, described: dict[str, Any], says: str
) -> None:
    assert says in await api.refused(400, "POST", at(base), json=described)
    assert await list_sources(api, base) == []
    assert (await api.ok("GET", f"{BASE}/{base}/indexing_jobs"))["jobs"] == []


@pytest.mark.parametrize(("described", "says"), BAD)
async def test_a_bad_source_at_creation_leaves_no_knowledge_base_behind(
    api: Api, shelf: Path, described: dict[str, Any], says: str
) -> None:
    good = {"folder_data_source": {"path": str(shelf)}}
    request = {"name": "handbook", "datasources": [good, described]}
    assert says in await api.refused(400, "POST", BASE, json=request)
    assert names((await api.ok("GET", BASE))["knowledge_bases"]) == []
    assert (await api.ok("GET", "/v2/gen-ai/indexing_jobs"))["jobs"] == []


async def test_one_upload_named_twice_at_creation_is_refused_and_kept(api: Api) -> None:
    upload = {"file_upload_data_source": {"stored_object_key": await api.send("fox.txt", FOX)}}
    twice = {"name": "twice", "datasources": [upload, upload]}
    assert "same stored_object_key" in await api.refused(400, "POST", BASE, json=twice)
    base = await api.create("once", datasources=[upload])
    await api.index()
    assert await api.texts(base, "fox") == [FOX.strip()]


async def test_a_knowledge_base_is_created_with_its_sources(api: Api, shelf: Path) -> None:
    (shelf / "owl.txt").write_text(OWL)
    upload = {"stored_object_key": await api.send("fox.txt", FOX), "size_in_bytes": "45"}
    fixed = {"chunking_algorithm": "CHUNKING_ALGORITHM_FIXED_LENGTH"}
    body = await api.ok(
        "POST",
        BASE,
        json={
            "name": "handbook",
            "datasources": [
                {"file_upload_data_source": upload},
                {"folder_data_source": {"path": str(shelf)}, **fixed},
            ],
        },
    )
    made = body["knowledge_base"]
    assert made["last_indexing_job"]["phase"] == "BATCH_JOB_PHASE_PENDING"
    for _ in range(2):  # jobs over data sources wait for each other
        await api.index()
    base = UUID(made["uuid"])
    assert sorted(await api.texts(base, "fox owl")) == sorted([FOX.strip(), OWL.strip()])
    first, second = await list_sources(api, base)
    assert first["file_upload_data_source"]["size_in_bytes"] == "45"
    assert first["chunking_algorithm"] == "CHUNKING_ALGORITHM_SECTION_BASED"
    assert second["chunking_algorithm"] == "CHUNKING_ALGORITHM_FIXED_LENGTH"


async def test_sources_are_listed_a_page_at_a_time_oldest_first(api: Api, base: UUID) -> None:
    sources = [
        (await api.add_source(base, spaces_data_source={**BUCKET, "item_path": path}))["uuid"]
        for path in ("a", "b", "c")
    ]
    found: list[str] = []
    page: str | None = f"{at(base)}?per_page=2"
    while page:
        body = await api.ok("GET", page)
        assert body["meta"]["total"] == 3
        found += [one["uuid"] for one in body["knowledge_base_data_sources"]]
        page = body["links"]["pages"]["next"]
    assert found == sources
    for one in sources:
        await api.ok("DELETE", at(base, one))
    await api.index()


async def test_a_deleted_source_takes_its_documents_with_it_and_no_others(
    api: Api, base: UUID, shelf: Path
) -> None:
    (shelf / "fox.txt").write_text(FOX)
    source = await api.add_source(base, folder_data_source={"path": str(shelf)})
    await api.upload(base, "owl.txt", OWL)
    await api.index()
    assert len(await list_sources(api, base)) == 2  # that of the documents that were sent, too
    gone = await api.ok("DELETE", at(base, source["uuid"]))
    assert gone == {"data_source_uuid": source["uuid"], "knowledge_base_uuid": str(base)}
    await api.index()
    assert await api.texts(base, "fox owl", num_results=100) == [OWL.strip()]
    (left,) = await list_sources(api, base)
    assert left["kind"] == "documents"
    assert await api.refused(404, "PUT", at(base, source["uuid"]), json={})
    assert await api.refused(404, "DELETE", at(base, source["uuid"]))
    assert await api.refused(404, "DELETE", at(base, left["uuid"]))


async def test_a_source_can_be_cut_otherwise_and_answers_meanwhile(
    api: Api, base: UUID, shelf: Path
) -> None:
    (shelf / "long.txt").write_text("The fox runs. " * 200)
    source = await api.add_source(base, folder_data_source={"path": str(shelf)})
    await api.index()
    before = len(await api.texts(base, "fox", num_results=100))
    change = {
        "knowledge_base_uuid": str(base),
        "data_source_uuid": source["uuid"],
        "chunking_algorithm": "CHUNKING_ALGORITHM_FIXED_LENGTH",
        "chunking_options": {"max_chunk_size": 100},
    }
    body = await api.ok("PUT", at(base, source["uuid"]), json=change)
    assert body["knowledge_base_data_source"]["uuid"] == source["uuid"]
    assert len(await api.texts(base, "fox", num_results=100)) == before
    await api.index()
    assert len(await api.texts(base, "fox", num_results=100)) > before
    (shown,) = await list_sources(api, base)
    assert shown["chunking_algorithm"] == "CHUNKING_ALGORITHM_FIXED_LENGTH"
    assert shown["chunking_options"]["max_chunk_size"] == 100
    versions = (await api.ok("GET", f"{BASE}/{base}/index_versions"))["meta"]["total"]
    says_nothing: list[dict[str, Any]] = [
        {},
        {"chunking_algorithm": "", "chunking_options": None},
        {"chunking_algorithm": "CHUNKING_ALGORITHM_UNKNOWN", "chunking_options": {}},
        {"chunking_options": {"max_chunk_size": 0, "parent_chunk_size": 0}},
        {"chunking_options": shown["chunking_options"]},  # as it was shown
    ]
    for nothing in says_nothing:
        kept = await api.ok("PUT", at(base, source["uuid"]), json=nothing)
        one = kept["knowledge_base_data_source"]
        assert one["chunking_options"] == shown["chunking_options"]
    again = (await api.ok("GET", f"{BASE}/{base}/index_versions"))["meta"]["total"]
    assert again == versions
    says = await api.refused(
        400, "PUT", at(base, source["uuid"]), json={"chunking_options": {"max_chunk_size": 1}}
    )
    assert "100 to 256" in says


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [
        ("SECTION_BASED", {"max_chunk_size": 200, "min_chunk_size": 50}),
        ("SEMANTIC", {"semantic_threshold": 0.25}),
        ("HIERARCHICAL", {"child_chunk_size": 128, "parent_chunk_size": 600}),
        ("FIXED_LENGTH", {"max_chunk_size": 120, "overlap": 20}),
        ("SENTENCE_WINDOW", {"window_size": 2}),
    ],
)
async def test_chunking_is_shown_as_it_can_be_sent_back(
    api: Api, base: UUID, shelf: Path, algorithm: str, options: dict[str, Any]
) -> None:
    chunking = {"chunking_algorithm": f"CHUNKING_ALGORITHM_{algorithm}"}
    folder = {"folder_data_source": {"path": str(shelf)}}
    source = await api.add_source(base, **folder, **chunking, chunking_options=options)
    assert source["chunking_algorithm"] == chunking["chunking_algorithm"]
    assert source["chunking_options"].items() >= options.items()
    same = {key: source[key] for key in ("chunking_algorithm", "chunking_options")}
    again = await api.ok("PUT", at(base, source["uuid"]), json=same)
    assert again["knowledge_base_data_source"]["chunking_options"] == source["chunking_options"]
    await api.index()


async def test_sources_of_a_knowledge_base_that_is_not_there(api: Api) -> None:
    assert await api.refused(404, "GET", at(uuid4()))
    assert await api.refused(404, "POST", at(uuid4()), json={"web_crawler_data_source": SITE})
