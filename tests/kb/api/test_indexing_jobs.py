"""Indexing jobs over HTTP: begun, watched, cancelled and reported on, in DigitalOcean's shapes."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from kb.catalog import ledger
from kb.catalog.ledger import Place
from retrieval.postgres import scoped
from tests.kb.api.client import BASE, JOBS, Api, client_of

FOX = "The quick brown fox jumps over the lazy dog.\n"
STRINGS = (
    "indexed_item_count",
    "indexed_file_count",
    "failed_item_count",
    "removed_item_count",
    "skipped_item_count",
    "total_file_count",
    "total_bytes",
    "total_bytes_indexed",
)


@pytest.fixture
async def base(api: Api) -> UUID:
    return await api.create()


async def look(api: Api, job: dict[str, Any]) -> dict[str, Any]:
    return (await api.ok("GET", f"{JOBS}/{job['uuid']}"))["job"]


async def test_a_job_takes_in_what_is_new_changed_and_gone(
    api: Api, base: UUID, shelf: Path
) -> None:
    for name in ("same", "changes", "goes"):
        (shelf / f"{name}.txt").write_text(f"The fox of {name}.")
    source = await api.add_source(base, folder_data_source={"path": str(shelf)})
    await api.index()
    (shelf / "changes.txt").write_text("The fox has changed altogether.")
    (shelf / "goes.txt").unlink()
    (shelf / "comes.txt").write_text("The fox that comes.")
    job = await api.job(knowledge_base_uuid=str(base), data_source_uuids=[source["uuid"]])
    assert (job["phase"], job["status"]) == ("BATCH_JOB_PHASE_PENDING", "INDEX_JOB_STATUS_PENDING")
    assert job["data_source_uuids"] == [source["uuid"]]
    await api.index()
    done = await look(api, job)
    assert (done["phase"], done["status"]) == (
        "BATCH_JOB_PHASE_SUCCEEDED",
        "INDEX_JOB_STATUS_COMPLETED",
    )
    assert (done["completed_datasources"], done["total_datasources"]) == (1, 1)
    assert done["is_report_available"] is True
    (one,) = done["data_source_jobs"]
    assert {key: type(one[key]) for key in STRINGS} == dict.fromkeys(STRINGS, str)
    counts = [one[f"{what}_item_count"] for what in ("indexed", "removed", "skipped", "failed")]
    assert counts == ["2", "1", "1", "0"]
    assert one["status"] == "DATA_SOURCE_STATUS_UPDATED"
    listed = await api.ok("GET", f"{JOBS}/{job['uuid']}/data_sources")
    assert listed == {"indexed_data_sources": [one]}
    assert sorted(await api.texts(base, "fox")) == [
        "The fox has changed altogether.",
        "The fox of same.",
        "The fox that comes.",
    ]


@pytest.mark.parametrize("named", [None, []])
async def test_a_job_that_names_no_source_covers_all_and_finds_no_changes(
    api: Api, base: UUID, shelf: Path, named: list[str] | None
) -> None:
    (shelf / "fox.txt").write_text(FOX)
    source = await api.add_source(base, folder_data_source={"path": str(shelf)})
    await api.index()
    job = await api.job(knowledge_base_uuid=str(base), data_source_uuids=named)
    assert job["data_source_uuids"] == [source["uuid"]]
    await api.index()
    done = await look(api, job)
    assert (done["phase"], done["status"]) == (
        "BATCH_JOB_PHASE_SUCCEEDED",
        "INDEX_JOB_STATUS_NO_CHANGES",
    )


async def test_a_job_over_a_source_that_is_not_there_is_refused(api: Api, base: UUID) -> None:
    for body in (
        {"knowledge_base_uuid": str(uuid4())},
        {"knowledge_base_uuid": str(base), "data_source_uuids": [str(uuid4())]},
    ):
        assert await api.refused(404, "POST", JOBS, json=body)
    for body in ({}, {"knowledge_base_uuid": "x"}, {"knowledge_base_uuid": None}):
        assert "knowledge_base_uuid" in await api.refused(400, "POST", JOBS, json=body)
    for path in ("", "/data_sources", "/details_signed_url"):
        assert await api.refused(404, "GET", f"{JOBS}/{uuid4()}{path}")
    assert await api.refused(404, "PUT", f"{JOBS}/{uuid4()}/cancel", json={})


async def test_a_job_that_was_cancelled_indexes_nothing_and_the_next_one_does(
    api: Api, base: UUID, shelf: Path
) -> None:
    (shelf / "fox.txt").write_text(FOX)
    await api.add_source(base, folder_data_source={"path": str(shelf)})
    job = (await api.ok("GET", f"{BASE}/{base}/indexing_jobs"))["jobs"][0]
    for body in ({"uuid": job["uuid"]}, {}):  # twice does no harm
        cancelled = (await api.ok("PUT", f"{JOBS}/{job['uuid']}/cancel", json=body))["job"]
        assert (cancelled["phase"], cancelled["status"]) == (
            "BATCH_JOB_PHASE_CANCELLED",
            "INDEX_JOB_STATUS_CANCELLED",
        )
        assert cancelled["data_source_jobs"][0]["status"] == "DATA_SOURCE_STATUS_CANCELLED"
    await api.index()
    assert await api.texts(base, "fox") == []
    await api.job(knowledge_base_uuid=str(base))
    await api.index()
    assert await api.texts(base, "fox") == [FOX.strip()]


async def test_a_document_whose_job_was_cancelled_can_be_retried(api: Api, base: UUID) -> None:
    sent = (await api.upload(base, "fox.txt", FOX))["document"]
    job = (await api.ok("GET", f"{BASE}/{base}"))["knowledge_base"]["last_indexing_job"]
    await api.ok("PUT", f"{JOBS}/{job['uuid']}/cancel", json={})
    await api.index()
    assert (await api.document(base, "fox.txt"))["status"] == "cancelled"
    path = f"{BASE}/{base}/documents/{sent['uuid']}/retry"
    assert (await api.ok("POST", path))["queued"] is True
    again = await api.ok("POST", path)  # while it is on its way
    assert (again["queued"], again["document"]["status"]) == (False, "pending")
    await api.index()
    assert await api.texts(base, "fox") == [FOX.strip()]


async def test_a_job_is_running_from_its_first_document_on(api: Api, base: UUID) -> None:
    sent = (await api.upload(base, "fox.txt", FOX))["document"]
    job = (await api.ok("GET", f"{BASE}/{base}"))["knowledge_base"]["last_indexing_job"]
    assert job["phase"] == "BATCH_JOB_PHASE_PENDING"
    scope = api.team.knowledge_base(base)
    place = Place(
        index_version_id=(await api.service.index_version(scope)).id,
        version_id=UUID(sent["version_uuid"]),
    )
    async with scoped(api.service.pool, scope) as conn:
        assert await ledger.start(scope, conn, place)
    under_way = await look(api, job)
    assert under_way["phase"] == "BATCH_JOB_PHASE_RUNNING"
    assert under_way["documents_pending"] == 1
    await api.index()
    assert (await look(api, job))["started_at"] == under_way["started_at"]


async def test_jobs_are_listed_newest_first_by_team_and_by_knowledge_base(
    api: Api, base: UUID
) -> None:
    elsewhere = await api.create("elsewhere")
    made = [
        (await api.job(knowledge_base_uuid=str(one)))["uuid"] for one in (base, elsewhere, base)
    ]
    first = await api.ok("GET", JOBS, params={"per_page": 2})
    assert first["meta"] == {"page": 1, "pages": 2, "total": 3}
    second = await api.ok("GET", first["links"]["pages"]["next"])
    assert [one["uuid"] for one in first["jobs"] + second["jobs"]] == made[::-1]
    here = await api.ok("GET", f"{BASE}/{base}/indexing_jobs")
    assert [one["uuid"] for one in here["jobs"]] == [made[2], made[0]]
    assert here["meta"] == {"page": 1, "pages": 1, "total": 2}
    for _ in range(3):
        await api.index()


async def test_the_report_says_what_became_of_each_document(
    api: Api, base: UUID, shelf: Path, app: FastAPI
) -> None:
    (shelf / "fox.txt").write_text(FOX)
    (shelf / "=cmd|calc.txt").write_text("")
    await api.add_source(base, folder_data_source={"path": str(shelf)})
    await api.index()
    job = (await api.ok("GET", f"{BASE}/{base}/indexing_jobs"))["jobs"][0]
    assert job["status"] == "INDEX_JOB_STATUS_PARTIAL"
    url = (await api.ok("GET", f"{JOBS}/{job['uuid']}/details_signed_url"))["signed_url"]
    assert url.startswith("http://kb.test/v1/reports/")
    async with client_of(app, None) as anybody:
        answer = await anybody.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert (
        f'attachment; filename="indexing-job-{job["uuid"]}.csv"'
        in (answer.headers["content-disposition"])
    )
    rows = {row["item_name"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert rows.keys() == {"fox.txt", "'=cmd|calc.txt"}  # no formula to any spreadsheet
    assert rows["fox.txt"]["outcome"] == "indexed"
    assert rows["fox.txt"]["size_in_bytes"] == str(len(FOX))
    assert rows["'=cmd|calc.txt"]["error_code"] == "empty_document"
