"""Questions that a language model writes: only what stands up to the checks is kept."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from retrieval.eval import synthetic
from retrieval.eval.synthetic import PASSAGE_CHARS, Written, pick_passage, write_questions
from retrieval.understanding.chat import ChatUnavailable

ANIMALS = ("fox", "owl", "bear", "wolf", "hare", "stag", "boar", "lynx", "toad", "crow", "newt")
TEXT = "\n\n".join(
    f"The {animal} of ward {number} sleeps {number * 7} hours. " + "It rests. " * 20
    for number, animal in enumerate(ANIMALS * 8, start=1)
)


def passage_in(prompt: str) -> str:
    return prompt.partition("<passage>\n")[2].partition("\n</passage>")[0]


def first_sentence(prompt: str) -> str:
    """What a good model does."""
    passage = passage_in(prompt)
    quote = next(one for one in passage.split(". ") if " sleeps " in one).split("\n\n")[-1]
    return json.dumps(
        {"question": f"How long does {quote.partition(' sleeps ')[0]} sleep?", "quote": quote}
    )


class Model:
    """Writes what it is told to; remembers what it was asked."""

    def __init__(self, writes: Callable[[str], str] = first_sentence) -> None:
        self.writes = writes
        self.prompts: list[str] = []

    async def ask(self, role: str, prompt: str, *, max_tokens: int, seconds: float) -> str:
        assert role
        assert max_tokens > 100
        assert seconds > 20
        self.prompts.append(prompt)
        return self.writes(prompt)


async def write(model: Model, *, count: int = 8, seed: int = 0, text: str = TEXT) -> Written:
    async def read_text(name: str) -> str | None:
        return {"zoo.md": text, "short.md": "Nothing."}.get(name)

    sizes = {"zoo.md": 10_000, "short.md": 8, "gone.md": 10}
    return await write_questions(sizes, read_text, model, count=count, seed=seed)


async def test_gold_is_the_quote_where_it_stands_in_the_document() -> None:
    found = await write(Model())
    assert len(found.questions) == 8
    for one in found.questions:
        (gold,) = one.gold
        assert gold.span is not None
        assert TEXT[slice(*gold.span)] == gold.quote
        assert gold.document == "zoo.md"
        assert one.tags == ["synthetic"]
    assert len({one.id for one in found.questions}) == 8


async def test_the_same_seed_shows_the_same_passages() -> None:
    one, same, other = Model(), Model(), Model()
    assert await write(one) == await write(same)
    assert one.prompts == same.prompts
    await write(other, seed=1)
    assert one.prompts != other.prompts


async def test_a_quote_that_is_not_in_the_passage_is_left_out() -> None:
    found = await write(Model(lambda prompt: '{"question": "Who?", "quote": "The yeti."}'), count=3)
    assert found.questions == []
    assert found.not_quoted > 0


async def test_a_quote_that_stands_there_twice_is_left_out() -> None:
    found = await write(Model(lambda prompt: '{"question": "Who?", "quote": "It rests."}'), count=3)
    assert (found.questions, found.unusable) == ([], 0)


async def test_questions_much_alike_are_asked_once() -> None:
    def alike(prompt: str) -> str:
        return json.dumps(
            {**json.loads(first_sentence(prompt)), "question": "Who sleeps how long?"}
        )

    found = await write(Model(alike), count=5)
    assert len(found.questions) == 1
    assert found.alike > 0


@pytest.mark.parametrize(
    "answer",
    ["", "I would rather not.", "{", '{"question": "Who?"}', '{"question": " ", "quote": "x"}'],
)
async def test_an_answer_that_is_none_is_left_out(answer: str) -> None:
    found = await write(Model(lambda prompt: answer), count=2)
    assert found.questions == []
    assert found.unusable > 0


async def test_json_may_come_with_words_around_it() -> None:
    found = await write(Model(lambda prompt: f"Here:\n```json\n{first_sentence(prompt)}\n```"))
    assert len(found.questions) == 8


async def test_no_more_is_asked_than_is_needed() -> None:
    model = Model()
    await write(model, count=3)
    assert len(model.prompts) < 9


async def test_a_model_that_fails_ends_it() -> None:
    def fail(prompt: str) -> str:
        raise ConnectionError("It is gone.")

    with pytest.raises(ConnectionError):
        await write(Model(fail))


async def test_a_model_that_does_not_answer_at_once_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(synthetic, "PAUSES", (0.01, 0.01))
    failures: dict[str, int] = {}

    def overloaded(prompt: str) -> str:
        failures[prompt] = failures.get(prompt, 0) + 1
        if failures[prompt] < 3:
            raise ChatUnavailable("Too many requests.")
        return first_sentence(prompt)

    assert len((await write(Model(overloaded), count=3)).questions) == 3
    assert set(failures.values()) == {3}

    def down(prompt: str) -> str:
        raise ChatUnavailable("It is down.")

    with pytest.raises(ChatUnavailable, match="It is down"):
        await write(Model(down), count=1)


@pytest.mark.parametrize("text", [TEXT, "word " * 2_000, "x" * 5_000, "Short. " * 40])
def test_a_passage_is_a_manageable_part_that_ends_between_words(text: str) -> None:
    rng = random.Random(1)
    for _ in range(50):
        place = pick_passage(text, rng)
        assert place
        start, end = place
        assert 200 <= end - start <= 2 * PASSAGE_CHARS
        assert 0 <= start < end <= len(text)
        if " " in text:
            assert start in (0, len(text) - PASSAGE_CHARS) or text[start - 1].isspace()
            assert end == len(text) or text[end - 1].isspace()


def test_a_text_that_says_little_has_no_passage() -> None:
    assert pick_passage("Nothing to see. " * 3, random.Random(1)) is None
