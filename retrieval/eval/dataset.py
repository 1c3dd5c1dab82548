"""Datasets: questions read from JSON lines, and their gold found in the documents' texts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from retrieval.eval.errors import GoldNotFound, InvalidDataset
from retrieval.eval.question import Gold, Question, Span

MAX_QUESTIONS = 20_000
SHOWN_CHARACTERS = 80  # of a quote that is not found


def read_questions(path: Path) -> list[Question]:
    """The questions of a JSONL file, one a line. Raises `InvalidDataset` with the line's number."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise InvalidDataset(f"{path.name} cannot be read: {exc.strerror}.") from exc
    return parse_questions(data, name=path.name)


def parse_questions(data: bytes, *, name: str) -> list[Question]:
    """The same of a file that was read already. Raises `InvalidDataset`, which names it."""
    try:
        lines = data.decode("utf-8-sig").split("\n")  # JSON may hold other line breaks: U+2028
    except UnicodeDecodeError as exc:
        raise InvalidDataset(f"{name} is not in UTF-8.") from exc
    found: list[Question] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(Question.model_validate_json(line))
        except ValidationError as exc:
            raise InvalidDataset(f"{name}, line {number}: {_problems(exc)}.") from exc
    try:
        return checked(found)
    except InvalidDataset as exc:
        raise InvalidDataset(f"{name}: {exc.detail}") from exc


def checked(questions: Sequence[Question]) -> list[Question]:
    """All with an id. Raises `InvalidDataset` where there are none, too many or two of one id."""
    if not questions:
        raise InvalidDataset("There is no question.")
    if len(questions) > MAX_QUESTIONS:
        raise InvalidDataset(f"There are more than {MAX_QUESTIONS:,} questions.")
    found = [
        one if one.id else one.model_copy(update={"id": str(number)})
        for number, one in enumerate(questions, start=1)
    ]
    seen: set[str] = set()
    for one in found:
        if one.id in seen:
            raise InvalidDataset(f"Two questions have the id {one.id!r}.")
        seen.add(one.id)
    return found


def resolved(question: Question, texts: Mapping[str, str]) -> Question:
    """The question with every span and quote of its gold, as they stand in these texts.

    `texts` are canonical texts by item name. Gold that has moved since it was written down is
    found again by its quote, so that it survives new versions of a document as well. Raises
    `GoldNotFound`.
    """
    try:
        return question.model_copy(
            update={"gold": [_resolved(gold, texts) for gold in question.gold]}
        )
    except GoldNotFound as exc:
        raise GoldNotFound(f"Question {question.id!r}: {exc.detail}") from exc


def occurrences(text: str, quote: str) -> list[Span]:
    """Where a quote stands, whatever the white space between its words."""
    pattern = r"\s+".join(map(re.escape, quote.split()))
    return [match.span() for match in re.finditer(pattern, text)]


def _resolved(gold: Gold, texts: Mapping[str, str]) -> Gold:
    if gold.document not in texts:
        raise GoldNotFound(f"there is no indexed document {gold.document!r}.")
    if gold.span is None and gold.quote is None:
        return gold
    text = texts[gold.document]
    start, end = _place(gold, text)
    return gold.model_copy(update={"start": start, "end": end, "quote": text[start:end]})


def _place(gold: Gold, text: str) -> Span:
    span, quote = gold.span, gold.quote
    if span is not None and (quote is None or text[slice(*span)] == quote):
        if span[1] > len(text):
            raise GoldNotFound(
                f"{gold.document!r} has {len(text):,} characters, less than {span[1]:,}."
            )
        if not text[slice(*span)].strip():
            raise GoldNotFound(f"there are no words at {span[0]} to {span[1]}.")
        return span
    assert quote is not None
    found = occurrences(text, quote)
    shown = repr(quote if len(quote) <= SHOWN_CHARACTERS else f"{quote[:SHOWN_CHARACTERS]}...")
    if not found:
        raise GoldNotFound(f"{gold.document!r} does not say {shown}.")
    if span is not None:
        return min(found, key=lambda one: abs(one[0] - span[0]))
    if len(found) > 1:
        raise GoldNotFound(
            f"{gold.document!r} says {shown} {len(found)} times; quote more of it, or give start"
            " and end."
        )
    return found[0]


def _problems(error: ValidationError) -> str:
    return "; ".join(
        ": ".join(filter(None, [".".join(map(str, one["loc"])), one["msg"]]))
        for one in error.errors()
    )
