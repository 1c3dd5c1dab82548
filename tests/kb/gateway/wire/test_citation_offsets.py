"""However an answer and its markers are cut into deltas, citations are of the right characters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kb.gateway.events import Cited, Event, NumberedPassage, SearchFinished, TextDelta
from kb.gateway.markers import MarkerFilter
from kb.gateway.wire.chat_body import ChatBody
from kb.gateway.wire.chat_stream import ChatStream
from kb.gateway.wire.messages_stream import MessagesStream
from kb.gateway.wire.responses_request import ResponsesRequest
from kb.gateway.wire.responses_stream import ResponsesStream
from kb.gateway.wire.responses_turn import to_turn
from kb.gateway.wire.telling import Telling
from tests.kb.gateway.wire.scripts import AGAIN, SEARCH, finished, passage, search

ORIGIN = "http://kb.test"
PASSAGES = {n: passage(n, f"Passage {n}.", f"{n}.md") for n in (1, 2, 3)}
WORDS = [
    "parcel",
    "waits",
    "14",
    "days",
    "\U0001f4e6\U0001f468\u200d\U0001f469",
    "Übergrö\u00dfe",
    "e.g.",
    "\u5305\u88f9\u5728\u7b49\u5f85\u3002",
    "cafe\u0301",
    "`list[1]`",
    "- Item",
]
MARKERS = ["", "", " [1]", "[2]", " [1][3]", "[2, 1]", " [9]", "[1-3]", " [[2]]", "\u30103\u3011"]
ENDS = [".", "!", "?", "\n\n", ". ", ".\n", ":", "\u3002", ""]


@st.composite
def written(draw: st.DrawFn) -> list[str]:
    """An answer with markers, as it comes from a model: cut anywhere."""
    text = ""
    for _ in range(draw(st.integers(1, 6))):
        text += " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5)))
        before, after = draw(st.sampled_from(MARKERS)), draw(st.sampled_from(MARKERS))
        text += before + draw(st.sampled_from(ENDS)) + after + draw(st.sampled_from(["", " "]))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@dataclass(frozen=True)
class Turn:
    """What a gateway would tell of such an answer."""

    events: list[Event]
    text: str
    cited: list[Cited]


def turn_of(*rounds: list[str]) -> Turn:
    """One that searches before each round."""
    markers = MarkerFilter(PASSAGES.get)
    events: list[Event] = []
    for deltas, call in zip(rounds, (SEARCH, AGAIN), strict=False):
        events += search(call, "parcel", *PASSAGES.values())
        events += [event for delta in deltas for event in markers.feed(delta)]
        events += markers.end_round()
    return Turn(
        events=[*events, finished()],
        text="".join(event.text for event in events if isinstance(event, TextDelta)),
        cited=[event for event in events if isinstance(event, Cited)],
    )


def frames(telling: Telling, events: list[Event]) -> Iterator[dict[str, Any]]:
    for frame in [*telling.begin(), *(one for event in events for one in telling.tell(event))]:
        if isinstance(frame.data, str):
            continue
        yield dict(frame.data)


def spans(turn: Turn) -> list[tuple[str, str]]:
    """Each citation as the words that it is of, and the document that it names."""
    return [
        (turn.text[one.start : one.end], name(each)) for one in turn.cited for each in one.passages
    ]


def apart(turn: Turn) -> list[tuple[str, str]]:
    """The same where a character is in one block only: of what is cited twice in a row, the second
    citation has the rest, and one that has no rest joins the first."""
    found: list[tuple[int, str, list[NumberedPassage]]] = []
    for one in turn.cited:
        last = found[-1][0] if found else 0
        start = max(one.start, last)
        if found and start >= one.end:
            found[-1][2].extend(one.passages)
        else:
            found.append((one.end, turn.text[start : one.end], [*one.passages]))
    return [(text, name(one)) for _, text, passages in found for one in passages]


def name(one: NumberedPassage) -> str:
    return one.passage.citation.document.item_name


@settings(max_examples=500, deadline=None)
@given(written(), written())
def test_chat_completions_annotate_the_words_that_are_cited(
    deltas: list[str], more: list[str]
) -> None:
    turn = turn_of(deltas, more)
    body = ChatBody("tiny", ORIGIN)
    for event in turn.events:
        body.take(event)
    message = body.body["choices"][0]["message"]
    choices = [
        choice
        for chunk in frames(ChatStream("tiny", ORIGIN, include_usage=False), turn.events)
        for choice in chunk["choices"]
    ]
    streamed = "".join(choice["delta"].get("content", "") for choice in choices)
    annotations = [one for choice in choices for one in choice["delta"].get("annotations", ())]
    assert message["content"] == streamed == turn.text
    assert [{"index": at, **one} for at, one in enumerate(message["annotations"])] == annotations
    told = [one["url_citation"] for one in annotations]
    cut = [(streamed[one["start_index"] : one["end_index"]], one["title"]) for one in told]
    assert cut == spans(turn)


@settings(max_examples=500, deadline=None)
@given(written(), written())
def test_responses_annotate_where_each_message_has_come_to(
    deltas: list[str], more: list[str]
) -> None:
    turn = turn_of(deltas, more)
    request = ResponsesRequest.model_validate({"model": "tiny", "input": "?"})
    telling = ResponsesStream(request, to_turn(request), ORIGIN)
    texts: dict[str, str] = {}
    annotations: dict[str, list[dict[str, Any]]] = {}
    cited: list[tuple[str, str]] = []
    for frame in frames(telling, turn.events):
        if frame["type"] == "response.output_text.delta":
            item = frame["item_id"]
            texts[item] = texts.get(item, "") + frame["delta"]
        elif frame["type"] == "response.output_text.annotation.added":
            item, annotation = frame["item_id"], frame["annotation"]
            told = annotations.setdefault(item, [])
            assert frame["annotation_index"] == len(told)
            assert annotation["index"] == len(texts[item])
            told.append(annotation)
            cited.append(("".join("".join(texts.values()).split()), annotation["filename"]))
    assert (
        cited
        == [  # the messages' texts without the paragraph's end between them
            ("".join(turn.text[: one.end].split()), name(each))
            for one in turn.cited
            for each in one.passages
        ]
    )
    messages = [item for item in telling.response["output"] if item["type"] == "message"]
    parts = {item["id"]: item["content"][0] for item in messages}
    assert {item: part["text"] for item, part in parts.items()} == texts
    assert {item: part["annotations"] for item, part in parts.items()} == {
        item: annotations.get(item, []) for item in parts
    }


@settings(max_examples=500, deadline=None)
@given(written(), written())
def test_messages_cite_before_the_words_and_in_a_block_of_their_own(
    deltas: list[str], more: list[str]
) -> None:
    turn = turn_of(deltas, more)
    assume(all(one.start < one.end for one in turn.cited))
    telling = MessagesStream("tiny", ORIGIN)
    blocks: list[dict[str, Any]] = []
    for frame in frames(telling, turn.events):
        if frame["type"] == "content_block_start":
            assert frame["index"] == len(blocks)
            blocks.append({"text": "", "citations": []})
        elif frame["type"] == "content_block_delta":
            delta: dict[str, Any] = frame["delta"]
            assert frame["index"] == len(blocks) - 1
            block = blocks[-1]
            if delta["type"] == "citations_delta":
                assert not block["text"], "a citation comes before its text"
                block["citations"].append(delta["citation"])
            else:
                block["text"] += delta["text"]
    assert "".join(block["text"] for block in blocks) == turn.text
    assert all(block["text"] for block in blocks)
    told = [(block["text"], one["title"]) for block in blocks for one in block["citations"]]
    assert told == apart(turn)
    whole = [
        {"text": block["text"], "citations": block.get("citations", [])}
        for block in telling.message["content"]
    ]
    assert whole == blocks


def test_nothing_is_held_back_while_there_is_nothing_to_cite() -> None:
    telling = MessagesStream("tiny", ORIGIN)
    for text in ("Half a", " sentence"):
        (*_, frame) = frames(telling, [TextDelta(text=text)])
        assert frame["delta"] == {"type": "text_delta", "text": text}
    list(telling.tell(SearchFinished(call=SEARCH, queries=("?",), passages=(PASSAGES[1],))))
    assert not list(telling.tell(TextDelta(text=" and more")))
