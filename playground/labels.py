"""Questions with gold as they are made by hand: selected text as spans, drafts taken or left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from playground.errors import PlaygroundError
from retrieval.eval.dataset import checked, occurrences
from retrieval.eval.errors import InvalidDataset
from retrieval.eval.question import Gold, Question
from retrieval.results import Result


class NotSelected(PlaygroundError):
    """Select the words of the passage that answer the question, all of them in one passage."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A question that somebody has yet to take or leave."""

    question: Question
    taken: bool = False


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


def read_jsonl(data: bytes, *, name: str) -> list[Question]:
    """An uploaded file's questions. Raises `InvalidDataset`, which names the line."""
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as exc:
        raise InvalidDataset(f"{name} is not in UTF-8.") from exc
    found: list[Question] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(Question.model_validate_json(line))
        except ValidationError as exc:
            said = exc.errors()[0]
            where = ".".join(map(str, said["loc"]))
            raise InvalidDataset(f"{name}, line {number}: {where} {said['msg']}.") from exc
    return checked(found)


def as_jsonl(questions: Sequence[Question]) -> bytes:
    """A file that `kb eval add` takes."""
    rows = (
        one.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for one in questions
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
