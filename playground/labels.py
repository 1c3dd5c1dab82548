"""Questions with gold as they are made by hand: selected text as spans."""

from __future__ import annotations

import json
from collections.abc import Sequence

from playground.errors import PlaygroundError
from retrieval.eval.dataset import occurrences
from retrieval.eval.question import Gold, Question
from retrieval.results import Result


class NotSelected(PlaygroundError):
    """Select the words of the passage that answer the question, all of them in one passage."""


def gold_of(passage: Result, selected: str) -> Gold:
    """What was selected in a passage, as a span of its document. Raises `NotSelected`.

    White space may differ, as browsers fold it. Of words that the passage has several times the
    first are taken, as they say the same.
    """
    words = selected.strip()
    places = occurrences(passage.text_content, words) if words else []
    if not places:
        raise NotSelected
    start, end = places[0]
    citation = passage.citation
    return Gold(
        document=passage.metadata.item_name,
        start=citation.char_start + start,
        end=citation.char_start + end,
        quote=passage.text_content[start:end],
    )


def with_gold(questions: Sequence[Question], asked: str, gold: Gold) -> list[Question]:
    """The questions with this answer: of the question if it is there, else of a new one."""
    found = list(questions)
    for number, one in enumerate(found):
        if one.question == asked:
            if gold not in one.gold:
                found[number] = one.model_copy(update={"gold": [*one.gold, gold]})
            return found
    return [*found, Question(question=asked, gold=[gold], tags=["labelled"])]


def as_jsonl(questions: Sequence[Question]) -> bytes:
    """A file that `kb eval add` takes."""
    rows = (
        one.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for one in questions
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
