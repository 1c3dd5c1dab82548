"""What an API answers to a script, in a form that stays the same from run to run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

IDS = re.compile(r"\b(chatcmpl-|resp_|msg_|fs_|fc_|mcp_|mcpl_|mcptoolu_|rerank-)([0-9a-f]{32})\b")
TIMES = re.compile(r'"(created|created_at|completed_at)":\d+')
ASKED = "How long does a parcel wait?"
TOOL = {
    "type": "knowledge_base_retrieval",
    "knowledge_base_id": "11111111-1111-4111-8111-111111111111",
}


@dataclass(frozen=True, slots=True)
class Door:
    """One of the APIs, and a request that it takes."""

    path: str
    request: dict[str, Any]


DOORS = {
    "chat": Door(
        "/v1/chat/completions",
        {
            "model": "tiny",
            "messages": [{"role": "user", "content": ASKED}],
            "tools": [TOOL],
            "stream_options": {"include_usage": True},
        },
    ),
    "responses": Door(
        "/v1/responses",
        {
            "model": "tiny",
            "input": ASKED,
            "tools": [TOOL],
            "include": ["file_search_call.results"],
        },
    ),
    "messages": Door(
        "/v1/messages",
        {
            "model": "tiny",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": ASKED}],
            "tools": [TOOL],
        },
    ),
}


def function_tool(api: str, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """A function of the client's own, as that API has it."""
    if api == "messages":
        return {"name": name, "input_schema": parameters}
    function = {"name": name, "parameters": parameters}
    if api == "responses":
        return {"type": "function", **function}
    return {"type": "function", "function": function}


def frames(text: str) -> Iterator[dict[str, Any]]:
    """Server-sent events: `event` where one has a name, and `data`."""
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if not lines:
            continue
        fields = dict(line.split(": ", 1) for line in lines)
        assert fields.keys() <= {"event", "data"}
        data = fields["data"]
        fields["data"] = data if data == "[DONE]" else json.loads(data)
        yield fields


def locators(value: Any) -> Iterator[dict[str, Any]]:
    """Every locator in it, wherever it is."""
    if isinstance(value, dict):
        for name, inner in value.items():  # pyright: ignore[reportUnknownVariableType] JSON
            if name == "locator":
                yield inner
            yield from locators(inner)
    elif isinstance(value, list):
        for inner in value:  # pyright: ignore[reportUnknownVariableType] JSON
            yield from locators(inner)


async def told(http: httpx.AsyncClient, door: Door, **request: Any) -> list[dict[str, Any]]:
    """The stream's events."""
    answer = await http.post(door.path, json={**door.request, "stream": True, **request})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    return list(frames(answer.text))


async def whole(http: httpx.AsyncClient, door: Door, **request: Any) -> dict[str, Any]:
    """The answer in one piece."""
    answer = await http.post(door.path, json={**door.request, **request})
    return {"status": answer.status_code, "body": answer.json()}


def said(text: str) -> str:
    """The answer in a stream of any API."""
    found: list[str] = []
    for frame in frames(text):
        data = frame["data"]
        if isinstance(data, str):
            continue
        found += [one["delta"].get("content", "") for one in data.get("choices", ())]
        if data.get("type") == "response.output_text.delta":
            found.append(data["delta"])
        if data.get("type") == "content_block_delta":
            found.append(data["delta"].get("text", ""))
    return "".join(found)


def steady(values: Sequence[object]) -> str:
    """As lines of JSON, with ids numbered in the order in which they come."""
    known: dict[str, str] = {}
    lines = "".join(
        json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n" for value in values
    )
    lines = IDS.sub(lambda match: known.setdefault(match[0], f"{match[1]}{len(known)}"), lines)
    lines = TIMES.sub(r'"\1":0', lines)
    return re.sub(r'"request_id":"[^"]+"', '"request_id":"0"', lines)
