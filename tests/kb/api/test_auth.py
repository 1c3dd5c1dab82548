"""Who may do what, on every route there is: the list of routes is the app's own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from retrieval.scope import TeamScope
from tests.kb.api.client import BASE, JOBS, SCHEDULES, Api, client_of, message_of

OPEN = {"/healthz", "/readyz"}
SIGNED = {"/v1/uploads/{token}", "/v1/reports/{token}"}
"""Here the address is the key; the tests of both say what opens them."""
UNLISTED = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/v1/mcp"}
ALIASES = {
    *("/{knowledge_base_uuid}/retrieve", "/retrieve", "/chat/completions", "/responses"),
    *("/messages", "/messages/count_tokens", "/embeddings", "/rerank", "/models"),
    *("/models/{model_id}", "/v2/rerank"),
}
METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
FOX = "The quick brown fox of team A jumps.\n"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, and the rest of a request that would succeed."""

    method: str
    path: str
    request: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def url(self, ids: Mapping[str, object]) -> str:
        return self.path.format_map(ids)


def operations(app: FastAPI) -> Iterator[Operation]:
    """Every operation that the OpenAPI document names, and the aliases that it does not."""
    document = app.openapi()
    for path, item in document["paths"].items():
        for method in item.keys() & set(METHODS):
            operation = Operation(method.upper(), path, _request(document, item[method]))
            yield operation
            for alias in ALIASES & {path.removeprefix("/v1"), path.replace("/v1/", "/v2/", 1)}:
                yield Operation(method.upper(), alias, operation.request)


