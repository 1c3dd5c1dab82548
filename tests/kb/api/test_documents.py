"""Documents over HTTP: versions replace each other whole, and what cannot be read says why."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from kb.api.app import create_app
from kb.blobs import BlobMissing
from kb.embedders import Embedders
from kb.gateway.gateway import Gateway
from kb.settings import Settings
from kb.wiring import make_live_sources, open_service
from tests.ingest.parsing import samples
from tests.kb.api.client import BASE, Api, client_of, message_of

FOX = "The quick brown fox jumps over the lazy dog.\n"
OWL = "An owl sleeps through the day.\n"


@pytest.fixture
async def base(api: Api) -> UUID:
    return await api.create()


def at(base: UUID, document: object = "") -> str:
    return f"{BASE}/{base}/documents" + (f"/{document}" if document else "")


async def test_a_sent_file_is_pending_and_then_indexed(api: Api, base: UUID) -> None:
    sent = await api.upload(base, "fox.txt", FOX)
    document = sent["document"]
    assert sent["queued"] is True
    assert document["status"] == "pending"
    assert document["item_name"] == "fox.txt"
    assert document["sha256"] == sha256(FOX.encode()).hexdigest()
    assert document["size_in_bytes"] == str(len(FOX))
    assert document["version_number"] == 1
    assert [document[key] for key in ("chunks", "tokens", "pages", "error_code")] == [None] * 4
    await api.index()
    shown = (await api.ok("GET", at(base, document["uuid"])))["document"]
    assert shown["status"] == "indexed"
    assert shown["chunks"] == 1
    assert int(shown["tokens"]) > 5
    listed = await api.ok("GET", at(base))
    assert listed["documents"] == [shown]
    assert listed["meta"] == {"page": 1, "pages": 1, "total": 1}
    assert await api.texts(base, "fox") == [FOX.strip()]


async def test_documents_are_listed_a_page_at_a_time_oldest_first(api: Api, base: UUID) -> None:
    for name in ("c.txt", "a.txt", "b.txt"):
        await api.upload(base, name, FOX)
    first = await api.ok("GET", at(base), params={"per_page": 2})
    second = await api.ok("GET", first["links"]["pages"]["next"])
    found = [one["item_name"] for one in first["documents"] + second["documents"]]
    assert found == ["c.txt", "a.txt", "b.txt"]


async def test_the_same_bytes_again_change_nothing(api: Api, base: UUID) -> None:
    before = await api.upload(base, "fox.txt", FOX)
    on_its_way = await api.upload(base, "fox.txt", FOX)
    await api.index()
    indexed = await api.upload(base, "fox.txt", FOX)
    assert (on_its_way["queued"], indexed["queued"]) == (False, False)
    for again in (on_its_way, indexed):
        assert again["document"]["version_uuid"] == before["document"]["version_uuid"]
    assert await api.texts(base, "fox") == [FOX.strip()]


async def test_changed_bytes_are_a_second_version_and_the_first_is_found_until_then(
    api: Api, base: UUID
) -> None:
    first = await api.upload(base, "animal.txt", FOX)
    await api.index()
    second = await api.upload(base, "animal.txt", OWL)
    assert second["document"]["uuid"] == first["document"]["uuid"]
    assert second["document"]["version_number"] == 2
    assert second["document"]["status"] == "pending"
    assert await api.texts(base, "animal") == [FOX.strip()]
    await api.index()
    found = (await api.retrieve(base, "animal"))["results"]
    assert [one["text_content"] for one in found] == [OWL.strip()]
    assert found[0]["citation"]["version_number"] == 2
    old = f"{at(base, first['document']['uuid'])}/versions/{first['document']['version_uuid']}/text"
    span = await api.ok("GET", old, params={"start": 0, "end": 9})
    assert span["text"] == "The quick"  # a citation made yesterday still reads back


async def test_a_name_stands_for_one_document_of_each_knowledge_base(api: Api, base: UUID) -> None:
    elsewhere = await api.create("elsewhere")
    here = await api.upload(base, "fox.txt", FOX)
    there = await api.upload(elsewhere, "fox.txt", FOX)
    assert here["document"]["uuid"] != there["document"]["uuid"]
    assert await api.refused(404, "GET", at(elsewhere, here["document"]["uuid"]))
    assert await api.refused(404, "DELETE", at(elsewhere, here["document"]["uuid"]))


async def test_deleting_a_document_removes_its_passages_at_once(api: Api, base: UUID) -> None:
    sent = await api.upload(base, "fox.txt", FOX)
    await api.upload(base, "owl.txt", OWL)
    await api.index()
    document = sent["document"]
    path = at(base, document["uuid"])
    gone = await api.ok("DELETE", path)
    assert gone == {"uuid": document["uuid"], "knowledge_base_uuid": str(base)}
    assert await api.texts(base, "fox", num_results=100) == [OWL.strip()]
    span = {"start": 0, "end": 3}
    text = f"{path}/versions/{document['version_uuid']}/text"
    for method, gone_path, query in (("GET", path, {}), ("DELETE", path, {}), ("GET", text, span)):
        assert await api.refused(404, method, gone_path, params=query)
    with pytest.raises(BlobMissing):
        await api.service.blobs.get(api.team, sha256(FOX.encode()).digest())
    again = await api.upload(base, "fox.txt", FOX)
    assert again["document"]["uuid"] != document["uuid"]
    await api.index()
    assert FOX.strip() in await api.texts(base, "fox")


async def test_bytes_that_another_document_has_are_kept(api: Api, base: UUID) -> None:
    first = await api.upload(base, "one.txt", FOX)
    await api.upload(base, "two.txt", FOX)
    await api.ok("DELETE", at(base, first["document"]["uuid"]))
    assert await api.service.blobs.get(api.team, sha256(FOX.encode()).digest()) == FOX.encode()
    await api.index()
    assert await api.texts(base, "fox") == [FOX.strip()]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("report.pdf", b"%PDF-1.7\n" + os.urandom(3000), "corrupt_document"),
        ("manual.docx", samples.word()[:2000], "corrupt_document"),
        ("empty.txt", b"", "empty_document"),
        ("blank.md", b" \n\t\n", "empty_document"),
        ("program.bin", b"\x7fELF" + bytes(range(256)) * 20, "unsupported_format"),
        ("scan.pdf", samples.pdf_without_text(), "scanned_document"),
        ("secret.pdf", samples.pdf(password="word"), "encrypted_document"),
    ],
)
async def test_a_file_that_cannot_be_read_says_why_and_its_former_version_stays(
    api: Api, base: UUID, name: str, data: bytes, code: str
) -> None:
    await api.upload(base, name, FOX)
    await api.index()
    assert (await api.document(base, name))["status"] == "indexed"
    sent = await api.upload(base, name, data)
    assert sent["queued"] is True
    await api.index()
    document = await api.document(base, name)
    assert (document["status"], document["error_code"]) == ("failed", code)
    assert document["error_details"]
    assert document["version_number"] == 2
    assert await api.texts(base, "fox") == [FOX.strip()]
    assert (await api.upload(base, name, data))["queued"] is True  # worth another try
    await api.index()
    assert (await api.document(base, name))["version_number"] == 2
    await api.upload(base, name, OWL)
    await api.index()
    assert await api.texts(base, "fox") == [OWL.strip()]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("folder/fox.txt", "folder/fox.txt"),
        ("folder\\sub\\fox.txt", "folder/sub/fox.txt"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("/etc/passwd", "/etc/passwd"),
        ("C:\\fox.txt", "C:/fox.txt"),
        ("  spaces .txt ", "spaces .txt"),
        ("füchse 🦊.txt", "füchse 🦊.txt"),
        ("https://example.org/fox?a=b#c", "https://example.org/fox?a=b#c"),
        ("'; DROP TABLE documents; --", "'; DROP TABLE documents; --"),
    ],
)
async def test_a_name_is_for_people_and_never_a_path(
    api: Api, base: UUID, given: str, kept: str
) -> None:
    path = at(base)
    files = {"file": ("file.txt", FOX.encode())}
    sent = await api.ok("POST", path, files=files, data={"item_name": given})
    assert sent["document"]["item_name"] == kept
    await api.index()
    found = (await api.retrieve(base, "fox"))["results"]
    assert [one["metadata"]["item_name"] for one in found] == [kept]
    blobs = {blob.name for blob in (await blob_folder(api)).iterdir()}
    assert blobs == {sha256(FOX.encode()).hexdigest()}


async def blob_folder(api: Api) -> Path:
    blob = await api.service.blobs.put(api.team, _bytes(FOX))
    found = next(Path("/tmp").glob(f"kb-tests-*/blobs/{api.team.team_id.hex}/{blob.sha256.hex()}"))
    return found.parent


async def _bytes(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


@pytest.mark.parametrize(
    "name", ["a\nb.txt", "a\0b.txt", "a\x1b[31m.txt", "x" * 1025, " ", "\u202etxt.exe"]
)
async def test_a_name_that_could_mislead_is_refused(api: Api, base: UUID, name: str) -> None:
    files = {"file": ("file.txt", FOX.encode())}
    request: dict[str, Any] = {"files": files, "data": {"item_name": name}}
    assert "name" in await api.refused(400, "POST", at(base), **request)
    assert (await api.ok("GET", at(base)))["documents"] == []


async def test_an_upload_without_a_file_is_refused(api: Api, base: UUID) -> None:
    for request in (
        {"data": {"item_name": "x"}},
        {"json": {"file": "x"}},
        {"files": {"other": ("a.txt", b"x")}},
        {"data": {"file": "not a file"}},
        {"content": b"--x", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
    ):
        assert await api.refused(400, "POST", at(base), **request)


async def test_a_file_for_a_knowledge_base_that_is_not_there_is_not_kept(api: Api) -> None:
    files = {"file": ("fox.txt", FOX.encode())}
    assert await api.refused(404, "POST", at(uuid4()), files=files)
    with pytest.raises(BlobMissing):
        await api.service.blobs.get(api.team, sha256(FOX.encode()).digest())


async def test_a_file_over_the_limit_is_refused_and_leaves_nothing(
    api: Api,
    settings: Settings,
    dsn: str,
    embedders: Embedders,
    gateway: Gateway,
    tmp_path: Path,
) -> None:
    base = await api.create()
    small = settings.model_copy(update={"max_upload_bytes": 1000, "data_dir": tmp_path})
    async with open_service(small, dsn, embedders) as service:
        app = create_app(service, make_live_sources(small), gateway)
        async with client_of(app, api.secret) as http:
            answers = [
                await http.post(at(base), files={"file": ("a.txt", b"x" * size)})
                for size in (1001, 500_000, 1000)
            ]
    assert [answer.status_code for answer in answers] == [413, 413, 200]
    assert "1,000" in message_of(answers[0])
    kept = [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert kept == [sha256(b"x" * 1000).hexdigest()]
    await api.ok("DELETE", f"{BASE}/{base}")  # its bytes are where no worker would find them
