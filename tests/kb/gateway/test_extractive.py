"""Answers without a language model: the passages' own sentences."""

from __future__ import annotations

import pytest

from kb.gateway.errors import ExtractiveNeedsRetrieval, NoMessages
from kb.gateway.events import Cited, Finished, SearchFinished, SearchStarted, TextDelta, Usage
from kb.gateway.extractive import FAILED, NOTHING
from kb.gateway.turn import Message
from retrieval.store import StoreUnavailable
from tests.kb.gateway.scripted import Search, gateway, of_kind, passage, quoted, run, text_of, turn

DESK = passage(
    "The front desk opens at eight. A parcel may wait at the desk for nine days. "
    "Then it goes back to the sender.",
    name="desk.md",
)
KEYS = passage("Lost keys are reported to the night guard. He has a list.", name="keys.md")


async def test_the_best_sentences_are_quoted_and_cited() -> None:
    search = Search(DESK, KEYS)
    question = "How many days may a parcel wait?"
    events = await run(gateway(None, search), turn(question, model="extractive"))
    assert [type(one) for one in events] == [
        SearchStarted,
        SearchFinished,
        TextDelta,
        Cited,
        Finished,
    ]
    assert quoted(events) == [([1], "A parcel may wait at the desk for nine days.")]
    assert search.queries == [question]
    assert events[-1] == Finished(reason="stop", usage=Usage(), rounds=0)


async def test_several_sentences_stand_in_the_order_of_their_passages() -> None:
    question = "parcel days and lost keys guard"
    events = await run(gateway(None, Search(DESK, KEYS)), turn(question, model="extractive"))
    assert quoted(events) == [
        ([1], "A parcel may wait at the desk for nine days."),
        ([2], "Lost keys are reported to the night guard."),
    ]
    assert text_of(events) == " ".join(quote for _, quote in quoted(events))


async def test_the_same_question_has_the_same_answer() -> None:
    made = gateway(None, Search(DESK, KEYS))
    once, again = [await run(made, turn("parcel", model="extractive")) for _ in range(2)]
    assert once == again


async def test_what_was_found_by_meaning_alone_is_quoted_from_its_beginning() -> None:
    events = await run(gateway(None, Search(DESK)), turn("Bonjour?", model="extractive"))
    assert quoted(events) == [([1], "The front desk opens at eight.")]


async def test_the_last_question_counts() -> None:
    conversation = (
        Message(role="user", text="Hello"),
        Message(role="assistant", text="Yes?"),
        Message(role="user", text="keys"),
    )
    search = Search(KEYS)
    await run(gateway(None, search), turn(*conversation, model="extractive"))
    assert search.queries == ["keys"]


async def test_nothing_found_is_said() -> None:
    events = await run(gateway(None, Search()), turn("keys", model="extractive"))
    assert text_of(events) == NOTHING
    assert of_kind(events, Cited) == []


async def test_a_failing_search_is_said() -> None:
    search = Search(error=StoreUnavailable())
    events = await run(gateway(None, search), turn("keys", model="extractive"))
    assert text_of(events) == FAILED
    assert of_kind(events, SearchFinished)[0].error


async def test_an_image_in_a_passage_is_not_loaded_by_the_answer() -> None:
    bad = passage("Keys are here ![k](https://evil.test/?q=1) today.", name="bad.md")
    events = await run(gateway(None, Search(bad)), turn("keys", model="extractive"))
    assert text_of(events) == "Keys are here (image: k) today."


async def test_it_needs_something_to_search_and_a_question() -> None:
    with pytest.raises(ExtractiveNeedsRetrieval):
        await run(gateway(None), turn("keys", model="extractive", tools=()))
    answer = Message(role="assistant", text="Yes?")
    with pytest.raises(NoMessages):
        await run(gateway(None), turn(answer, model="extractive"))
