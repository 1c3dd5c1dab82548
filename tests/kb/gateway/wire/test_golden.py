"""What each API says of each script, to the letter: `golden/<api>_<script>.jsonl`.

The first line of a file is the answer in one piece, each further line an event of the stream.
Delete a file to have it written anew, and read what changed.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.kb.gateway.wire.recording import DOORS, steady, told, whole
from tests.kb.gateway.wire.scripts import SCRIPTS, ScriptedGateway

GOLDEN = Path(__file__).parent / "golden"
RECORDED_BY_OPENAI = [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.file_search_call.in_progress",
    "response.file_search_call.searching",
    "response.file_search_call.completed",
    "response.output_item.done",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.annotation.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
]
"""Of a search and an answer that cites, repetitions aside."""


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


async def test_a_response_has_the_events_that_openai_sends_in_their_order(
    http: httpx.AsyncClient, gateway: ScriptedGateway
) -> None:
    gateway.script = SCRIPTS["search"]
    events = await told(http, DOORS["responses"])
    kinds = [event["event"] for event in events]
    assert [one["data"]["type"] for one in events] == kinds
    assert [one["data"]["sequence_number"] for one in events] == list(range(len(events)))
    first = kinds[: kinds.index("response.output_text.annotation.added") + 2]
    ending = kinds[kinds.index("response.output_text.done") :]
    without_repetitions = [
        kind
        for kind, before in zip([*first, *ending], ["", *first, *ending], strict=False)
        if kind != before
    ]
    assert without_repetitions == RECORDED_BY_OPENAI
