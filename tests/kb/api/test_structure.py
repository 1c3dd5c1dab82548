"""A version's structure: what the parser made of it, for whoever cuts it otherwise."""

from __future__ import annotations

from uuid import uuid4

from fastapi import FastAPI
from pydantic import TypeAdapter

from ingest.parsing import markdown
from ingest.parsing.document import ParsedDocument
from kb.service import Service
from tests.kb.api.client import Api, client_of
from tests.kb.teams import new_team

TEXT = "# Lamps 🔭\n\n## Red\n\nIt burns.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"


async def test_it_is_the_parsed_document_and_only_the_teams(
    api: Api, app: FastAPI, service: Service
) -> None:
    base = await api.filled({"lamps.md": TEXT})
    document = await api.document(base, "lamps.md")
    path = f"/v1/{base}/documents/{document['uuid']}/versions"
    body = await api.ok("GET", f"{path}/{document['version_uuid']}/structure")
    assert TypeAdapter(ParsedDocument).validate_python(body["document"]) == markdown.parse(
        TEXT.encode()
    )
    assert (await api.http.get(f"{path}/{uuid4()}/structure")).status_code == 404
    elsewhere = f"/v1/{base}/documents/{uuid4()}/versions/{document['version_uuid']}/structure"
    assert (await api.http.get(elsewhere)).status_code == 404
    _, secret = await new_team(service)
    async with client_of(app, secret) as others:
        answer = await others.get(f"{path}/{document['version_uuid']}/structure")
        assert answer.status_code == 404
