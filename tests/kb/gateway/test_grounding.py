"""Sentences that no cited passage supports."""

from __future__ import annotations

import pytest

from kb.gateway.events import Cited, Event, Finished, NumberedPassage, TextDelta, Usage
from kb.gateway.grounding import Grounding, support
from tests.kb.gateway.scripted import passage

DESK = NumberedPassage(
    number=1,
    passage=passage(
        "A parcel may wait at the front desk for nine days.",
        parent="A parcel may wait at the front desk for nine days. Fees are 1,200 yen a day.",
        name="desk-rules.md",
        section=("Parcels",),
    ),
)
GERMAN = NumberedPassage(
    number=2,
    passage=passage("Pakete warten neun Tage am Empfang.", name="empfang.md", language="de"),
)


def unsupported(text: str, *cited: tuple[str, NumberedPassage]) -> list[str]:
    """The sentences reported, where these quotes of the text carry citations."""
    grounding = Grounding()
    events: list[Event] = [TextDelta(text=text)]
    for quote, source in cited:
        start = text.index(quote)
        events.append(Cited(passages=(source,), start=start, end=start + len(quote)))
    for event in events:
        assert list(grounding.see(event)) == []
    end = Finished(reason="stop", usage=Usage(), rounds=1)
    return [text[one.start : one.end] for one in grounding.see(end)]


def test_a_sentence_in_the_words_of_what_it_cites_is_supported() -> None:
    text = "Parcels can wait nine days at the desk."
    assert unsupported(text, (text, DESK)) == []


def test_what_is_around_the_passage_supports_as_well() -> None:
    text = "Fees are 1.200 yen per day."
    assert unsupported(text, (text, DESK)) == []


def test_a_sentence_without_a_citation_is_reported() -> None:
    text = "Parcels wait nine days. Bring a passport."
    assert unsupported(text, ("Parcels wait nine days.", DESK)) == ["Bring a passport."]


def test_a_sentence_about_other_things_than_it_cites_is_reported() -> None:
    text = "The canteen serves soup every Friday."
    assert unsupported(text, (text, DESK)) == [text]


def test_a_number_that_stands_nowhere_is_reported() -> None:
    text = "A parcel may wait at the front desk for 12 days."
    assert unsupported(text, (text, DESK)) == [text]


def test_a_part_with_a_citation_speaks_for_its_sentence() -> None:
    text = "A parcel may wait, at the front desk, nine days."
    assert unsupported(text, ("A parcel may wait", DESK)) == []


def test_each_passage_is_read_in_its_own_language() -> None:
    assert support("Ein Paket wartet am Empfang neun Tage.", [DESK, GERMAN]) >= 0.9
    assert support("Ein Paket wartet am Empfang neun Tage.", [DESK]) < 0.5


@pytest.mark.parametrize(
    "text",
    ["Shall I look further?", "These are the rules:", "```\nprint(12)\n```", "It is.", "- "],
)
def test_what_states_nothing_is_not_judged(text: str) -> None:
    assert unsupported(text) == []