def _request(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """A body and query that pass validation, so that only the key can be what is wrong."""
    request: dict[str, Any] = {}
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        request["json"] = _example(document, content["application/json"]["schema"])
    if "application/octet-stream" in content:
        request["content"] = b"of team B"
    if "multipart/form-data" in content:
        request["files"] = {"file": ("fox.txt", b"of team B")}
    parameters = operation.get("parameters", [])
    query = {
        one["name"]: _example(document, one["schema"])
        for one in parameters
        if one["in"] == "query" and one.get("required")
    }
    return {**request, "params": query}


def _example(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _example(document, document["components"]["schemas"][name])
    if "anyOf" in schema:
        return _example(document, schema["anyOf"][0])
    if "examples" in schema:
        return schema["examples"][0]
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        return {name: _example(document, properties[name]) for name in schema.get("required", [])}
    if schema.get("format") == "uuid":
        return str(uuid4())
    examples: dict[str, object] = {
        "string": "stolen",
        "integer": 1,
        "number": 0.5,
        "boolean": False,
        "array": [],
    }
    return examples[schema["type"]]


@pytest.fixture
async def ids(api: Api) -> dict[str, Any]:
    """What team A has, under the names that paths give their parameters."""
    base = await api.filled({"fox.txt": FOX})
    document = await api.document(base, "fox.txt")
    job = await api.job(knowledge_base_uuid=str(base))
    schedule = {"knowledge_base_uuid": str(base), "days": [1], "time": "05:30"}
    scheduled = await api.ok("POST", SCHEDULES, json=schedule)
    indexes = await api.ok("GET", f"{BASE}/{base}/index_versions")
    questions = [{"question": "What jumps?", "gold": [{"document": "fox.txt", "quote": "fox"}]}]
    dataset = await api.ok(
        "POST", f"{BASE}/{base}/evaluation_datasets", json={"name": "q", "questions": questions}
    )
    dataset_uuid = dataset["evaluation_dataset"]["uuid"]
    run = await api.ok(
        "POST",
        f"{BASE}/{base}/evaluation_runs",
        json={"evaluation_dataset_uuid": dataset_uuid},
    )
    return {
        "knowledge_base_uuid": base,
        "document_uuid": document["uuid"],
        "version_uuid": document["version_uuid"],
        "data_source_uuid": document["data_source_uuid"],
        "indexing_job_uuid": job["uuid"],
        "schedule_uuid": scheduled["indexing_info"]["uuid"],
        "index_version_uuid": indexes["index_versions"][0]["uuid"],
        "evaluation_dataset_uuid": dataset_uuid,
        "evaluation_run_uuid": run["evaluation_run"]["uuid"],
        "page": 1,
        "token": "made-up",
        "model_id": "made-up",
    }


def test_no_route_hides_from_these_tests(app: FastAPI) -> None:
    listed = {operation.path for operation in operations(app)}
    paths: set[str] = set()

    def walk(routes: Any) -> None:
        for route in routes:
            inner = getattr(route, "original_router", None) or getattr(route, "app", None)
            if path := getattr(route, "path_format", getattr(route, "path", "")):
                paths.add(path)
            elif inner is not None:
                walk(inner.routes)

    walk(app.router.routes)
    assert paths >= ALIASES
    assert paths - listed == UNLISTED


async def test_without_a_key_every_route_answers_401(
    app: FastAPI, ids: dict[str, Any], api: Api
) -> None:
    async with client_of(app, None) as http:
        for operation in operations(app):
            answer = await http.request(operation.method, operation.url(ids), **operation.request)
            if operation.path in OPEN:
                assert answer.status_code == 200
            elif operation.path in SIGNED:
                assert answer.status_code == 403
                assert "ask for a new one" in message_of(answer)
            else:
                assert answer.status_code == 401, operation
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert "kb key create" in message_of(answer)
    assert await api.texts(ids["knowledge_base_uuid"], "fox") == [FOX.strip()]


async def test_with_a_wrong_or_revoked_key_or_another_scheme_every_route_answers_401(
    app: FastAPI, api: Api, ids: dict[str, Any]
) -> None:
    key, revoked = await api.service.create_key(api.team, name="revoked")
    await api.service.revoke_key(api.team, prefix=key.prefix)
    bad = (
        "Bearer kb_wrong",
        f"Bearer {revoked}",
        f"Bearer {api.secret}x",
        f"Bearer {api.secret[:-1]}",
        f"Basic {api.secret}",
        f"Bearer{api.secret}",
        api.secret,
        "Bearer",
        "Bearer ",
        "",
        "Bearer \xff",
    )
    async with client_of(app, None) as http:
        for operation in operations(app):
            if operation.path in OPEN | SIGNED:
                continue
            for header in bad:
                answer = await http.request(
                    operation.method,
                    operation.url(ids),
                    headers={b"authorization": header.encode("latin-1")},
                    **operation.request,
                )
                assert answer.status_code == 401, (operation, header)
                assert "www-authenticate" in answer.headers
                message_of(answer)


async def test_the_scheme_is_read_in_any_case(app: FastAPI, api: Api) -> None:
    async with client_of(app, None) as http:
        for scheme in ("bearer", "BEARER"):
            headers = {"authorization": f"{scheme} {api.secret}"}
            assert (await http.get(BASE, headers=headers)).status_code == 200


async def test_a_key_is_refused_as_soon_as_it_is_revoked(app: FastAPI, api: Api) -> None:
    key, secret = await api.service.create_key(api.team, name="short")
    async with client_of(app, secret) as http:
        assert (await http.get(BASE)).status_code == 200
        await api.service.revoke_key(api.team, prefix=key.prefix)
        assert (await http.get(BASE)).status_code == 401
    assert (await api.http.get(BASE)).status_code == 200


async def test_without_a_key_a_body_that_makes_no_sense_is_not_even_looked_at(
    app: FastAPI, ids: dict[str, Any]
) -> None:
    async with client_of(app, None) as http:
        for operation in operations(app):
            if "json" in operation.request:
                answer = await http.request(operation.method, operation.url(ids), json={"a": 1})
                assert answer.status_code == 401
                answer = await http.request(
                    operation.method,
                    operation.url(dict.fromkeys(ids, "no-uuid")),
                    json={"a": 1},
                )
                assert answer.status_code == 401


async def test_without_a_key_that_opens_it_no_route_reads_a_body(
    app: FastAPI, ids: dict[str, Any]
) -> None:
    """Or anybody could fill the memory, and with uploads the disk. Nor does a made-up address."""

    async def body() -> AsyncIterator[bytes]:
        read.append("something")
        yield b"{}"

    for operation in operations(app):
        if operation.path in OPEN:
            continue
        for secret in (None, "kb_wrong"):
            read: list[str] = []
            headers = {"content-type": "multipart/form-data; boundary=x"}
            if "json" in operation.request:
                headers = {"content-type": "application/json"}
            async with client_of(app, secret) as http:
                answer = await http.request(
                    operation.method, operation.url(ids), content=body(), headers=headers
                )
            assert answer.status_code == (403 if operation.path in SIGNED else 401)
            assert read == [], operation


async def test_another_teams_key_finds_nothing_under_our_ids_on_any_route(
    app: FastAPI, ids: dict[str, Any], api: Api, other: Api
) -> None:
    for operation in operations(app):
        if "{" in operation.path and operation.path not in SIGNED:
            answer = await other.http.request(
                operation.method, operation.url(ids), **operation.request
            )
            assert answer.status_code == 404, (operation, answer.text)
            message_of(answer)
            assert "fox" not in answer.text.lower()
    assert await api.texts(ids["knowledge_base_uuid"], "fox") == [FOX.strip()]
    document = await api.document(ids["knowledge_base_uuid"], "fox.txt")
    assert (document["uuid"], document["version_number"]) == (ids["document_uuid"], 1)
    base = ids["knowledge_base_uuid"]
    assert await api.ok("GET", f"{SCHEDULES}/knowledge-base/{base}")
    assert len((await api.ok("GET", f"{BASE}/{base}/index_versions"))["index_versions"]) == 1
    job = (await api.ok("GET", f"{JOBS}/{ids['indexing_job_uuid']}"))["job"]
    assert job["phase"] == "BATCH_JOB_PHASE_PENDING"
    await api.index()


async def test_another_teams_knowledge_base_named_in_a_body_is_not_there(
    api: Api, ids: dict[str, Any], other: Api
) -> None:
    base = str(ids["knowledge_base_uuid"])
    own = {"knowledge_base_uuid": str(await other.create())}
    schedule = {"days": [1], "time": "05:30"}
    foreign_source = {"data_source_uuids": [ids["data_source_uuid"]]}
    foreign_index = {"query": "fox", "index_version_uuid": ids["index_version_uuid"]}
    for path, body in (
        (JOBS, {"knowledge_base_uuid": base}),
        (JOBS, {**own, **foreign_source}),
        (SCHEDULES, {"knowledge_base_uuid": base, **schedule}),
        (f"/v1/{own['knowledge_base_uuid']}/retrieve", foreign_index),
    ):
        assert await other.refused(404, "POST", path, json=body)
    assert (await other.ok("GET", JOBS))["jobs"] == []


async def test_another_teams_upload_is_not_there(api: Api, other: Api) -> None:
    upload = {"file_upload_data_source": {"stored_object_key": await api.send("fox.txt", FOX)}}
    theirs = await other.create()
    says = await other.refused(404, "POST", f"{BASE}/{theirs}/data_sources", json=upload)
    assert "presigned" in says
    both = {"name": "both", "datasources": [upload]}
    assert await other.refused(404, "POST", BASE, json=both)
    mine = await api.create()
    await api.add_source(mine, **upload)
    await api.index()
    assert await api.texts(mine, "fox") == [FOX.strip()]


async def test_a_report_is_its_teams_own(api: Api, ids: dict[str, Any], other: Api) -> None:
    path = f"{JOBS}/{ids['indexing_job_uuid']}/details_signed_url"
    url = (await api.ok("GET", path))["signed_url"]
    assert "fox.txt" not in await other.refused(404, "GET", path)
    assert (await api.http.get(url, headers={"authorization": ""})).status_code == 200
    for spoiled in (url[:-1], f"{url}x", url.replace("/v1/reports/", "/v1/reports/x")):
        assert await api.refused(403, "GET", spoiled)
    as_upload = url.replace("/v1/reports/", "/v1/uploads/")  # signed, for another purpose
    assert await api.refused(403, "PUT", as_upload, content=b"x")
    await api.index()


async def test_another_teams_id_beside_our_own_knowledge_base_finds_nothing(
    app: FastAPI, ids: dict[str, Any], other: Api
) -> None:
    mixed = {**ids, "knowledge_base_uuid": await other.create()}
    for operation in operations(app):
        if "{knowledge_base_uuid}/" in operation.path and operation.path.count("{") > 1:
            answer = await other.http.request(
                operation.method, operation.url(mixed), **operation.request
            )
            assert answer.status_code == 404, (operation, answer.text)


async def test_lists_show_a_team_its_own_only(api: Api, other: Api, app: FastAPI) -> None:
    await api.filled({"fox.txt": FOX}, "team-a")
    for operation in operations(app):
        needs = operation.request["params"]
        if operation.method == "GET" and "{" not in operation.path and not needs:
            answer = await other.http.get(operation.path)
            assert answer.status_code == 200
            assert "team-a" not in answer.text


async def test_two_teams_with_the_same_question_get_their_own_passages_over_both_doors(
    api: Api, other: Api
) -> None:
    mine = await api.filled({"fox.txt": "The fox of team A is red.\n"})
    theirs = await other.filled({"fox.txt": "The fox of team B is white.\n"})
    for client, base, expected in (
        (api, mine, ["The fox of team A is red."]),
        (other, theirs, ["The fox of team B is white."]),
    ):
        for alpha in (0, 0.5, 1):
            assert await client.texts(base, "fox team", alpha=alpha, num_results=100) == expected
        called = await call(client.http, "retrieve_knowledge_base", base, query="fox team")
        assert [one["text_content"] for one in called["structuredContent"]["results"]] == expected
        listed = (await call(client.http, "list_knowledge_bases"))["structuredContent"]
        assert [one["knowledge_base_id"] for one in listed["knowledge_bases"]] == [str(base)]
    for client, foreign in ((api, theirs), (other, mine)):
        called = await call(client.http, "retrieve_knowledge_base", foreign, query="fox")
        assert called["isError"] is True
        assert str(foreign) in called["content"][0]["text"]
        assert "The fox of" not in json.dumps(called)


async def test_the_mcp_door_opens_to_keys_only(app: FastAPI, api: Api) -> None:
    for header in (None, "Bearer kb_wrong", f"Basic {api.secret}"):
        async with client_of(app, None) as http:
            headers = {} if header is None else {"authorization": header}
            answer = await http.post("/v1/mcp", json=request("tools/list"), headers=MCP | headers)
            assert answer.status_code == 401
            assert "Bearer" in answer.headers["www-authenticate"]


async def test_row_level_security_alone_would_keep_teams_apart(api: Api, other: Api) -> None:
    """A scope that names another team's knowledge base reads nothing from its index either."""
    base = await api.filled({"fox.txt": FOX})
    index = await api.service.index_version(api.team.knowledge_base(base))
    store = api.service.stores["pgvector"]
    for scope in (
        other.team.knowledge_base(base),
        TeamScope(team_id=uuid4()).knowledge_base(base),
        api.team.knowledge_base(uuid4()),
    ):
        assert await store.count(scope, index) == 0
    assert await store.count(api.team.knowledge_base(base), index) == 1


MCP = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


def request(method: str, **parameters: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}


async def call(
    http: httpx.AsyncClient, tool: str, base: UUID | None = None, **arguments: Any
) -> dict[str, Any]:
    """A tool's result, straight over HTTP as a stateless client sends it."""
    given = arguments if base is None else {**arguments, "knowledge_base_id": str(base)}
    body = request("tools/call", name=tool, arguments=given)
    answer = await http.post("/v1/mcp", json=body, headers=MCP)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]
