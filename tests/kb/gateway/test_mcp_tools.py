"""Remote MCP servers in a turn: real ones, on this machine."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from kb.gateway import guarded_transport, mcp_connection
from kb.gateway.errors import ToolNameTaken, TooManyTools, UnknownToolChoice
from kb.gateway.events import (
    Event,
    Finished,
    McpFinished,
    McpStarted,
    McpToolEntry,
    McpTools,
    SearchFinished,
)
from kb.gateway.gateway import Gateway
from kb.gateway.mcp_connection import McpConnections
from kb.gateway.mcp_tools import MAX_OUTPUT, McpServerTools
from kb.gateway.turn import FunctionTool, McpTool, RetrievalTool, ToolCall, ToolChoice
from tests.ingest.sources.site import LOOPBACK, Names
from tests.kb.gateway.remote import (
    Remote,
    answering,
    app_of,
    hanging,
    redirecting,
    serving,
    toolbox,
)
from tests.kb.gateway.scripted import (
    BASE,
    TEAM,
    Model,
    Round,
    Search,
    call,
    gateway,
    of_kind,
    run,
    text_of,
    turn,
)

DONE = Round(text="Done.")


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    async with serving(app_of(toolbox())) as remote:
        yield remote


def connected(model: Model, names: Names | None = None, **options: Any) -> Gateway:
    connections = McpConnections(
        allowed_networks=options.pop("networks", LOOPBACK), resolver=names or Names()
    )
    return gateway(model, open_mcp=connections.open, **options)


def tool(remote: Remote, label: str = "box", **options: Any) -> McpTool:
    return McpTool(label=label, url=options.pop("url", remote.url()), **options)


def remote_call(name: str, arguments: dict[str, object] | None = None) -> ToolCall:
    return call(name=name, arguments=json.dumps(arguments or {}))


async def settled(before: set[asyncio.Task[Any]]) -> None:
    """Until nothing runs that did not run before; the library takes a moment to close."""
    for _ in range(500):
        if asyncio.all_tasks() <= before:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(asyncio.all_tasks() - before)


def of_the_server() -> set[asyncio.Task[Any]]:
    return {one for one in asyncio.all_tasks() if "uvicorn" in repr(one)}


async def test_a_remote_tool_is_listed_called_and_answered(remote: Remote) -> None:
    before = asyncio.all_tasks()
    asked = remote_call("box__add", {"a": 2, "b": 3})
    model = Model(Round(calls=[asked]), DONE)
    events = await run(connected(model), turn("2+3?", tools=(tool(remote),)))
    assert [type(one) for one in events[:3]] == [McpTools, McpStarted, McpFinished]
    (listed,) = of_kind(events, McpTools)
    assert (listed.label, listed.error) == ("box", None)
    assert [one.name for one in listed.tools] == ["add", "forecast", "fail", "flood", "wait"]
    told = replace(asked, name="add")  # without what keeps two servers' tools apart
    assert events[1:3] == [
        McpStarted(call=told, label="box"),
        McpFinished(call=told, label="box", output="5"),
    ]
    names = [one.name for one in model.asked[0].functions]
    assert names[:2] == ["box__add", "box__forecast"]
    assert model.asked[0].functions[0].parameters["required"] == ["a", "b"]
    assert model.asked[1].messages[-1].text == "5"
    assert text_of(events) == "Done."
    await settled(before)


async def test_what_a_server_says_is_data_to_the_model(remote: Remote) -> None:
    model = Model(Round(calls=[remote_call("box__forecast", {"city": "Rome"})]), DONE)
    events = await run(connected(model), turn(tools=(tool(remote),)))
    (finished,) = of_kind(events, McpFinished)
    assert finished.output == "Rain in Rome. <b>Stay</b> in.\n[1] forged"
    assert model.asked[1].messages[-1].text == ("Rain in Rome. &lt;b>Stay&lt;/b> in.\n\\[1] forged")
    assert model.asked[0].functions[1].description == "The weather.  Ignore (image: x)."


async def test_only_allowed_tools_are_offered(remote: Remote) -> None:
    model = Model(Round(calls=[remote_call("box__fail")]), DONE)
    allowed = tool(remote, allowed_tools=("add", "unheard_of"))
    events = await run(connected(model), turn(tools=(allowed,)))
    assert [one.name for one in model.asked[0].functions] == ["box__add"]
    assert of_kind(events, McpStarted) == []
    assert "no such tool" in model.asked[1].messages[-1].text


async def test_a_failing_tool_is_told_and_the_turn_goes_on(remote: Remote) -> None:
    model = Model(Round(calls=[remote_call("box__fail")]), DONE)
    events = await run(connected(model), turn(tools=(tool(remote),)))
    (finished,) = of_kind(events, McpFinished)
    assert finished.error is not None
    assert "the machine is broken" in finished.error
    assert "the machine is broken" in model.asked[1].messages[-1].text
    assert text_of(events) == "Done."


@pytest.mark.parametrize("arguments", ["{", "[]", '{"a": "x"}', "[" * 100_000, "x" * 300_000])
async def test_wrong_arguments_are_told(remote: Remote, arguments: str) -> None:
    model = Model(Round(calls=[call(name="box__add", arguments=arguments)]), DONE)
    events = await run(connected(model), turn(tools=(tool(remote),)))
    assert of_kind(events, McpFinished)[0].error


async def test_a_long_output_is_cut(remote: Remote) -> None:
    model = Model(Round(calls=[remote_call("box__flood")]), DONE)
    events = await run(connected(model), turn(tools=(tool(remote),)))
    assert len(of_kind(events, McpFinished)[0].output) < MAX_OUTPUT + 100


async def test_searches_functions_and_remote_tools_go_together(remote: Remote) -> None:
    theirs = call(name="weather")
    calls = [call(), remote_call("box__add", {"a": 1, "b": 1}), theirs]
    weather = FunctionTool(name="weather")
    tools = (weather, tool(remote), RetrievalTool(knowledge_base_ids=(BASE,)))
    model = Model(Round(calls=calls))
    events = await run(connected(model), turn(tools=tools))
    assert [one.name for one in model.asked[0].functions][:2] == ["weather", "box__add"]
    assert len(of_kind(events, SearchFinished)) == 1
    assert of_kind(events, McpFinished)[0].output == "2"
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "tool_calls"


# Names.


async def test_the_same_tool_of_two_servers_has_two_names(remote: Remote) -> None:
    model = Model(
        Round(calls=[remote_call("two__add", {"a": 2, "b": 2}), remote_call("box__fail")]), DONE
    )
    async with serving(app_of(toolbox())) as other:
        events = await run(connected(model), turn(tools=(tool(remote), tool(other, label="two"))))
    assert [one.label for one in of_kind(events, McpFinished)] == ["two", "box"]
    names = [one.name for one in model.asked[0].functions]
    assert len(set(names)) == 10


def test_names_are_valid_and_distinct_whatever_servers_call_their_tools() -> None:
    entries = [
        McpToolEntry(name=name, description="", input_schema={})
        for name in ("b__c", "größe", "gr__e", "x" * 100, "x" * 99 + "y", "a b", "a.b", "weather")
    ]
    taken = {"a__weather"}
    told = McpTools(label="a", tools=entries)
    first = McpServerTools(_Nobody(), told, taken=taken)
    taken |= {one.name for one in first.functions}
    other = McpTools(label="a__b", tools=[McpToolEntry(name="c", description="", input_schema={})])
    second = McpServerTools(_Nobody(), other, taken=taken)
    names = [one.name for one in (*first.functions, *second.functions)]
    assert len(set(names)) == len(names)
    assert not set(names) & {"a__weather"}
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in names)
    assert names[0] == "a__b__c"


class _Nobody:
    async def tools(self) -> list[McpToolEntry]:
        return []

    async def call(self, name: str, arguments: object) -> str:
        return f"{name}{arguments}"


async def test_labels_must_differ_and_servers_be_few(remote: Remote) -> None:
    made = connected(Model(DONE))
    with pytest.raises(ToolNameTaken):
        await run(made, turn(tools=(tool(remote), tool(remote))))
    with pytest.raises(TooManyTools):
        await run(made, turn(tools=[tool(remote, label=str(n)) for n in range(9)]))
    assert remote.requests == []


async def test_a_remote_tool_can_be_chosen_by_its_name(remote: Remote) -> None:
    model = Model(DONE)
    choice = ToolChoice(mode="named", name="box__add")
    await run(connected(model), turn(tools=(tool(remote),), tool_choice=choice))
    assert model.asked[0].choice == choice
    unknown = ToolChoice(mode="named", name="box__other")
    with pytest.raises(UnknownToolChoice):
        await run(connected(model), turn(tools=(tool(remote),), tool_choice=unknown))


# Where it connects to, and what it sends there.


async def why_not(gateway: Gateway, *tools: McpTool) -> str:
    """The error of listing; the turn goes on without the server's tools."""
    events: list[Event] = await run(gateway, turn(tools=tools))
    (listed,) = of_kind(events, McpTools)
    assert listed.tools == ()
    assert text_of(events) == "Done."
    assert listed.error is not None
    return listed.error


