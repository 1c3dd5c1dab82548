"""A model's server that fails, as clients of each API hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import pytest

from kb.gateway.upstream.client import Patience
from tests.kb.gateway.faults.told import broke_off, refused
from tests.kb.gateway.live import Live
from tests.kb.gateway.upstream.test_refusals import VLLM
from tests.kb.gateway.wire.recording import DOORS, said
from tests.llm.scripted import CUT, DONE, Reply, calls, chunk, event

ROLE = chunk({"role": "assistant", "content": ""})
PARCELS = chunk({"content": "Parcels wait"})
SEARCH = Reply(*calls(("knowledge_base_retrieval", '{"query": "how long may a parcel wait"}')))
OVERFLOW = event(VLLM).removeprefix(b"data: ")


@dataclass(frozen=True)
class Fault:
    """What the server does to a request, and what becomes of it."""

    replies: Sequence[Reply]
    """One for each time that it is asked."""

    status: int
    code: str


FAULTS = {
    "timeout": Fault([Reply(repeated=repeat(0.05))], 504, "model_timeout"),
    "429": Fault([Reply(status=429, headers={"retry-after": "60"})], 429, "model_busy"),
    "500": Fault([Reply(b"out of memory", status=500)] * 3, 503, "model_unavailable"),
    "connection cut": Fault([Reply(CUT)] * 3, 503, "model_unavailable"),
    "connection cut mid-stream": Fault([Reply(ROLE, CUT)] * 3, 502, "model_failed"),
    "context overflow": Fault([Reply(OVERFLOW, status=400)], 400, "context_length_exceeded"),
}
MIDWAY = {
    "timeout": Fault([Reply(PARCELS, repeated=repeat(0.05))], 504, "model_timeout"),
    "429": Fault(
        [Reply(PARCELS, event({"error": {"message": "slow down", "code": 429}}), DONE)],
        502,
        "model_failed",
    ),
    "500": Fault(
        [Reply(PARCELS, event({"error": {"message": "out of memory", "code": 500}}), DONE)],
        502,
        "model_failed",
    ),
    "connection cut": Fault([Reply(PARCELS, CUT)], 502, "model_failed"),
    "context overflow": Fault([Reply(PARCELS, event(VLLM), DONE)], 502, "model_failed"),
}


BRIEF = Patience(first_token=0.4, between_tokens=0.4)


def each(faults: dict[str, Fault]) -> pytest.MarkDecorator:
    """Every fault; nobody waits long for a server that says nothing."""
    rows = [(fault, BRIEF if name == "timeout" else None) for name, fault in faults.items()]
    return pytest.mark.parametrize(("fault", "patience"), rows, ids=list(faults))


apis = pytest.mark.parametrize("api", DOORS)
ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@ways
@apis
@each(FAULTS)
async def test_before_anything_was_said_the_response_is_the_error(
    chat: Live, fault: Fault, api: str, *, stream: bool
) -> None:
    chat.server.replies.extend(fault.replies)
    answer = await chat.ask(api, stream=stream)
    refused(api, answer, fault.status, fault.code)
    assert answer.headers.get("retry-after") == ("60" if fault.status == 429 else None)
    assert len(chat.server.requests) == len(fault.replies)
    await chat.is_at_rest()


@ways
@apis
@each(FAULTS)
async def test_after_a_search_a_stream_ends_in_the_error(
    chat: Live, fault: Fault, api: str, *, stream: bool
) -> None:
    chat.server.replies.extend([SEARCH, *fault.replies])
    answer = await chat.ask(api, stream=stream)
    told = broke_off if stream else refused
    told(api, answer, fault.status, fault.code)
    assert len(chat.server.requests) == 1 + len(fault.replies)
    await chat.is_at_rest()


@ways
@apis
@each(MIDWAY)
async def test_in_the_middle_of_an_answer_it_is_not_asked_again_and_what_came_is_kept(
    chat: Live, fault: Fault, api: str, *, stream: bool
) -> None:
    chat.server.replies.extend(fault.replies)
    answer = await chat.ask(api, stream=stream)
    told = broke_off if stream else refused
    told(api, answer, fault.status, fault.code)
    assert said(answer.text) == "Parcels wait" if stream else "Parcels" not in answer.text
    assert len(chat.server.requests) == 1
    await chat.is_at_rest()
