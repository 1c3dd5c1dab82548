"""A team's client of the REST API, on the app itself: only the socket is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from kb.service import Service
from kb.worker import Worker
from retrieval.scope import TeamScope

BASE = "/v2/gen-ai/knowledge_bases"
JOBS = "/v2/gen-ai/indexing_jobs"
SCHEDULES = "/v2/gen-ai/scheduled-indexing"
PRESIGN = f"{BASE}/data_sources/file_upload_presigned_urls"
HOST = "kb.test"


def client_of(app: FastAPI, secret: str | None) -> httpx.AsyncClient:
    """Sends the key with every request, and hears of errors as any client would."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url=f"http://{HOST}",
        headers={} if secret is None else {"authorization": f"Bearer {secret}"},
    )


@dataclass(frozen=True, slots=True)
class Api:
    """The API as one team sees it."""

    http: httpx.AsyncClient
    team: TeamScope
    secret: str
    service: Service
    worker: Worker

    async def create(self, name: str = "handbook", **fields: object) -> UUID:
        """A new knowledge base."""
        body = await self.ok("POST", BASE, json={"name": name, **fields})
        return UUID(body["knowledge_base"]["uuid"])

    async def upload(self, base: UUID, name: str, data: bytes | str) -> dict[str, Any]:
        """Send a file; the answer."""
        content = data.encode() if isinstance(data, str) else data
        return await self.ok("POST", f"{BASE}/{base}/documents", files={"file": (name, content)})

    async def index(self) -> None:
        """Have everything done that is queued."""
        await self.worker.run(wait=False)

    async def add_source(self, base: UUID, **fields: object) -> dict[str, Any]:
        """A new data source, described by these fields."""
        body = await self.ok("POST", f"{BASE}/{base}/data_sources", json=fields)
        return body["knowledge_base_data_source"]

    async def send(self, name: str, data: bytes | str) -> str:
        """Presign an upload and send it; its object key."""
        content = data.encode() if isinstance(data, str) else data
        files = [{"file_name": name, "file_size": str(len(content))}]
        (upload,) = (await self.ok("POST", PRESIGN, json={"files": files}))["uploads"]
        answer = await self.http.put(
            upload["presigned_url"], content=content, headers={"authorization": ""}
        )
        assert answer.status_code == 200, answer.text
        return upload["object_key"]

    async def job(self, **fields: object) -> dict[str, Any]:
        """A new indexing job."""
        return (await self.ok("POST", JOBS, json=fields))["job"]

    async def filled(
        self, files: Mapping[str, bytes | str], name: str = "handbook", **fields: object
    ) -> UUID:
        """A knowledge base with these files in it, searchable."""
        base = await self.create(name, **fields)
        for item_name, data in files.items():
            await self.upload(base, item_name, data)
        await self.index()
        return base

    async def document(self, base: UUID, name: str) -> dict[str, Any]:
        """How the document of that name stands."""
        found = await self.ok("GET", f"{BASE}/{base}/documents", params={"per_page": 200})
        return next(one for one in found["documents"] if one["item_name"] == name)

    async def retrieve(self, base: UUID, query: str, **fields: object) -> dict[str, Any]:
        """Ask; the whole answer."""
        return await self.ok("POST", f"/v1/{base}/retrieve", json={"query": query, **fields})

    async def texts(self, base: UUID, query: str, **fields: object) -> list[str]:
        """Ask; the passages' texts."""
        found = await self.retrieve(base, query, **fields)
        return [one["text_content"] for one in found["results"]]

    async def ok(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """A request that must succeed; its body."""
        response = await self.http.request(method, path, **request)
        assert response.status_code == 200, response.text
        return response.json()

    async def refused(self, status: int, method: str, path: str, **request: Any) -> str:
        """A request that must be refused so, in the one envelope; what the message says."""
        response = await self.http.request(method, path, **request)
        assert response.status_code == status, response.text
        return message_of(response)


def message_of(response: httpx.Response) -> str:
    """What an error says, after a look at the envelope that all errors come in."""
    body: dict[str, Any] = response.json()
    if "error" in body:  # the chat APIs speak as their own clients expect
        assert response.headers["request-id"] == response.headers["x-request-id"]
        body = {"id": IDS[response.status_code], "request_id": response.headers["request-id"]} | {
            "message": body["error"]["message"]
        }
    assert body.keys() == {"id", "message", "request_id"}
    assert response.headers["x-request-id"] == body["request_id"]
    assert body["id"] == IDS[response.status_code]
    assert body["message"].strip()
    assert "Traceback" not in body["message"]
    return body["message"]


IDS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "payload_too_large",
    500: "server_error",
    503: "service_unavailable",
}


def names(items: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of knowledge bases, in the order they came in."""
    return [item["name"] for item in items]
