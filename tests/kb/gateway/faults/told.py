"""How each API tells of a turn that failed: before anything was said, and in the middle."""

from __future__ import annotations

from typing import Any

from tests.kb.gateway.answer import Answer

OPENAI = {
    400: "invalid_request_error",
    404: "not_found_error",
    429: "rate_limit_error",
    502: "server_error",
    503: "server_error",
    504: "server_error",
}
ANTHROPIC = {
    400: "invalid_request_error",
    404: "not_found_error",
    429: "rate_limit_error",
    502: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
}
FAILED_RESPONSE = {400: "invalid_prompt", 429: "rate_limit_exceeded"}
"""All else is a `server_error`."""


def refused(api: str, answer: Answer, status: int, code: str) -> str:
    """Checks a response that is an error and nothing else; its message."""
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["request-id"]
    body = answer.body
    if api == "messages":
        assert body.pop("request_id") == answer.headers["request-id"]
    return _message(api, body, status, code)


def broke_off(api: str, answer: Answer, status: int, code: str) -> str:
    """Checks a stream that ends in an error, which `status` would be the number of; its message."""
    assert answer.status == 200, answer.text
    data = [frame["data"] for frame in answer.frames]
    if api == "chat":
        *before, last = data
        assert [one["choices"][0]["finish_reason"] for one in before] == [None] * len(before)
        return _message(api, last, status, code)
    assert [frame["event"] for frame in answer.frames] == [one["type"] for one in data]
    if api == "messages":
        *before, last = data
        assert before[0]["type"] == "message_start"
        assert not {"message_delta", "message_stop"} & {one["type"] for one in before}
        return _message(api, last, status, code)
    *_, error, failed = data
    assert [one["sequence_number"] for one in data] == list(range(len(data)))
    message: str = error.pop("message")
    assert error == {
        "type": "error",
        "sequence_number": len(data) - 2,
        "code": code,
        "param": None,
    }
    assert failed["type"] == "response.failed"
    response = failed["response"]
    assert response["status"] == "failed"
    kind = FAILED_RESPONSE.get(status, "server_error")
    assert response["error"] == {"code": kind, "message": message}
    assert not {"in_progress", "searching"} & {one["status"] for one in response["output"]}
    return message


def _message(api: str, body: dict[str, Any], status: int, code: str) -> str:
    error = body.pop("error")
    message: str = error.pop("message")
    assert message.strip()
    if api == "messages":
        assert body == {"type": "error"}
        assert error == {"type": ANTHROPIC[status], "code": code}
    else:
        assert body == {}
        assert error == {"type": OPENAI[status], "param": None, "code": code}
    return message
