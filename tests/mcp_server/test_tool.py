"""The MCP door as two independent clients see it, and as REST answers the same question."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal
from uuid import uuid4

import fastmcp
import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types import CallToolResult, TextContent

from kb.service import Service
from retrieval.filters import FIELDS
from tests.kb.teams import new_team
from tests.mcp_server.conftest import Door

RETRIEVE = "retrieve_knowledge_base"
LIST = "list_knowledge_bases"
MODES: tuple[Literal["legacy", "auto"], ...] = ("legacy", "auto")
NOTHING: dict[str, Any] = {
    "results": [],
    "total_results": 0,
    "index_version": 1,
    "truncated": False,
    "omitted": [],
    "next_cursor": None,
}
ACCEPT = {"accept": "application/json, text/event-stream"}


@asynccontextmanager
async def connected(door: Door, mode: Literal["legacy", "auto"] = "auto") -> AsyncGenerator[Client]:
    """The official SDK's client."""
    async with (
        create_mcp_http_client(headers=door.headers) as http,
        Client(streamable_http_client(door.url, http_client=http), mode=mode) as client,
    ):
        yield client


async def call(door: Door, tool: str, **arguments: Any) -> CallToolResult:
    async with connected(door) as client:
        result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    return result


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


@pytest.mark.parametrize("mode", MODES)
async def test_clients_of_the_old_and_the_new_protocol_find_both_tools_described(
    door: Door, mode: Literal["legacy", "auto"]
) -> None:
    async with connected(door, mode) as client:
        assert client.server_info
        assert client.server_info.name == "kb"
        assert client.instructions
        assert LIST in client.instructions
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert tools.keys() == {RETRIEVE, LIST}
    for tool in tools.values():
        assert tool.description
        assert tool.annotations
        assert tool.annotations.read_only_hint
        assert tool.annotations.idempotent_hint
        assert tool.output_schema
    schema = tools[RETRIEVE].input_schema
    assert set(schema["required"]) == {"knowledge_base_id", "query"}
    properties = schema["properties"]
    assert properties.keys() == {
        *("knowledge_base_id", "query", "num_results", "alpha", "filters", "expand", "max_tokens"),
        *("max_per_document", "reranking", "cursor", "further_knowledge_base_ids"),
    }
    assert all(one["description"] for one in properties.values())
    results = properties["num_results"]
    assert (results["minimum"], results["maximum"], results["default"]) == (1, 25, 10)
    alpha = properties["alpha"]
    assert alpha["anyOf"] == [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]
    assert all(field in properties["filters"]["description"] for field in FIELDS)
    answer = tools[RETRIEVE].output_schema
    assert answer
    assert answer["properties"].keys() == {
        *("results", "total_results", "index_version", "truncated", "omitted", "next_cursor"),
        *("reranking", "understanding", "explanation"),
    }


@pytest.mark.parametrize("mode", MODES)
async def test_the_structured_answer_its_text_and_rest_are_the_same_json(
    door: Door, mode: Literal["legacy", "auto"]
) -> None:
    asked = {"query": "How long may a parcel wait?", "num_results": 2, "alpha": 0.3}
    async with connected(door, mode) as client:
        result = await client.call_tool(RETRIEVE, {"knowledge_base_id": str(door.base), **asked})
    assert isinstance(result, CallToolResult)
    assert not result.is_error
    assert result.structured_content
    assert "nine days" in result.structured_content["results"][0]["text_content"]
    assert json.loads(text_of(result)) == result.structured_content
    assert (await door.rest(**asked)).json() == result.structured_content


async def test_fastmcps_client_gets_the_same(door: Door) -> None:
    async with fastmcp.Client(door.url, auth=door.secret) as client:
        assert {tool.name for tool in await client.list_tools()} == {RETRIEVE, LIST}
        arguments = {"knowledge_base_id": str(door.base), "query": "lost keys"}
        result = await client.call_tool(RETRIEVE, arguments)
    assert result.structured_content == (await door.rest(query="lost keys")).json()


async def test_what_is_left_out_has_the_same_default_as_over_rest(door: Door) -> None:
    result = await call(door, RETRIEVE, knowledge_base_id=str(door.base), query="keys")
    nulls = await call(door, RETRIEVE, knowledge_base_id=str(door.base), query="keys", filters=None)
    assert result.structured_content == (await door.rest(query="keys")).json()
    assert result.structured_content == nulls.structured_content


async def test_filters_narrow_the_search(door: Door) -> None:
    for name, expected in (("desk.md", True), ("other.md", False)):
        result = await call(
            door,
            RETRIEVE,
            knowledge_base_id=str(door.base),
            query="keys",
            filters={"equals": {"key": "item_name", "value": name}},
        )
        assert result.structured_content
        assert bool(result.structured_content["results"]) == expected


async def test_an_empty_result_is_an_answer_and_no_error(door: Door) -> None:
    result = await call(door, RETRIEVE, knowledge_base_id=str(door.base), query="zeppelin", alpha=0)
    assert not result.is_error
    assert result.structured_content == NOTHING


