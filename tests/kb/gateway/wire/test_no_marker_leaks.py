"""No client of any API sees a citation marker, however the model's answer comes in pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.gateway.events import Event, NumberedPassage
from kb.gateway.markers import MarkerFilter
from kb.gateway.wire.chat_body import ChatBody
from kb.gateway.wire.chat_stream import ChatStream
from kb.gateway.wire.messages_stream import MessagesStream
from kb.gateway.wire.responses_request import ResponsesRequest
from kb.gateway.wire.responses_stream import ResponsesStream
from kb.gateway.wire.responses_turn import to_turn
from kb.gateway.wire.sse import encode
from kb.gateway.wire.telling import Json, Telling
from tests.kb.gateway.wire.recording import said
from tests.kb.gateway.wire.scripts import AGAIN, SEARCH, finished, passage, search

ORIGIN = "http://kb.test"
PASSAGES = {n: passage(n, f"Passage {n}.", f"{n}.md") for n in range(1, 6)}
WORDS = [
    "parcel",
    "14 days",
    "\U0001f4e6\U0001f468\u200d\U0001f469",
    "\u5305\u88f9\u5728\u7b49\u5f85\u3002",
    "- Item",
    "[x]",
    "(so far)",
]
CODE = ["`list[1]`", "\n```python\nrow[1] = rows[[2]]  # \u30103\u3011\n```\n", "``a ` [1]``"]
"""Brackets in it are the code's own."""
MARKERS = [
    *("", "", "[1]", " [1]", "[1][2]", " [1] [2]", "[1, 2]", " [1,2;3]", "[1-3]", " [2\u20134, 5]"),
    *("[[1]]", " [[1], [2]]", " ([1])", " ([1][2])", "[^1]", "[99]", " [1, 99]"),
    *("\u30101\u3011", " \u30101\u3011\u30102\u3011", "\uff3b1\uff3d", "\u30101\u2020L3-L9\u3011"),
]
ENDS = [".", "!", ".\n", "\n\n", ":", ",", ""]
UNFINISHED = ["", "", " [", " [1", "[1,", " [[2", "[[2]", " ([1], ", "\u3010", "\u30101\u2020so"]
"""What an answer may break off in."""


@dataclass(frozen=True)
class Written:
    """What a model wrote in one round, in pieces, and what of it is text."""

    pieces: list[str]
    text: str


@st.composite
def rounds(draw: st.DrawFn) -> Written:
    written = text = ""
    for _ in range(draw(st.integers(1, 8))):
        word = draw(st.sampled_from(WORDS + CODE))
        marker, end, after = (draw(st.sampled_from(one)) for one in (MARKERS, ENDS, MARKERS))
        written += f"{word}{marker}{end}{after} "
        text += word + end
    unfinished = draw(st.sampled_from(UNFINISHED))
    text += unfinished if unfinished.strip() in ("[", "\u3010") else ""
    written = written.rstrip(" ") + unfinished
    cuts = sorted(draw(st.lists(st.integers(0, len(written)), max_size=40)))
    places = zip([0, *cuts], [*cuts, len(written)], strict=True)
    return Written([written[start:end] for start, end in places], text)


def events(*rounds: Written) -> list[Event]:
    """A turn that searches before each round."""
    found: dict[int, NumberedPassage] = PASSAGES
    markers = MarkerFilter(found.get)
    told: list[Event] = []
    for one, call in zip(rounds, (SEARCH, AGAIN), strict=True):
        told += search(call, "parcel", *found.values())
        for piece in one.pieces:
            told += markers.feed(piece)
        told += markers.end_round()
    return [*told, finished(rounds=2)]


def chat() -> tuple[Telling, Callable[[Event], None], Callable[[], str]]:
    body = ChatBody("tiny", ORIGIN)
    telling = ChatStream("tiny", ORIGIN, include_usage=True)
    return telling, body.take, lambda: body.body["choices"][0]["message"]["content"]


def responses() -> tuple[Telling, Callable[[Event], None], Callable[[], str]]:
    request = ResponsesRequest.model_validate({"model": "tiny", "input": "?"})
    one, other = (ResponsesStream(request, to_turn(request), ORIGIN) for _ in range(2))
    return one, lambda event: _drain(other, event), lambda: other.body()["output_text"]


def messages() -> tuple[Telling, Callable[[Event], None], Callable[[], str]]:
    one, other = (MessagesStream("tiny", ORIGIN) for _ in range(2))

    def text() -> str:
        blocks: list[Json] = other.body()["content"]
        return "".join(block["text"] for block in blocks)

    return one, lambda event: _drain(other, event), text


def _drain(telling: Telling, event: Event) -> None:
    for _ in telling.tell(event):
        pass


@pytest.mark.parametrize("api", [chat, responses, messages])
@settings(max_examples=500, deadline=None)
@given(first=rounds(), second=rounds())
def test_no_marker_leaks_into_the_text(api: Any, first: Written, second: Written) -> None:
    telling, take, whole = api()
    stream = b"".join(map(encode, telling.begin()))
    for event in events(first, second):
        stream += b"".join(map(encode, telling.tell(event)))
        take(event)
    expected = _letters(first.text + second.text)
    assert _letters(said(stream.decode())) == expected
    assert _letters(whole()) == expected


def _letters(text: str) -> str:
    """Without white space: blanks before a marker go with it, and rounds are paragraphs."""
    return "".join(text.split())
