"""Questions about the user's own documents, written by a language model that quotes its answer."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel, ValidationError

from retrieval.eval.dataset import occurrences
from retrieval.eval.question import Gold, Question, Span
from retrieval.eval.spans import Place, shared
from retrieval.understanding.chat import ChatUnavailable

TAG = "synthetic"
AT_ONCE = 4
TRIES = 3  # passages shown for each question wanted, at most
PAUSES = (1.0, 2.0)  # seconds, before the model is asked a second and a third time
ANSWER_SECONDS = 120.0
LONGEST_PAUSE = 20.0  # whatever the server asks for
ANSWER_TOKENS = 600
PASSAGE_CHARS = 2_000
LEAST_CHARS = 200  # shorter documents say too little to ask about
LONGEST_QUOTE = 600
NEARLY_ALIKE = 0.8  # of the words of two questions: Jaccard

_WORD = re.compile(r"\w+")
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\s"))

ROLE = "You write questions to test a search engine with."
_TASK = (
    "<passage>\n{passage}\n</passage>\n\n"
    "The passage is from the document {document}. Write one question that it answers, as somebody"
    " would ask who has never seen the document: about the matter, naming what it is about, without"
    " words like 'the passage' or 'the document', and not in its wording. Then copy the one or two"
    " sentences of the passage that answer it, word for word. Write in the language of the passage."
    ' Answer with JSON and nothing else: {{"question": "...", "quote": "..."}}'
)


class Ask(Protocol):
    """A language model, as `retrieval.understanding.chat` has one."""

    async def ask(self, role: str, prompt: str, *, max_tokens: int, seconds: float) -> str:
        """What it says, without its thoughts. Raises `ChatUnavailable` or `ChatRefused`."""
        ...


class _Written(BaseModel):
    """What is read of an answer."""

    question: str
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The questions that stood up to the checks, and what became of the others."""

    questions: list[Question]
    unusable: int = 0
    """Answers that were not what was asked for."""

    not_quoted: int = 0
    """Quotes that are not in the passage, or more than once in the document."""

    alike: int = 0
    """Questions much like an earlier one, in words or in what answers them."""


@dataclass(slots=True)
class _Sorted:
    """The same, as it grows."""

    wanted: int
    questions: list[Question] = field(default_factory=list[Question])
    words: list[frozenset[str]] = field(default_factory=list[frozenset[str]])
    answers: list[Place] = field(default_factory=list[Place])
    unusable: int = 0
    not_quoted: int = 0
    alike: int = 0

    def take(self, document: str, text: str, passage: Span, answer: str) -> None:
        """Keep what a model wrote about a passage, if it is any good and wanted."""
        if len(self.questions) == self.wanted:
            return
        written = _read(answer)
        if written is None:
            self.unusable += 1
            return
        span = _quoted(text, passage, written.quote)
        if span is None:
            self.not_quoted += 1
            return
        words = frozenset(_WORD.findall(written.question.casefold()))
        start, end = span
        place = Place(document, start, end)
        if any(_alike(words, other) for other in self.words) or any(
            shared(place, other) for other in self.answers
        ):
            self.alike += 1
            return
        self.words.append(words)
        self.answers.append(place)
        self.questions.append(
            Question(
                id=f"{TAG}-{len(self.questions) + 1}",
                question=written.question,
                gold=[Gold(document=document, start=start, end=end, quote=text[start:end])],
                tags=[TAG],
            )
        )


