"""What each API's request asks of the gateway."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import ValidationError

from kb.gateway.turn import (
    FunctionTool,
    McpTool,
    Message,
    RetrievalTool,
    ToolCall,
    ToolChoice,
    Turn,
)
from kb.gateway.wire import chat_turn, messages_turn, responses_turn
from kb.gateway.wire.chat_request import ChatRequest
from kb.gateway.wire.errors import NothingIsStored, UnsupportedToolset
from kb.gateway.wire.messages_request import MessagesRequest
from kb.gateway.wire.messages_turn import search_results
from kb.gateway.wire.responses_request import ResponsesRequest
from retrieval.filters import parse_filter
from tests.kb.gateway.wire.recording import DOORS, whole
from tests.kb.gateway.wire.scripts import ScriptedGateway, finished

USER: Any = {"role": "user", "content": "How long?"}
KB = uuid4()
OTHER = uuid4()
RETRIEVAL: Any = {"type": "knowledge_base_retrieval", "knowledge_base_id": str(KB)}
PNG = "data:image/png;base64,AAAA"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def chat(**fields: Any) -> Turn:
    request = {"model": "tiny", "messages": [USER], **fields}
    return chat_turn.to_turn(ChatRequest.model_validate(request))


def responses(**fields: Any) -> Turn:
    request = {"model": "tiny", "input": "How long?", **fields}
    return responses_turn.to_turn(ResponsesRequest.model_validate(request))


def messages(**fields: Any) -> Turn:
    request = {"model": "tiny", "max_tokens": 9, "messages": [USER], **fields}
    return messages_turn.to_turn(MessagesRequest.model_validate(request))


EVERY = pytest.mark.parametrize("turn_of", [chat, responses, messages])


@EVERY
def test_the_least_request(turn_of: Any) -> None:
    turn: Turn = turn_of()
    assert turn.model == "tiny"
    assert turn.messages == (Message(role="user", text="How long?"),)
    assert turn.tools == ()
    assert turn.tool_choice == ToolChoice()
    assert turn.parameters == {}
    assert turn.grounding == "off"


@EVERY
def test_several_retrieval_tools_with_their_options(turn_of: Any) -> None:
    full = {
        "type": "knowledge_base_retrieval",
        "knowledge_base_id": str(OTHER),
        "num_results": 3,
        "alpha": 0.2,
        "filters": {"equals": {"key": "item_name", "value": "a"}},
        "reranking": {"enabled": True},
        "expand": "none",
        "max_tokens": 500,
        "max_uses": 2,
    }
    first, second = turn_of(tools=[RETRIEVAL, full]).tools
    assert first == RetrievalTool(knowledge_base_ids=(KB,))
    assert second == RetrievalTool(
        knowledge_base_ids=(OTHER,),
        num_results=3,
        alpha=0.2,
        filters={"equals": {"key": "item_name", "value": "a"}},
        reranking=True,
        expand="none",
        max_tokens=500,
        max_uses=2,
    )


@EVERY
def test_file_search_is_retrieval_by_another_name(turn_of: Any) -> None:
    filters = {
        "type": "and",
        "filters": [
            {"type": "gte", "key": "page_number", "value": 3},
            {"type": "or", "filters": [
                {"type": "eq", "key": "item_name", "value": "a.md"},
                {"type": "in", "key": "source", "value": ["x", "y"]},
            ]},
            {"type": "nin", "key": "chunk_category", "value": ["TableChunk"]},
        ],
    }  # fmt: skip
    (tool,) = turn_of(
        tools=[
            {
                "type": "file_search",
                "vector_store_ids": [str(KB), str(OTHER), str(KB)],
                "max_num_results": 5,
                "filters": filters,
                "ranking_options": {
                    "ranker": "auto",
                    "score_threshold": 0.0,
                    "hybrid_search": {"embedding_weight": 3, "text_weight": 1},
                },
            }
        ]
    ).tools
    assert tool.knowledge_base_ids == (KB, OTHER)
    assert (tool.num_results, tool.alpha, tool.reranking) == (5, 0.75, None)
    assert tool.filters == {
        "and_all": [
            {"greater_than_or_equals": {"key": "page_number", "value": 3}},
            {
                "or_all": [
                    {"equals": {"key": "item_name", "value": "a.md"}},
                    {
                        "or_all": [
                            {"equals": {"key": "source", "value": "x"}},
                            {"equals": {"key": "source", "value": "y"}},
                        ]
                    },
                ]
            },
            {"and_all": [{"not_equals": {"key": "chunk_category", "value": "TableChunk"}}]},
        ]
    }
    assert parse_filter(tool.filters)


@EVERY
def test_a_remote_server_and_its_key(turn_of: Any) -> None:
    (tool,) = turn_of(
        tools=[
            {
                "type": "mcp",
                "server_label": "wiki",
                "server_url": "https://wiki.test/mcp",
                "authorization": "Bearer s3cret",
                "headers": {"x-team": "9"},
                "allowed_tools": {"tool_names": ["read"]},
                "require_approval": "never",
            }
        ]
    ).tools
    assert tool == McpTool(
        label="wiki",
        url="https://wiki.test/mcp",
        authorization="s3cret",
        headers={"x-team": "9"},
        allowed_tools=("read",),
    )
    assert "s3cret" not in repr(tool)


@EVERY
@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ({"type": "web_search"}, "knowledge_base_retrieval"),
        ({**RETRIEVAL, "filter": {}}, "filter"),
        ({**RETRIEVAL, "knowledge_base_id": "docs"}, "knowledge_base_id"),
        ({"type": "knowledge_base_retrieval"}, "knowledge_base_id"),
        ({**RETRIEVAL, "num_results": 0}, "num_results"),
        ({**RETRIEVAL, "alpha": 2}, "alpha"),
        ({"type": "file_search", "vector_store_ids": []}, "vector_store_ids"),
        ({"type": "file_search", "vector_store_ids": ["vs_1"]}, "vector_store_ids"),
        (
            {
                "type": "file_search",
                "vector_store_ids": [str(KB)],
                "filters": {"type": "like", "key": "a", "value": "b"},
            },
            "filters",
        ),
        (
            {
                "type": "file_search",
                "vector_store_ids": [str(KB)],
                "ranking_options": {"score_threshold": 0.5},
            },
            "score_threshold",
        ),
        ({"type": "mcp", "server_label": "a", "connector_id": "b"}, "server_url"),
        (
            {
                "type": "mcp",
                "server_label": "a",
                "server_url": "https://a.test",
                "require_approval": "always",
            },
            "require_approval",
        ),
    ],
)
def test_a_tool_that_would_do_something_else_is_refused(
    turn_of: Any, tool: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        turn_of(tools=[tool])


async def test_an_unknown_tool_is_refused_with_those_there_are(
    http: httpx.AsyncClient, gateway: ScriptedGateway
) -> None:
    for door in DOORS.values():
        answer = await whole(http, door, tools=[{"type": "web_search"}])
        assert answer["status"] == 400
        message = answer["body"]["error"]["message"]
        for known in ("knowledge_base_retrieval", "file_search", "mcp"):
            assert known in message
    assert not gateway.turns


@EVERY
def test_unknown_fields_are_ignored(turn_of: Any) -> None:
    assert turn_of(store=True, user="me", service_tier="auto", made_up={"a": 1}).parameters == {}


@EVERY
def test_limits_of_a_turn(turn_of: Any) -> None:
    turn = turn_of(max_tool_calls=3, grounding="strict", tools=[RETRIEVAL])
    assert (turn.max_tool_calls, turn.grounding) == (3, "strict")


def test_parameters_go_on_by_their_names_in_chat_completions() -> None:
    shape = {"name": "city", "schema": SCHEMA, "strict": True}
    turn = chat(
        temperature=0.2,
        top_p=0.9,
        top_k=5,
        seed=7,
        stop=["END"],
        reasoning_effort="low",
        response_format={"type": "json_schema", "json_schema": shape},
        chat_template_kwargs={"enable_thinking": False},
        max_completion_tokens=50,
        max_tokens=60,
    )
    assert turn.max_tokens == 50
    assert turn.parameters == {
        "temperature": 0.2,
        "top_p": 0.9,
        "top_k": 5,
        "seed": 7,
        "stop": ["END"],
        "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": shape},
        "chat_template_kwargs": {"enable_thinking": False},
    }
    turn = responses(
        temperature=0.2,
        max_output_tokens=50,
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "json_schema", **shape}, "verbosity": "low"},
    )
    assert turn.max_tokens == 50
    assert turn.parameters == {
        "temperature": 0.2,
        "reasoning_effort": "low",
        "verbosity": "low",
        "response_format": {"type": "json_schema", "json_schema": shape},
    }
    turn = messages(
        max_tokens=50,
        temperature=0.2,
        stop_sequences=["END"],
        thinking={"type": "enabled", "budget_tokens": 1024},
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
    )
    assert turn.max_tokens == 50
    assert turn.parameters["stop"] == ["END"]
    assert turn.parameters["response_format"]["json_schema"]["schema"] == SCHEMA


def test_functions_and_choices_in_each_shape() -> None:
    weather = FunctionTool(name="weather", description="Asks.", parameters=SCHEMA, strict=True)
    said = {"name": "weather", "description": "Asks.", "strict": True}
    function = {**said, "parameters": SCHEMA}
    for_chat = [{"type": "function", "function": function}, RETRIEVAL]
    for_responses = [{"type": "function", **function}, RETRIEVAL]
    for_messages = [{**said, "input_schema": SCHEMA}, RETRIEVAL]
    name = ToolChoice(mode="named", name="weather")
    search = ToolChoice(mode="named")
    choices: list[tuple[Turn, ToolChoice]] = [
        (chat(tools=for_chat, tool_choice="required"), ToolChoice(mode="required")),
        (chat(tools=for_chat, tool_choice="none"), ToolChoice(mode="none")),
        (
            chat(tools=for_chat, tool_choice={"type": "function", "function": {"name": "weather"}}),
            name,
        ),
        (chat(tools=for_chat, tool_choice={"type": "knowledge_base_retrieval"}), search),
        (responses(tools=for_responses, tool_choice="auto"), ToolChoice()),
        (responses(tools=for_responses, tool_choice={"type": "function", "name": "weather"}), name),
        (responses(tools=for_responses, tool_choice={"type": "file_search"}), search),
        (messages(tools=for_messages, tool_choice={"type": "any"}), ToolChoice(mode="required")),
        (messages(tools=for_messages, tool_choice={"type": "none"}), ToolChoice(mode="none")),
        (messages(tools=for_messages, tool_choice={"type": "tool", "name": "weather"}), name),
    ]
    for turn, choice in choices:
        assert turn.tools[0] == weather
        assert turn.tool_choice == choice
    one_by_one = {"type": "auto", "disable_parallel_tool_use": True}
    assert not messages(tools=for_messages, tool_choice=one_by_one).parallel_tool_calls
    assert not chat(parallel_tool_calls=False).parallel_tool_calls
    assert not responses(parallel_tool_calls=False).parallel_tool_calls


CALL = ToolCall(id="call_1", name="weather", arguments='{"city": "Oslo"}')


def test_a_conversation_in_chat_completions() -> None:
    function = {"name": "weather", "arguments": CALL.arguments}
    turn = chat(
        messages=[
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                    {"type": "text", "text": "And the weather?"},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "annotations": [],
                "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "Rain."},
            {"role": "assistant", "content": "It rains."},
            USER,
        ]
    )
    assert turn.messages == (
        Message(role="system", text="Be brief."),
        Message(role="user", text="What is this?\nAnd the weather?", images=(PNG,)),
        Message(role="assistant", tool_calls=(CALL,)),
        Message(role="tool", text="Rain.", tool_call_id="call_1"),
        Message(role="assistant", text="It rains."),
        Message(role="user", text="How long?"),
    )


def test_a_conversation_in_responses() -> None:
    search = {"type": "file_search_call", "id": "fs_1", "queries": ["weather"], "status": "x"}
    call = {"type": "function_call", "call_id": "call_1", "name": "weather"}
    later = {"type": "function_call", "call_id": "call_2", "name": "now", "arguments": "{}"}
    conversation: Any = [
        {"role": "user", "content": [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_image", "image_url": PNG, "detail": "auto"},
        ]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        search,
        {"type": "message", "role": "assistant", "id": "msg_1", "content": [
            {"type": "output_text", "text": "A cat.", "annotations": []},
            {"type": "output_text", "text": " I think."},
        ]},
        {"role": "developer", "content": "Be brief."},
        {**search, "id": "fs_2"},
        {**call, "arguments": CALL.arguments},
        later,
        {"type": "function_call_output", "call_id": "call_1", "output": "Rain."},
        {"type": "function_call_output", "call_id": "call_2", "output": [
            {"type": "input_text", "text": "Noon."},
        ]},
    ]  # fmt: skip
    now = ToolCall(id="call_2", name="now", arguments="{}")
    again = ToolCall(id="fs_2", name="knowledge_base_retrieval", arguments='{"query": "weather"}')
    expected = (
        Message(role="system", text="Be kind."),
        Message(role="user", text="What is this?", images=(PNG,)),
        Message(role="assistant", text="A cat. I think."),
        Message(role="system", text="Be brief."),
        Message(role="assistant", tool_calls=(CALL, now)),
        Message(role="tool", text="Rain.", tool_call_id="call_1"),
        Message(role="tool", text="Noon.", tool_call_id="call_2"),
    )
    assert responses(input=conversation, instructions="Be kind.").messages == expected
    searching = responses(input=conversation, tools=[RETRIEVAL]).messages
    assert searching[3].tool_calls == (again, CALL, now)


def test_a_conversation_in_messages() -> None:
    found = {
        "type": "search_result",
        "source": "https://a.test",
        "title": "A",
        "content": [{"type": "text", "text": "It waits."}],
        "citations": {"enabled": True},
    }
    document = {
        "type": "document",
        "title": "B",
        "source": {"type": "text", "media_type": "text/plain", "data": "It goes back."},
    }
    image = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    conversation: Any = [
        {"role": "user", "content": [
            found, document, {"type": "image", "source": image}, {"type": "text", "text": "So?"},
        ]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "text", "text": "It waits", "citations": [{"type": "search_result_location"}]},
            {"type": "text", "text": "."},
            {"type": "mcp_tool_use", "id": "m", "name": "a", "server_name": "b", "input": {}},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}},
        ]},
        {"role": "user", "content": [
            {"type": "text", "text": "Well?"},
            {"type": "tool_result", "tool_use_id": "call_1", "is_error": True, "content": [found]},
        ]},
    ]  # fmt: skip
    system = [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]
    turn = messages(messages=conversation, system=system)
    assert turn.messages == (
        Message(role="system", text="Be kind."),
        Message(
            role="user",
            text="A\nhttps://a.test\nIt waits.\nB\nIt goes back.\nSo?",
            images=(PNG,),
        ),
        Message(role="assistant", text="It waits.", tool_calls=(CALL,)),
        Message(role="tool", text="Error: A\nhttps://a.test\nIt waits.", tool_call_id="call_1"),
        Message(role="user", text="Well?"),
    )
    request = {"model": "tiny", "messages": conversation}
    assert search_results(MessagesRequest.model_validate(request)) == 2


@pytest.mark.parametrize("field", ["previous_response_id", "conversation"])
async def test_what_would_have_to_be_stored_is_refused(
    http: httpx.AsyncClient, gateway: ScriptedGateway, field: str
) -> None:
    with pytest.raises(NothingIsStored, match=field):
        responses(**{field: "resp_1"})
    answer = await whole(http, DOORS["responses"], **{field: "resp_1"})
    assert answer["status"] == 400
    assert "stores no prompts" in answer["body"]["error"]["message"]
    assert not gateway.turns


@pytest.mark.parametrize(
    ("turn_of", "fields"),
    [
        (chat, {"messages": []}),
        (chat, {"messages": [{"role": "function", "content": "x"}]}),
        (chat, {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}),
        (chat, {"messages": [{"role": "user", "content": "half \ud83d"}]}),
        (chat, {"n": 2}),
        (chat, {"temperature": 3}),
        (responses, {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        (responses, {"input": [{"role": "user", "content": [{"type": "input_file"}]}]}),
        (responses, {"background": True}),
        (messages, {"messages": []}),
        (messages, {"messages": [{"role": "user", "content": [{"type": "container_upload"}]}]}),
        (messages, {"max_tokens": 0}),
    ],
)
def test_what_cannot_be_read_is_refused(turn_of: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        turn_of(**fields)


def connector(tool: dict[str, Any] | None = None, **server: Any) -> Turn:
    named = {"type": "url", "name": "wiki", "url": "https://wiki.test/mcp", **server}
    return messages(mcp_servers=[named], tools=[tool] if tool else None)


def test_anthropics_mcp_connector_in_both_its_forms() -> None:
    toolset = {"type": "mcp_toolset", "mcp_server_name": "wiki"}
    off = {"default_config": {"enabled": False}, "configs": {"read": {"enabled": True}}}
    assert connector(toolset, authorization_token="s3cret").tools == (
        McpTool(label="wiki", url="https://wiki.test/mcp", authorization="s3cret"),
    )
    for turn in (
        connector({**toolset, **off}),
        connector(tool_configuration={"enabled": True, "allowed_tools": ["read"]}),
    ):
        (tool,) = turn.tools
        assert isinstance(tool, McpTool)
        assert tool.allowed_tools == ("read",)
    for wrong in (
        {**toolset, "mcp_server_name": "other"},
        {**toolset, "configs": {"write": {"enabled": False}}},
    ):
        with pytest.raises(UnsupportedToolset):
            connector(wrong)


async def test_a_key_is_looked_at_before_the_body(
    http: httpx.AsyncClient, gateway: ScriptedGateway
) -> None:
    gateway.script = [finished()]
    for door in DOORS.values():
        for path in (door.path, door.path.removeprefix("/v1")):
            broken = await http.post(path, content=b"{", headers={"authorization": "Bearer wrong"})
            assert broken.status_code == 401
            assert "Bearer <key>" in broken.json()["error"]["message"]
            assert broken.headers["www-authenticate"] == "Bearer"
            unreadable = await http.post(path, content=b"{")
            assert unreadable.status_code == 400
            assert (await http.post(path, json=door.request)).status_code == 200
    assert len(set(gateway.teams)) == 1
