"""Streams over a real connection: heartbeats, clients that leave, errors at once and later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from kb.api.answering import EventStream
from kb.api.gateway_problems import openai
from kb.catalog.errors import NotFound
from kb.gateway.events import Event, FunctionCall, SearchStarted, TextDelta
from kb.gateway.turn import ToolCall, Turn
from kb.gateway.wire.chat_stream import ChatStream
from kb.gateway.wire.messages_stream import MessagesStream
from kb.gateway.wire.telling import Telling
from retrieval.scope import TeamScope
from tests.kb.gateway.wire.recording import DOORS, Door, frames, said, told, whole
from tests.kb.gateway.wire.scripts import BASE, SEARCH, ScriptedGateway, Step, finished

LONG = 600.0
SOON = 5.0
SEARCHING: list[Step] = [SearchStarted(call=SEARCH, queries=("parcel",)), LONG]


@pytest.fixture
async def wire(origin: str, secret: str) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the server over a socket."""
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=origin, headers=headers) as client:
        yield client


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
async def test_a_client_that_leaves_a_stream_ends_the_turn(
    wire: httpx.AsyncClient, gateway: ScriptedGateway, door: Door
) -> None:
    gateway.script = [TextDelta(text="One"), *SEARCHING]
    asked = {**door.request, "stream": True}
    async with wire.stream("POST", door.path, json=asked) as answer:
        assert answer.status_code == 200
        await anext(answer.aiter_bytes())
        assert not gateway.closed.is_set()
    await asyncio.wait_for(gateway.closed.wait(), SOON)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_before_anything_was_said_ends_the_turn(
    wire: httpx.AsyncClient, gateway: ScriptedGateway, door: Door, *, stream: bool
) -> None:
    gateway.script = [LONG]
    asking = asyncio.create_task(wire.post(door.path, json={**door.request, "stream": stream}))
    while not gateway.turns:
        await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait_for(gateway.closed.wait(), SOON)


async def test_a_client_that_does_not_read_holds_the_turn_back(
    wire: httpx.AsyncClient, gateway: ScriptedGateway
) -> None:
    gateway.endless = lambda: TextDelta(text="x" * 1000)
    door = DOORS["chat"]
    async with wire.stream("POST", door.path, json={**door.request, "stream": True}):
        before = -1
        while gateway.told > before:
            before = gateway.told
            await asyncio.sleep(0.3)
        assert before < 100_000
    await asyncio.wait_for(gateway.closed.wait(), SOON)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("stream", [True, False])
async def test_what_fails_before_anything_was_said_is_a_plain_response(
    http: httpx.AsyncClient, gateway: ScriptedGateway, door: Door, *, stream: bool
) -> None:
    gateway.script = [NotFound("It is gone.")]
    answer = await whole(http, door, stream=stream)
    assert answer["status"] == 404
    assert "It is gone." in answer["body"]["error"]["message"]
    assert gateway.closed.is_set()


async def test_unexpected_errors_say_nothing_of_the_turn(
    http: httpx.AsyncClient, gateway: ScriptedGateway, caplog: pytest.LogCaptureFixture
) -> None:
    error = ValueError("secret words")
    for script in ([error], [TextDelta(text="Hi"), error]):
        gateway.script = script
        for door in DOORS.values():
            answer = await http.post(door.path, json={**door.request, "stream": True})
            assert "secret words" not in answer.text
            assert "the log says what" in answer.text
    assert "secret words" not in caplog.text
    assert "ValueError" in caplog.text
    assert "scripts.py" in caplog.text


async def test_arguments_that_are_no_json_cannot_be_told_in_messages(
    http: httpx.AsyncClient, gateway: ScriptedGateway
) -> None:
    broken = FunctionCall(call=ToolCall(id="call_1", name="now", arguments='{"half'))
    gateway.script = [broken, finished("tool_calls")]
    assert (await whole(http, DOORS["messages"]))["status"] == 502
    gateway.script = [TextDelta(text="Hi"), broken, finished("tool_calls")]
    *_, last = await told(http, DOORS["messages"])
    assert last["event"] == "error"
    assert "JSON object" in last["data"]["error"]["message"]
    assert "half" not in str(last)
    for door in ("chat", "responses"):  # there they are a string
        assert """'arguments': '{"half'""" in str(await whole(http, DOORS[door]))


class Bare:
    """An app with one stream, and heartbeats that do not let a test wait."""

    def __init__(self, script: list[Step], telling: Telling) -> None:
        self.gateway = ScriptedGateway(script)
        self.telling = telling

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        events = self.gateway.run(TeamScope(team_id=BASE), Turn(model="tiny", messages=()))
        stream = EventStream(events, self.telling, openai, heartbeat=0.05)
        await stream(scope, receive, send)


async def asked(app: Bare) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://kb.test") as client:
        return await client.post("/")


def chat() -> ChatStream:
    return ChatStream("tiny", "http://kb.test", include_usage=False)


async def test_while_nothing_is_said_comments_are_sent() -> None:
    script: list[Step] = [TextDelta(text="One"), 0.3, TextDelta(text=" two"), finished()]
    answer = await asked(Bare(script, chat()))
    assert answer.text.count(": keep-alive\n\n") >= 2
    places = [answer.text.index(one) for one in ('"One"', ": keep-alive", '" two"')]
    assert places == sorted(places)
    assert list(frames(answer.text))[-1] == {"data": "[DONE]"}


async def test_anthropics_clients_are_pinged() -> None:
    script: list[Step] = [0.3, TextDelta(text="One"), finished()]
    answer = await asked(Bare(script, MessagesStream("tiny", "http://kb.test")))
    events = [one["event"] for one in frames(answer.text)]
    assert events[:3] == ["message_start", "ping", "ping"]
    assert events[-1] == "message_stop"


async def test_after_a_heartbeat_an_error_is_told_in_the_stream() -> None:
    answer = await asked(Bare([0.3, NotFound("It is gone.")], chat()))
    assert answer.status_code == 200
    *_, last = frames(answer.text)
    assert "It is gone." in last["data"]["error"]["message"]


async def test_a_steady_stream_has_no_heartbeats() -> None:
    script: list[Step] = []
    for _ in range(20):
        script += [TextDelta(text="x"), 0.01]
    assert ": keep-alive" not in (await asked(Bare([*script, finished()], chat()))).text


async def test_strange_characters_stay_whole_and_on_one_line(
    http: httpx.AsyncClient, gateway: ScriptedGateway
) -> None:
    strange = "\u2028\u0085\x00\n\r\ud83d\U0001f4e6"
    events: list[Event] = [TextDelta(text=strange), finished()]
    gateway.script = events
    for door in DOORS.values():
        answer = await http.post(door.path, json={**door.request, "stream": True})
        assert answer.text.isascii()
        lines = [line for line in answer.text.splitlines() if line]
        assert all(line.startswith(("data: ", "event: ")) for line in lines)
        assert said(answer.text) == strange
