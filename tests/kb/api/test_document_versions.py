"""A document's past over HTTP: its versions, how each was indexed, and the files themselves."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.kb.api.client import BASE, Api

FOX = "The quick brown fox jumps over the lazy dog.\n"
OWL = "An owl sleeps through the day.\n"


@pytest.fixture
async def base(api: Api) -> UUID:
    return await api.create()


def at(base: UUID, document: object, rest: str = "") -> str:
    return f"{BASE}/{base}/documents/{document}{rest}"


async def test_versions_are_listed_newest_first_with_what_became_of_each(
    api: Api, base: UUID
) -> None:
    first = (await api.upload(base, "animal.txt", FOX))["document"]
    await api.index()
    second = (await api.upload(base, "animal.txt", b""))["document"]
    await api.index()
    newest, oldest = (await api.ok("GET", at(base, first["uuid"], "/versions")))["versions"]
    assert (newest["uuid"], newest["version_number"]) == (second["version_uuid"], 2)
    assert (newest["status"], newest["error_code"]) == ("failed", "empty_document")
    assert newest["error_details"]
    assert (oldest["uuid"], oldest["version_number"]) == (first["version_uuid"], 1)
    assert (oldest["status"], oldest["chunks"]) == ("indexed", 1)
    assert oldest["sha256"] == sha256(FOX.encode()).hexdigest()
    assert oldest["size_in_bytes"] == str(len(FOX))
    assert await api.refused(404, "GET", at(base, uuid4(), "/versions"))


async def test_the_ledger_of_a_version_has_every_stage_and_the_one_that_failed(
    api: Api, base: UUID
) -> None:
    good = (await api.upload(base, "fox.txt", FOX))["document"]
    bad = (await api.upload(base, "bad.pdf", b"%PDF-1.7\n" + os.urandom(3000)))["document"]
    await api.index()
    ledger = await api.ok("GET", at(base, good["uuid"], f"/versions/{good['version_uuid']}/ledger"))
    assert ledger["version"]["status"] == "indexed"
    stages = [one["stage"] for one in ledger["stages"]]
    assert stages == ["fetch", "parse", "chunk", "embed", "write"]
    assert ledger["stages"][0]["bytes"] == str(len(FOX))
    assert all(one["duration_ms"] >= 0 and one["attempt"] == 1 for one in ledger["stages"])
    ledger = await api.ok("GET", at(base, bad["uuid"], f"/versions/{bad['version_uuid']}/ledger"))
    assert ledger["version"]["status"] == "failed"
    last = ledger["stages"][-1]
    assert (last["stage"], last["error_code"]) == ("parse", "corrupt_document")
    assert last["error_details"]
    for document, version in ((good, bad["version_uuid"]), (good, uuid4())):
        path = at(base, document["uuid"], f"/versions/{version}/ledger")
        assert await api.refused(404, "GET", path)


async def test_the_original_comes_back_byte_for_byte_newest_first(api: Api, base: UUID) -> None:
    data = bytes(range(256)) * 20
    first = (await api.upload(base, "animal.bin", data))["document"]
    await api.upload(base, "animal.bin", OWL)
    path = at(base, first["uuid"], "/original")
    newest = await api.http.get(path)
    assert newest.content == OWL.encode()
    former = await api.http.get(path, params={"version": first["version_uuid"]})
    assert former.content == data
    assert await api.refused(404, "GET", path, params={"version": str(uuid4())})
    assert "version" in await api.refused(400, "GET", path, params={"version": "1"})
    assert await api.refused(404, "GET", at(base, uuid4(), "/original"))
    await api.index()


@pytest.mark.parametrize(
    ("item_name", "plain", "exact"),
    [
        ("fox.html", "fox.html", "fox.html"),
        ("folder/sub folder/fox.txt", "fox.txt", "fox.txt"),
        ("../../.bashrc", "bashrc", "bashrc"),
        ("https://example.org/fox/", "document", "document"),
        ('a"; filename="b.exe', "a__ filename__b.exe", "a%22%3B%20filename%3D%22b.exe"),
        ("füchse 🦊.txt", "f_chse _.txt", "f%C3%BCchse%20%F0%9F%A6%8A.txt"),
    ],
)
async def test_an_original_is_saved_under_a_harmless_name_and_never_shown(
    api: Api, base: UUID, item_name: str, plain: str, exact: str
) -> None:
    page = b"<script>alert(1)</script>"
    sent = await api.ok(
        "POST",
        f"{BASE}/{base}/documents",
        files={"file": ("page.html", page)},
        data={"item_name": item_name},
    )
    answer = await api.http.get(at(base, sent["document"]["uuid"], "/original"))
    assert answer.content == page
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    expected = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"
    assert answer.headers["content-disposition"] == expected
    await api.ok("DELETE", at(base, sent["document"]["uuid"]))


async def test_a_document_is_given_new_bytes_under_its_old_name(api: Api, base: UUID) -> None:
    first = (await api.upload(base, "animal.txt", FOX))["document"]
    await api.index()
    path = at(base, first["uuid"])
    files = {"file": ("another name.txt", OWL.encode())}
    changed = await api.ok("PUT", path, files=files)
    assert changed["queued"] is True
    document = changed["document"]
    assert (document["item_name"], document["version_number"]) == ("animal.txt", 2)
    assert await api.texts(base, "animal") == [FOX.strip()]
    await api.index()
    assert await api.texts(base, "animal") == [OWL.strip()]
    assert (await api.ok("PUT", path, files=files))["queued"] is False
    assert await api.refused(404, "PUT", at(base, uuid4()), files=files)
    assert "file" in await api.refused(400, "PUT", path, data={"file": "no file"})


async def test_a_document_that_failed_is_indexed_once_more(api: Api, base: UUID) -> None:
    sent = (await api.upload(base, "empty.txt", b""))["document"]
    await api.index()
    path = at(base, sent["uuid"], "/retry")
    for _ in range(4):  # more often than bytes that fail are tried by themselves
        again = await api.ok("POST", path)
        assert (again["queued"], again["document"]["status"]) == (True, "pending")
        await api.index()
        assert (await api.document(base, "empty.txt"))["error_code"] == "empty_document"
    assert await api.refused(404, "POST", at(base, uuid4(), "/retry"))


async def test_documents_of_one_data_source_are_listed_a_page_at_a_time(
    api: Api, base: UUID, shelf: Path
) -> None:
    for name in ("a", "b", "c"):
        (shelf / f"{name}.txt").write_text(f"The fox {name}.")
    source = await api.add_source(base, folder_data_source={"path": str(shelf)})
    await api.upload(base, "owl.txt", OWL)
    await api.index()
    path = f"{BASE}/{base}/documents"
    first = await api.ok("GET", path, params={"data_source_uuid": source["uuid"], "per_page": 2})
    assert first["meta"] == {"page": 1, "pages": 2, "total": 3}
    second = await api.ok("GET", first["links"]["pages"]["next"])
    found = first["documents"] + second["documents"]
    assert sorted(one["item_name"] for one in found) == ["a.txt", "b.txt", "c.txt"]
    assert (await api.ok("GET", path))["meta"]["total"] == 4
    none = await api.ok("GET", path, params={"data_source_uuid": str(uuid4())})
    assert none["documents"] == []
    assert "data_source_uuid" in await api.refused(
        400, "GET", path, params={"data_source_uuid": "x"}
    )