async def test_authorization_goes_to_its_server_and_to_no_other(remote: Remote) -> None:
    async with serving(app_of(toolbox())) as other:
        mine = tool(remote, authorization="s3cret", headers={"X-Team": "7", "Host": "inner"})
        theirs = tool(other, label="two")
        await run(connected(Model(DONE)), turn(tools=(mine, theirs)))
    assert remote.requests
    for request in remote.requests:
        assert request["authorization"] == "Bearer s3cret"
        assert request["x-team"] == "7"
        assert request["host"] == f"127.0.0.1:{remote.port}"
    assert other.requests
    assert not any("authorization" in request for request in other.requests)
    assert "s3cret" not in repr(mine)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/mcp",
        "http://[::1]:{port}/mcp",
        "http://0.0.0.0:{port}/mcp",
        "http://169.254.169.254/mcp",
        "http://10.0.0.1/mcp",
        "http://internal.test:{port}/mcp",
        "http://2130706433:{port}/mcp",
        "http://127.0.0.1:22/mcp",
        "ftp://127.0.0.1/mcp",
        "no url",
    ],
)
async def test_no_private_address_is_connected_to(remote: Remote, url: str) -> None:
    made = connected(Model(DONE), networks=())
    assert await why_not(made, tool(remote, url=url.format(port=remote.port)))
    assert remote.requests == []


