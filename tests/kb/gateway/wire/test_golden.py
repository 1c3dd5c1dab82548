"""What each API says of each script, to the letter: `golden/<api>_<script>.jsonl`.

The first line of a file is the answer in one piece, each further line an event of the stream.
Delete a file to have it written anew, and read what changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from tests.kb.gateway.wire.recording import DOORS, steady, told, whole
from tests.kb.gateway.wire.scripts import SCRIPTS, ScriptedGateway

GOLDEN = Path(__file__).parent / "golden"
BEGUN = ["response.created", "response.in_progress"]
SEARCHED = [
    "response.output_item.added file_search_call",
    "response.file_search_call.in_progress",
    "response.file_search_call.searching",
    "response.file_search_call.completed",
    "response.output_item.done file_search_call",
]
MESSAGE = ["response.output_item.added message", "response.content_part.added"]
SAID = [
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done message",
]
ARGUMENTS = ["response.mcp_call_arguments.delta", "response.mcp_call_arguments.done"]
PROSE = ["content_block_start text", "content_block_delta text_delta", "content_block_stop"]
CITED = ["content_block_start text", "content_block_delta citations_delta", *PROSE[1:]]
MCP_USED = [
    "content_block_start mcp_tool_use",
    "content_block_delta input_json_delta",
    "content_block_stop",
    "content_block_start mcp_tool_result",
    "content_block_stop",
]
RECORDED = {
    ("responses", "search"): [
        *(*BEGUN, *SEARCHED, *MESSAGE, "response.output_text.delta"),
        *["response.output_text.annotation.added", "response.output_text.delta"] * 2,
        *(*SAID, "response.completed"),
    ],
    ("responses", "mcp"): [
        *BEGUN,
        "response.output_item.added mcp_list_tools",
        "response.mcp_list_tools.in_progress",
        "response.mcp_list_tools.completed",
        "response.output_item.done mcp_list_tools",
        "response.output_item.added mcp_list_tools",
        "response.mcp_list_tools.in_progress",
        "response.mcp_list_tools.failed",
        "response.output_item.done mcp_list_tools",
        "response.output_item.added mcp_call",
        "response.mcp_call.in_progress",
        *ARGUMENTS,
        "response.mcp_call.completed",
        "response.output_item.done mcp_call",
        "response.output_item.added mcp_call",
        "response.mcp_call.in_progress",
        *ARGUMENTS,
        "response.mcp_call.failed",
        "response.output_item.done mcp_call",
        *(*MESSAGE, "response.output_text.delta", *SAID, "response.completed"),
    ],
    ("responses", "function"): [
        *(*BEGUN, *MESSAGE, "response.output_text.delta", *SAID),
        "response.output_item.added function_call",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done function_call",
        "response.completed",
    ],
    ("messages", "search"): [
        *("message_start", *CITED, *PROSE, *CITED, *PROSE, "message_delta", "message_stop")
    ],
    ("messages", "mcp"): [
        *("message_start", *MCP_USED, *MCP_USED, *PROSE, "message_delta", "message_stop")
    ],
    ("messages", "function"): [
        *("message_start", *PROSE, "content_block_start tool_use"),
        *("content_block_delta input_json_delta", "content_block_stop"),
        *("message_delta", "message_stop"),
    ],
}
"""What the real APIs send in these cases, repetitions of an event aside."""


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("script", SCRIPTS)
async def test_every_script_is_told_as_it_was(
    http: httpx.AsyncClient, gateway: ScriptedGateway, door: str, script: str
) -> None:
    gateway.script = SCRIPTS[script]
    if script == "mcp":
        http.headers["anthropic-beta"] = "mcp-client-2025-11-20"
    now = steady([await whole(http, DOORS[door]), *await told(http, DOORS[door])])
    golden = GOLDEN / f"{door}_{script}.jsonl"
    if not golden.exists():
        golden.write_text(now)
        pytest.fail(f"{golden.name} was written; read it")
    assert now == golden.read_text()


@pytest.mark.parametrize(("door", "script"), RECORDED)
async def test_the_events_are_those_of_the_real_api_in_their_order(
    http: httpx.AsyncClient, gateway: ScriptedGateway, door: str, script: str
) -> None:
    gateway.script = SCRIPTS[script]
    if script == "mcp":
        http.headers["anthropic-beta"] = "mcp-client-2025-11-20"
    events = await told(http, DOORS[door])
    assert [event["event"] for event in events] == [event["data"]["type"] for event in events]
    named = [_named(event["data"]) for event in events]
    assert [one for one, before in zip(named, ["", *named], strict=False) if one != before] == (
        RECORDED[door, script]
    )


def _named(data: dict[str, Any]) -> str:
    """The event's name, with that of the item, block or delta in it."""
    inner = data.get("item") or data.get("content_block") or data.get("delta")
    kind = cast("dict[str, str]", inner).get("type", "") if isinstance(inner, dict) else ""
    return f"{data['type']} {kind}".strip()


async def test_the_events_of_a_response_are_numbered(
    http: httpx.AsyncClient, gateway: ScriptedGateway
) -> None:
    for script in SCRIPTS.values():
        gateway.script = script
        events = await told(http, DOORS["responses"])
        assert [one["data"]["sequence_number"] for one in events] == list(range(len(events)))


async def test_what_a_search_asked_and_found_is_told_when_it_is_done(
    http: httpx.AsyncClient, gateway: ScriptedGateway
) -> None:
    gateway.script = SCRIPTS["search"]
    for include, found in (([], None), (["file_search_call.results"], 2)):
        events = await told(http, DOORS["responses"], include=include)
        added, done = (
            one["data"]["item"]
            for one in events
            if one["data"].get("item", {}).get("type") == "file_search_call"
        )
        assert (added["status"], added["queries"], added["results"]) == ("in_progress", [], None)
        assert (done["status"], done["queries"]) == ("completed", ["parcel"])
        assert (done["results"] and len(done["results"])) == found
