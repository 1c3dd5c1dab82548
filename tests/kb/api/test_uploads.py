"""Presigned uploads over HTTP: an address takes one file, and a data source takes it from there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from kb.api.app import create_app
from kb.blobs import BlobMissing
from kb.embedders import Embedders
from kb.gateway.gateway import Gateway
from kb.settings import Settings
from kb.uploads import LIFETIME
from kb.wiring import make_live_sources, open_service
from tests.kb.api.client import BASE, PRESIGN, Api, client_of, message_of

FOX = "The quick brown fox jumps over the lazy dog.\n"


async def presign(api: Api, **file: object) -> dict[str, Any]:
    (upload,) = (await api.ok("POST", PRESIGN, json={"files": [file]}))["uploads"]
    return upload


async def test_a_file_is_sent_without_a_key_and_becomes_a_source(api: Api, app: FastAPI) -> None:
    base = await api.create()
    answer = await api.http.post(
        PRESIGN,
        json={"files": [{"file_name": "fox.txt", "file_size": 45}, {"file_name": "b.txt"}]},
    )
    body = answer.json()
    assert body["request_id"] == answer.headers["x-request-id"]
    upload = body["uploads"][0]
    assert [one["original_file_name"] for one in body["uploads"]] == ["fox.txt", "b.txt"]
    assert upload["presigned_url"].startswith("http://kb.test/v1/uploads/")
    until = datetime.fromisoformat(upload["expires_at"]) - datetime.now(UTC)
    assert timedelta() < until <= LIFETIME
    async with client_of(app, None) as anybody:
        sent = await anybody.put(upload["presigned_url"], content=FOX.encode())
    assert (sent.status_code, sent.content) == (200, b"")
    assert sent.headers["etag"] == f'"{sha256(FOX.encode()).hexdigest()}"'
    described = {
        "stored_object_key": upload["object_key"],
        "original_file_name": "Fable of the fox.txt",
        "size_in_bytes": str(len(FOX)),
    }
    source = await api.add_source(base, file_upload_data_source=described)
    assert source["file_upload_data_source"] == described
    await api.index()
    found = (await api.retrieve(base, "fox"))["results"]
    assert [one["metadata"]["item_name"] for one in found] == ["Fable of the fox.txt"]
    job = (await api.ok("GET", f"{BASE}/{base}/indexing_jobs"))["jobs"][0]
    assert (job["phase"], job["total_items_indexed"]) == ("BATCH_JOB_PHASE_SUCCEEDED", "1")


async def test_a_file_is_taken_once(api: Api) -> None:
    base = await api.create()
    upload = {"stored_object_key": await api.send("fox.txt", FOX)}
    await api.add_source(base, file_upload_data_source=upload)
    says = await api.refused(
        404, "POST", f"{BASE}/{base}/data_sources", json={"file_upload_data_source": upload}
    )
    assert "presigned URL first" in says
    await api.index()


async def test_sent_again_the_last_one_counts_and_the_former_is_not_kept(api: Api) -> None:
    base = await api.create()
    upload = await presign(api, file_name="fox.txt")
    for data in (b"A first try.", FOX.encode()):
        answer = await api.http.put(upload["presigned_url"], content=data)
        assert answer.status_code == 200
    with pytest.raises(BlobMissing):
        await api.service.blobs.get(api.team, sha256(b"A first try.").digest())
    described = {"stored_object_key": upload["object_key"]}
    await api.add_source(base, file_upload_data_source=described)
    await api.index()
    assert await api.texts(base, "fox") == [FOX.strip()]


async def test_an_address_that_was_not_made_here_or_is_spoiled_takes_nothing(api: Api) -> None:
    url = (await presign(api, file_name="fox.txt"))["presigned_url"]
    for wrong in (f"{url}x", url[:-1], "/v1/uploads/x", f"/v1/uploads/{api.secret}"):
        assert await api.refused(403, "PUT", wrong, content=b"x")
    with pytest.raises(BlobMissing):
        await api.service.blobs.get(api.team, sha256(b"x").digest())


@pytest.mark.parametrize(
    ("request_body", "says"),
    [
        ({}, "files"),
        ({"files": []}, "at least 1"),
        ({"files": [{"file_size": 1}]}, "file_name"),
        ({"files": [{"file_name": ""}]}, "empty"),
        ({"files": [{"file_name": "a\nb"}]}, "control characters"),
        ({"files": [{"file_name": "a", "file_size": "many"}]}, "file_size"),
        ({"files": [{"file_name": "a", "file_size": -1}]}, "file_size"),
    ],
)
async def test_what_cannot_be_presigned_is_refused(
    api: Api, request_body: dict[str, Any], says: str
) -> None:
    assert says in await api.refused(400, "POST", PRESIGN, json=request_body)


async def test_a_file_over_the_limit_is_refused_before_and_while_it_is_sent(
    api: Api, opened: Settings, dsn: str, embedders: Embedders, gateway: Gateway
) -> None:
    small = opened.model_copy(update={"max_upload_bytes": 1000})
    async with open_service(small, dsn, embedders) as service:
        app = create_app(service, make_live_sources(small), gateway)
        async with client_of(app, api.secret) as http:
            files = [{"file_name": "a.txt", "file_size": "1001"}]
            before = await http.post(PRESIGN, json={"files": files})
            assert before.status_code == 413
            assert "1,000" in message_of(before)
            files = [{"file_name": "a.txt", "file_size": None}]
            made = await http.post(PRESIGN, json={"files": files})
            url = made.json()["uploads"][0]["presigned_url"]
            assert (await http.put(url, content=b"x" * 1001)).status_code == 413
            assert (await http.put(url, content=b"x" * 1000)).status_code == 200


async def test_a_deleted_upload_source_leaves_no_bytes(api: Api) -> None:
    base: UUID = await api.create()
    upload = {"stored_object_key": await api.send("fox.txt", FOX)}
    source = await api.add_source(base, file_upload_data_source=upload)
    await api.index()
    await api.ok("DELETE", f"{BASE}/{base}/data_sources/{source['uuid']}")
    await api.index()
    with pytest.raises(BlobMissing):
        await api.service.blobs.get(api.team, sha256(FOX.encode()).digest())