async def test_a_name_that_leads_elsewhere_later_is_refused_then(remote: Remote) -> None:
    names = Names(turning=[["127.0.0.1"], ["10.0.0.1"]])
    made = connected(Model(DONE), names)
    url = remote.url(host="turning.test")
    assert "not on the public internet" in await why_not(made, tool(remote, url=url))
    assert len(remote.requests) == 1


async def test_a_redirect_to_another_server_is_not_followed(remote: Remote) -> None:
    async with serving(redirecting(remote.url)) as elsewhere:
        made = connected(Model(DONE))
        assert await why_not(made, tool(elsewhere, authorization="s3cret"))
    assert elsewhere.requests
    assert remote.requests == []


async def test_a_redirect_within_the_server_is_followed() -> None:
    async with serving(redirecting(lambda: "/mcp", app_of(toolbox()))) as remote:
        model = Model(Round(calls=[remote_call("box__add", {"a": 1, "b": 2})]), DONE)
        moved = tool(remote, url=remote.url("/old"), authorization="s3cret")
        events = await run(connected(model), turn(tools=(moved,)))
    assert of_kind(events, McpFinished)[0].output == "3"


# Servers that are none.


async def test_nobody_listening_is_told(remote: Remote) -> None:
    async with serving(hanging()) as gone:
        pass
    assert await why_not(connected(Model(DONE)), tool(gone))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<html>Welcome</html>", {"content-type": "text/html"}),
        (b"not json", {}),
        (b"{}", {}),
        (gzip.compress(b"{}"), {"content-encoding": "gzip"}),
        (b'"' + b"x" * 9_000_000 + b'"', {}),
        (b"{}", {"x-large": "x" * 70_000}),
    ],
)
async def test_what_does_not_speak_mcp_is_told(body: bytes, headers: dict[str, str]) -> None:
    before = asyncio.all_tasks()
    async with serving(answering(body, headers)) as remote:
        assert await why_not(connected(Model(DONE)), tool(remote))
    await settled(before)


async def test_a_server_that_wants_a_key_is_told() -> None:
    async with serving(answering(b"{}", status=401)) as remote:
        assert await why_not(connected(Model(DONE)), tool(remote))


async def test_a_server_with_too_many_tools_is_told() -> None:
    server = toolbox()
    for number in range(70):
        server.tool(name=f"tool{number}")(lambda: "x")
    async with serving(app_of(server)) as remote:
        made = connected(Model(DONE))
        assert "allowed_tools" in await why_not(made, tool(remote))
        few = tool(remote, allowed_tools=("tool1", "tool2"))
        listed = of_kind(await run(made, turn(tools=(few,))), McpTools)
        assert [one.name for one in listed[0].tools] == ["tool1", "tool2"]


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_connection, "LIST_SECONDS", 0.3)
    async with serving(hanging()) as remote:
        before = asyncio.all_tasks()
        assert "too long" in await why_not(connected(Model(DONE)), tool(remote))
        await settled(before | of_the_server())


async def test_a_tool_that_never_answers_is_given_up(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_connection, "CALL_SECONDS", 3.0)
    model = Model(Round(calls=[remote_call("box__wait")]), DONE)
    events = await run(connected(model), turn(tools=(tool(remote),)))
    assert of_kind(events, McpFinished)[0].error
    assert text_of(events) == "Done."


async def test_cancelling_ends_calls_under_way(remote: Remote) -> None:
    model = Model(Round(calls=[remote_call("box__wait"), call()]), DONE)
    tools = (tool(remote), RetrievalTool(knowledge_base_ids=(BASE,)))
    made = connected(model, search=Search())
    before = asyncio.all_tasks()
    started = asyncio.Event()

    async def take() -> None:
        async for event in made.run(TEAM, turn(tools=tools)):
            if isinstance(event, McpStarted):
                started.set()

    task = asyncio.create_task(take())
    await started.wait()
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settled(before | of_the_server())


def test_a_response_may_hold_8_mib() -> None:
    assert guarded_transport.MAX_BODY == 8 * 1024 * 1024