async def write_questions(
    sizes: Mapping[str, int],
    read_text: Callable[[str], Awaitable[str | None]],
    ask: Ask,
    *,
    count: int,
    seed: int = 0,
    on_progress: Callable[[int], Awaitable[None]] | None = None,
) -> Written:
    """Up to so many questions, each about another passage of the documents.

    `sizes` are the documents by item name: a long one is asked about more often. The same documents
    and seed show the model the same passages in the same order.
    Raises `ChatUnavailable` or `ChatRefused`.
    """
    rng = random.Random(seed)  # noqa: S311 nothing secret depends on it
    sorted_out = _Sorted(count)
    names = sorted(name for name, size in sizes.items() if size > 0)
    weights = [sizes[name] for name in names]
    shown: set[tuple[str, Span]] = set()
    for _ in range(TRIES):
        batch: list[tuple[str, str, Span]] = []
        for name in rng.choices(names, weights, k=count) if names else ():
            text = await read_text(name)
            place = None if text is None else pick_passage(text, rng)
            if text is not None and place is not None and (name, place) not in shown:
                shown.add((name, place))
                batch.append((name, text, place))
        for part in _parts(batch):
            missing = count - len(sorted_out.questions)
            answers = await _asked(ask, part[: max(missing, 0)])
            for (name, text, place), answer in zip(part, answers, strict=False):
                sorted_out.take(name, text, place, answer)
            if on_progress is not None:
                await on_progress(len(sorted_out.questions))
    return Written(
        questions=sorted_out.questions,
        unusable=sorted_out.unusable,
        not_quoted=sorted_out.not_quoted,
        alike=sorted_out.alike,
    )


def pick_passage(text: str, rng: random.Random) -> Span | None:
    """Some passage that begins and ends between paragraphs, or words; none of a short text."""
    if len(text.strip()) < LEAST_CHARS:
        return None
    start = _break(text, rng.randrange(max(1, len(text) - PASSAGE_CHARS)))
    end = _break(text, start + PASSAGE_CHARS)
    if len(text[start:end].strip()) < LEAST_CHARS:
        start, end = max(0, len(text) - PASSAGE_CHARS), len(text)
    return start, end


def prompt(document: str, passage: str) -> str:
    """What the model is asked about a passage."""
    return _TASK.format(passage=passage, document=document)


def _break(text: str, place: int) -> int:
    """The first place from there where a paragraph ends; where none is near, a word."""
    if place <= 0 or place >= len(text):
        return max(0, min(place, len(text)))
    for pattern in _BREAKS:
        if found := pattern.search(text, place, place + PASSAGE_CHARS // 2):
            return found.end()
    return place


async def _asked(ask: Ask, batch: list[tuple[str, str, Span]]) -> list[str]:
    """The model's answers, all asked at once. The first error ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_one(ask, prompt(name, text[slice(*place)])))
                for name, text, place in batch
            ]
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__
    return [task.result() for task in tasks]


async def _one(ask: Ask, said: str) -> str:
    """What the model says, asked three times where that may help."""
    for pause in PAUSES:
        try:
            return await ask.ask(ROLE, said, max_tokens=ANSWER_TOKENS, seconds=ANSWER_SECONDS)
        except ChatUnavailable as exc:
            await asyncio.sleep(min(max(pause, exc.after), LONGEST_PAUSE))
    return await ask.ask(ROLE, said, max_tokens=ANSWER_TOKENS, seconds=ANSWER_SECONDS)


def _parts(batch: list[tuple[str, str, Span]]) -> Iterator[list[tuple[str, str, Span]]]:
    for start in range(0, len(batch), AT_ONCE):
        yield batch[start : start + AT_ONCE]


def _read(answer: str) -> _Written | None:
    found = _OBJECT.search(answer)
    if found is None:
        return None
    try:
        written = _Written.model_validate_json(found.group())
        Question(question=written.question, gold=[Gold(document="-", quote=written.quote)])
    except ValidationError:
        return None
    return written


def _quoted(text: str, passage: Span, quote: str) -> Span | None:
    """Where the quote stands in the passage, if nowhere else and not as all of it."""
    places = occurrences(text, quote)
    if len(places) != 1 or len(quote) > LONGEST_QUOTE:
        return None
    (start, end), (first, last) = places[0], passage
    return (start, end) if first <= start and end <= last else None


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    shared = len(one & other)
    return shared >= NEARLY_ALIKE * (len(one) + len(other) - shared)
