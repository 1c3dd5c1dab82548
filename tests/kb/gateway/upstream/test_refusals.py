from __future__ import annotations

import json

import pytest

from kb.gateway.turn import Message, ToolCall
from kb.gateway.upstream.errors import (
    ContextOverflow,
    RequestRefused,
    UpstreamBusy,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnauthorized,
    UpstreamUnavailable,
)
from kb.gateway.upstream.refusals import refusal, streamed_refusal
from tests.kb.gateway.upstream.asking import ask, entry, question

KEY = "sk-0123456789abcdef"
ENTRY = entry("http://127.0.0.1:1/v1", api_key=KEY, context_length=4096)
VLLM = {
    "error": {
        "message": "This model's maximum context length is 4096 tokens. However, you requested"
        " 5000 output tokens and your prompt contains at least 9 input tokens.",
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }
}
OLD_VLLM = {"object": "error", **VLLM["error"]}
VLLM_PROMPT = {
    "error": {
        "message": "The decoder prompt (length 5000) is longer than the maximum model length of"
        " 4096. Make sure that `max_model_len` is no smaller.",
        "type": "BadRequestError",
        "code": 400,
    }
}
LLAMA_CPP = {
    "error": {
        "code": 400,
        "message": "request (5000 tokens) exceeds the available context size (4096 tokens), try"
        " increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 5000,
        "n_ctx": 4096,
    }
}
OPENAI = {"error": {"message": "Too long.", "type": "x", "code": "context_length_exceeded"}}


def refused(status: int, said: object, text: str = "Hello there, server!") -> UpstreamError:
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    return refusal(status, content, ENTRY, question(text), retry_after=None)


@pytest.mark.parametrize("said", [VLLM, OLD_VLLM, VLLM_PROMPT, LLAMA_CPP, OPENAI])
def test_a_context_that_is_too_long_is_an_error_of_its_own(said: object) -> None:
    error = refused(400, said)
    assert type(error) is ContextOverflow
    assert error.detail == "tiny has 4096 tokens."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, UpstreamRefused),
        (400, RequestRefused),
        (404, UpstreamRefused),
        (408, UpstreamUnavailable),
        (422, RequestRefused),
        (429, UpstreamBusy),
        (500, UpstreamUnavailable),
        (503, UpstreamUnavailable),
    ],
)
def test_a_status_says_what_kind_it_is(status: int, kind: type[UpstreamError]) -> None:
    error = refused(status, {"error": {"message": "No such luck."}})
    assert type(error) is kind
    assert error.detail == f"tiny: it answers {status}: No such luck."


@pytest.mark.parametrize(
    "said", [b"<h1>No such luck.</h1>", b'{"error": "<h1>No such luck.</h1>"}']
)
def test_what_is_no_error_of_the_api_is_told_as_well(said: bytes) -> None:
    assert refused(404, said).detail == "tiny: it answers 404: <h1>No such luck.</h1>"


def test_of_a_long_message_only_the_beginning_is_told() -> None:
    assert len(refused(404, b"nothing " * 1000).detail) < 330


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_not_shown(status: int) -> None:
    error = refused(status, {"error": {"message": "Incorrect API key: sk-01**cdef"}})
    assert type(error) is UpstreamUnauthorized
    assert error.detail == f"tiny: it answers {status}."


@pytest.mark.parametrize(
    "message",
    [
        "Invalid input: 'My knee hurts since Monday.\\nIs it bad?'",
        "1 validation error {'content': 'My knee HURTS since'}",
        "cannot parse `hurts since monday`",
        f"Token {KEY} is used up.",
        "bad call: kneepaincauses",
        "no image at https://example.com/knee.png",
        "\\u819d\\u304c\\u75db\\u3044\\u3067\\u3059\\u304b\\u3089\\u52a9\\u3051\\u3066",
    ],
)
def test_a_message_that_repeats_some_of_the_conversation_is_not_told(message: str) -> None:
    asked = ask(
        Message(role="system", text="膝が痛いですから助けて"),
        Message(
            role="user",
            text="My knee hurts\nsince Monday.\nIs it bad?",
            images=("https://example.com/knee.png",),
        ),
        Message(
            role="assistant",
            tool_calls=(
                ToolCall(id="a", name="search", arguments='{"query": "knee pain causes"}'),
            ),
        ),
    )
    said = json.dumps({"error": {"message": message}}).encode()
    assert refusal(400, said, ENTRY, asked, retry_after=None).detail == "tiny: it answers 400"


def test_a_short_question_is_not_repeated_either() -> None:
    assert "gout" not in refused(400, b"cannot parse: Gout?", "Gout?").detail


@pytest.mark.parametrize(("asked", "told"), [(None, 1.0), (7.0, 7.0)])
def test_a_busy_server_says_when_to_come_back(asked: float | None, told: float) -> None:
    error = refusal(429, b"", ENTRY, question(), retry_after=asked)
    assert error.retry_after == told


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (VLLM, ContextOverflow),
        ({"error": {"message": "no", "code": 429}}, UpstreamBusy),
        ({"error": {"message": "no", "code": None}}, UpstreamUnavailable),
        ({"error": {"message": "no", "code": 7}}, UpstreamUnavailable),
        ({"error": "no"}, UpstreamUnavailable),
    ],
)
def test_an_error_that_comes_as_a_chunk_means_the_same(
    said: object, kind: type[UpstreamError]
) -> None:
    assert type(streamed_refusal(json.dumps(said), ENTRY, question())) is kind
