"""The playground's client of the API: what it reads, and how it fails."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

import pytest

from playground.client import Client
from playground.connection import Connection
from playground.errors import KeyRefused, NoKey, Refused, Unreachable
from playground.workplace import workplace
from tests.playground.served import Served


def test_a_document_is_read_as_the_chunker_is_given_it(client: Client, base: UUID) -> None:
    documents = client.documents(base)
    assert {one.status for one in documents} == {"indexed"}
    for one in documents:
        parsed = client.parsed(base, one.uuid, one.version_uuid)
        assert parsed.text == client.text(base, one.uuid, one.version_uuid)
        assert {block.kind for block in parsed.blocks} > {"heading", "paragraph"}
        assert all(isinstance(block.section_path, tuple) for block in parsed.blocks)
        assert parsed.page_count == one.pages


def test_an_answer_streams_with_what_it_cites(client: Client, base: UUID) -> None:
    tool = {"type": "knowledge_base_retrieval", "knowledge_base_id": str(base)}
    asked = {"role": "user", "content": "What is the dome's shutter made of?"}
    parts = list(client.chat({"model": "extractive", "messages": [asked], "tools": [tool]}))
    text = "".join(one.text for one in parts)
    cited = [one for part in parts for one in part.citations]
    assert cited
    assert parts[-1].usage == {**(parts[-1].usage or {}), "total_tokens": 0}
    for one in cited:
        assert 0 <= one.start < one.end <= len(text)
        place = client.cited(one.place.uri)
        assert (place.item_name, place.char_start) == (one.place.item_name, one.place.char_start)
        if place.page is not None:
            assert client.page_image(place).startswith(b"\x89PNG")


def test_refusals_are_told_apart(served: Served, client: Client, base: UUID) -> None:
    with Connection(served.url, "kb_wrong") as wrong, pytest.raises(KeyRefused, match="revoked"):
        Client(wrong).knowledge_bases()
    nowhere = "http://127.0.0.1:9"
    with (
        Connection(nowhere, served.key) as away,
        pytest.raises(Unreachable, match=re.escape(nowhere)),
    ):
        Client(away).knowledge_bases()
    with pytest.raises(Refused) as missing:
        client.knowledge_base(uuid4())
    assert (missing.value.status, missing.value.code) == (404, "not_found")
    with pytest.raises(Refused) as unknown:
        list(client.chat({"model": "nobody", "messages": [{"role": "user", "content": "?"}]}))
    assert (unknown.value.status, unknown.value.code) == (404, "no_model")


def test_a_notebook_of_ones_own_needs_a_key(
    served: Served, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.delenv("KB_API_KEY", raising=False)
    with pytest.raises(NoKey, match="KB_API_KEY"):
        workplace()
    monkeypatch.setenv("KB_API_KEY", served.key)
    monkeypatch.setenv("KB_URL", served.url)
    place = workplace()
    request.addfinalizer(place.client.close)
    assert place.shown_url == served.url
    assert place.client.knowledge_bases()
    default = place.models()[0]
    assert place.model(default.uuid) == place.model(default.id) == default
