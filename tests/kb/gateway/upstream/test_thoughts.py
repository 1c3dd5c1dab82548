from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.gateway.upstream.thoughts import Thoughts

SAID = [
    ("Paris.", "Paris."),
    ("  Paris.", "  Paris."),
    ("<think>France?</think>\n\nParis.", "Paris."),
    ("\n<think>\nWhich </ one? <think>\n</think>Paris, <b>it</b> is.", "Paris, <b>it</b> is."),
    ("<thin air>", "<thin air>"),
    ("<think", "<think"),
    ("<think>I never come to an end </thin", ""),
    ("<think></think>", ""),
    ("Tags are <think>such</think>.", "Tags are <think>such</think>."),
    ("", ""),
]


@pytest.mark.parametrize(("said", "told"), SAID)
@given(cuts=st.lists(st.integers(0, 60)))
def test_thoughts_are_left_out_wherever_a_text_is_cut(
    said: str, told: str, cuts: list[int]
) -> None:
    places = sorted({0, *(cut for cut in cuts if cut < len(said))})
    thoughts = Thoughts()
    pieces = [said[start:end] for start, end in pairwise([*places, len(said)])]
    text = "".join(thoughts.text(piece) for piece in pieces)
    assert text + thoughts.rest() == told


def test_text_is_told_as_soon_as_it_cannot_be_a_thought() -> None:
    thoughts = Thoughts()
    assert [thoughts.text(piece) for piece in ("<", "th", "e ", "end")] == ["", "", "<the ", "end"]
