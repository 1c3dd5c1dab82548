from __future__ import annotations

import json

import pytest

from kb.gateway.turn import FunctionTool, Message, ToolCall, ToolChoice
from kb.gateway.upstream.request import to_body
from tests.kb.gateway.upstream.asking import SEARCH, ask, entry, question

ENTRY = entry("http://127.0.0.1:1/v1")


def test_a_plain_question_is_asked_for_as_a_stream_with_usage() -> None:
    assert to_body(ENTRY, question("Hello")) == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_server_is_asked_for_the_model_by_its_name_there() -> None:
    named = entry("http://127.0.0.1:1/v1", model="org/model-7b")
    assert to_body(named, question())["model"] == "org/model-7b"


def test_parameters_of_the_request_win_over_the_models_and_neither_over_ours() -> None:
    model = entry("http://127.0.0.1:1/v1", parameters={"temperature": 0.2, "top_p": 0.9})
    body = to_body(model, question(parameters={"temperature": 1, "stream": False, "seed": 3}))
    assert (body["temperature"], body["top_p"], body["seed"]) == (1, 0.9, 3)
    assert body["stream"] is True


@pytest.mark.parametrize(
    ("asked", "most", "sent"), [(None, None, None), (50, None, 50), (None, 80, 80), (90, 80, 80)]
)
def test_no_more_tokens_are_asked_for_than_the_model_may_write(
    asked: int | None, most: int | None, sent: int | None
) -> None:
    model = entry("http://127.0.0.1:1/v1", max_output_tokens=most)
    assert to_body(model, question(max_tokens=asked)).get("max_tokens") == sent


def test_content_has_parts_only_where_there_are_images() -> None:
    picture = Message(role="user", text="What is this?", images=("data:image/png;base64,AA==",))
    bare = Message(role="user", images=("https://example.com/a.png",))
    assert [one["content"] for one in to_body(ENTRY, ask(picture, bare))["messages"]] == [
        [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        ],
        [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
    ]


def test_calls_and_their_results_are_told_in_order() -> None:
    call = ToolCall(id="call_1", name="get_weather", arguments='{"city": "Oslo"}')
    asked = ask(
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", text="sunny", tool_call_id="call_1"),
    )
    assert to_body(ENTRY, asked)["messages"] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
                }
            ],
        },
        {"role": "tool", "content": "sunny", "tool_call_id": "call_1"},
    ]


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "null", "[" * 100_000])
def test_arguments_that_are_no_object_are_told_as_an_empty_one(arguments: str) -> None:
    call = ToolCall(id="call_1", name="get_weather", arguments=arguments)
    body = to_body(ENTRY, ask(Message(role="assistant", tool_calls=(call,))))
    assert body["messages"][0]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_functions_are_told_whole() -> None:
    bare = FunctionTool(name="now", strict=True)
    assert to_body(ENTRY, question(functions=(SEARCH, bare)))["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "knowledge_base_retrieval",
                "description": "Searches the knowledge base.",
                "parameters": SEARCH.parameters,
            },
        },
        {
            "type": "function",
            "function": {
                "name": "now",
                "description": "",
                "parameters": {"type": "object", "properties": {}},
                "strict": True,
            },
        },
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice(), None),
        (ToolChoice(mode="none"), "none"),
        (ToolChoice(mode="required"), "required"),
        (
            ToolChoice(mode="named", name="get_weather"),
            {"type": "function", "function": {"name": "get_weather"}},
        ),
    ],
)
def test_a_choice_is_told_unless_it_is_the_models_own(choice: ToolChoice, sent: object) -> None:
    body = to_body(ENTRY, question(functions=(SEARCH,), choice=choice))
    assert body.get("tool_choice") == sent
    assert body["parallel_tool_calls"] is True
    assert "tool_choice" not in to_body(ENTRY, question(choice=choice))


def test_the_same_question_is_the_same_to_the_letter() -> None:
    asked = question(functions=(SEARCH,), parameters={"seed": 1})
    assert json.dumps(to_body(ENTRY, asked)) == json.dumps(to_body(ENTRY, asked))