async def test_a_key_lists_and_searches_its_own_knowledge_bases_only(
    door: Door, others_door: Door
) -> None:
    for mine, theirs in ((door, others_door), (others_door, door)):
        listed = await call(mine, LIST)
        assert listed.structured_content
        (one,) = listed.structured_content["knowledge_bases"]
        assert one["knowledge_base_id"] == str(mine.base)
        assert one["documents"] == 1
        assert json.loads(text_of(listed)) == listed.structured_content
        refused = await call(mine, RETRIEVE, knowledge_base_id=str(theirs.base), query="parcel")
        assert refused.is_error
        assert "parcel" not in text_of(refused).lower()


async def test_an_error_is_the_same_sentence_as_over_rest(door: Door) -> None:
    nobody = Door(door.origin, door.secret, uuid4())
    cases: list[tuple[Door, dict[str, Any]]] = [
        (nobody, {"query": "parcel"}),
        (door, {"query": "  "}),
        (door, {"query": "x", "filters": {"equals": {"key": "author", "value": "me"}}}),
        (door, {"query": "x", "filters": {"and_all": []}}),
    ]
    for at, asked in cases:
        result = await call(at, RETRIEVE, knowledge_base_id=str(at.base), **asked)
        assert result.is_error
        assert text_of(result) == (await at.rest(**asked)).json()["message"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"num_results": 26}, "num_results"),
        ({"num_results": 0}, "num_results"),
        ({"num_results": "many"}, "num_results"),
        ({"alpha": 1.5}, "alpha"),
        ({"alpha": -1}, "alpha"),
        ({"knowledge_base_id": "handbook"}, "knowledge_base_id"),
        ({"filters": "item_name"}, "filters"),
        ({"query": None}, "query"),
        ({"top_k": 3}, "top_k"),
    ],
)
async def test_bad_arguments_are_refused_by_name(
    door: Door, wrong: dict[str, Any], says: str
) -> None:
    """To the agent, as a result that it can read and do better after."""
    arguments = {"knowledge_base_id": str(door.base), "query": "parcel", **wrong}
    result = await call(door, RETRIEVE, **arguments)
    assert result.is_error
    assert says in text_of(result)
    assert "Traceback" not in text_of(result)


async def test_missing_arguments_are_named(door: Door) -> None:
    result = await call(door, RETRIEVE)
    assert result.is_error
    assert "knowledge_base_id" in text_of(result)
    assert "query" in text_of(result)


@pytest.mark.parametrize("header", [None, "Bearer kb_wrong", "Basic {}", "Bearer", "{}"])
async def test_without_a_key_that_opens_it_the_door_stays_shut(
    door: Door, header: str | None
) -> None:
    headers = {} if header is None else {"authorization": header.format(door.secret)}
    answer = await post(door, headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    async with create_mcp_http_client(headers=headers) as http:
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - what kind is the SDK's business
            async with Client(streamable_http_client(door.url, http_client=http)) as client:
                await client.list_tools()
    assert isinstance(caught.value, Exception)


async def test_a_revoked_key_is_refused_at_once(door: Door, service: Service) -> None:
    team, secret = await new_team(service)
    mine = Door(door.origin, secret, door.base)
    assert (await post(mine, mine.headers)).status_code == 200
    (key,) = await service.list_keys(team)
    await service.revoke_key(team, prefix=key.prefix)
    assert (await post(mine, mine.headers)).status_code == 401


async def test_a_foreign_host_or_origin_is_turned_away(door: Door) -> None:
    """A web page that points its own name at this machine must not reach the tools."""
    assert (await post(door, door.headers | {"host": "evil.example"})).status_code == 421
    assert (await post(door, door.headers | {"origin": "http://evil.example"})).status_code == 403
    known = {"origin": "https://agents.example.org"}
    assert (await post(door, door.headers | known)).status_code == 200


async def test_no_session_is_needed_and_other_methods_are_not_served(door: Door) -> None:
    answer = await post(door, door.headers)
    assert answer.status_code == 200
    assert "mcp-session-id" not in answer.headers
    assert answer.headers["content-type"].startswith("application/json")
    async with httpx.AsyncClient(headers=door.headers | ACCEPT, timeout=30) as http:
        for method in ("GET", "DELETE"):
            assert (await http.request(method, door.url)).status_code == 405


async def test_a_body_that_is_no_message_is_refused(door: Door) -> None:
    async with httpx.AsyncClient(headers=door.headers | ACCEPT, timeout=30) as http:
        for content in (b"", b"{", b"[]", b'{"jsonrpc": "1.0"}'):
            headers = {"content-type": "application/json"}
            answer = await http.post(door.url, content=content, headers=headers)
            assert answer.status_code == 400, content


async def post(door: Door, headers: dict[str, str]) -> httpx.Response:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.post(door.url, json=message, headers={**ACCEPT, **headers})
