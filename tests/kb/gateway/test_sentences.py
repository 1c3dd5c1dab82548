"""Where sentences stand."""

from __future__ import annotations

import pytest

from kb.gateway.sentences import sentence_spans


@pytest.mark.parametrize(
    "sentences",
    [
        ["Paris is old.", "Rome is older!", "Is it?", "Yes."],
        ["Dr. Smith and J. Doe, i.e. two, came at 3.5 km/h.", "They left."],
        ["Er kam z. B. mit Frau Dr. Meier.", "Danach ging er."],
        ['He said "No."', "Then he left."],
        ["The U.S. law applies.", "It is old."],
        ["1. First do this.", "Then that."],
        ["The answer is no.", "Ask again."],
        ["Unknown approxim. in small letters goes on.", "Next."],
    ],
)
def test_sentences_end_at_stops_that_end_them(sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


def test_lines_are_sentences_but_for_wrapped_ones() -> None:
    text = "# Title\n\n- one\n- Two is\n  wrapped here\nThree"
    found = [text[start:end] for start, end in sentence_spans(text)]
    assert found == ["Title", "one", "Two is\n  wrapped here", "Three"]


def test_wide_stops_need_no_blank() -> None:
    text = "東京は首都です。「はい。」次です。"
    assert [text[start:end] for start, end in sentence_spans(text)] == [
        "東京は首都です。",
        "「はい。」",
        "次です。",
    ]
