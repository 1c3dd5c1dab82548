"""Conversations that the tiny model learns from: capitals to search for, and the weather."""

from __future__ import annotations

import json
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

CAPITALS = {
    "Cuba": "Havana",
    "Egypt": "Cairo",
    "France": "Paris",
    "Greece": "Athens",
    "Italy": "Rome",
    "Japan": "Tokyo",
    "Norway": "Oslo",
    "Spain": "Madrid",
}
WEATHER = ("sunny", "rainy", "cloudy", "windy", "snowy", "foggy")
RETRIEVAL = "knowledge_base_retrieval"
WEATHER_TOOL = "get_weather"
UNKNOWN = "I do not know."
NOTHING = (
    "Nothing was found for this query. If other words do not find anything either, the knowledge"
    " base does not say.",
    "The search failed. The index could not do what was asked.",
    "Not run: no more tool calls are allowed in this turn. Answer from what you have.",
)

_ONE = (
    "What is the capital of {}?",
    "Tell me the capital of {}.",
    "Which city is the capital of {}?",
    "capital of {}?",
)
_TOGETHER = ("What are the capitals of {} and {}?", "Tell me the capitals of {} and {}.")
_IN_TURN = (
    "First find the capital of {}, then {}.",
    "Look up the capital of {}, then {}.",
)
_WEATHER = ("What is the weather in {}?", "How is the weather in {}?")
_BOTH = "What is the capital of {}, and what is the weather in {}?"
_WORDS = [
    "a",
    "about",
    "after",
    "all",
    "an",
    "and",
    "answer",
    "are",
    "as",
    "at",
    "be",
    "before",
    "by",
    "capitals",
    "city",
    "country",
    "database",
    "desk",
    "document",
    "each",
    "every",
    "file",
    "first",
    "found",
    "from",
    "guide",
    "handbook",
    "has",
    "holds",
    "in",
    "is",
    "it",
    "its",
    "knowledge",
    "largest",
    "list",
    "many",
    "map",
    "more",
    "most",
    "name",
    "no",
    "north",
    "not",
    "of",
    "office",
    "old",
    "on",
    "one",
    "or",
    "page",
    "part",
    "people",
    "river",
    "sea",
    "source",
    "south",
    "that",
    "the",
    "their",
    "there",
    "third",
    "this",
    "to",
    "town",
    "travel",
    "two",
    "was",
    "water",
    "which",
    "with",
    "world",
    "year",
]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the server gets, with the model's own turns in it."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    learnt: list[int]
    """Which of the messages the model learns to write."""


def conversation(random: Random) -> Conversation:
    """One of any kind."""
    kinds = (_capitals, _weather, _capital_and_weather, _nothing)
    (kind,) = random.choices(kinds, (64, 10, 20, 6))
    made = kind(random)
    before = _earlier(random) if random.random() < 0.1 else []
    shifted = [place + len(before) for place in made.learnt]
    return Conversation([*before, *made.messages], made.tools, shifted)


@dataclass(slots=True)
class _Searches:
    """What the searches of one conversation find, numbered through."""

    random: Random
    shown: list[str] = field(default_factory=list[str])
    """Passages as the model sees them; the first has number 1."""

    cited: dict[str, int] = field(default_factory=dict[str, int])
    """By country, the first passage that names its capital."""

    def result(self, country: str) -> str:
        """The tool's message for a search for that country's capital."""
        random = self.random
        if random.random() < 0.04:
            return random.choice(NOTHING)
        if country in self.cited:
            return self.shown[self.cited[country] - 1]
        told = (country,) if random.random() < 0.95 else ()
        return self._add(told)

    def answer(self, countries: Sequence[str]) -> list[str]:
        """A sentence for each country whose capital was found."""
        return [
            f"The capital of {one} is {CAPITALS[one]} [{self.cited[one]}]."
            for one in countries
            if one in self.cited
        ]

    def _add(self, countries: tuple[str, ...]) -> str:
        """A new passage that names those countries' capitals, and maybe others'."""
        others = [one for one in CAPITALS if one not in self.cited and one not in countries]
        count = min(len(others), self.random.choice((0, 0, 1, 2)))
        told = [*countries, *self.random.sample(others, count)]
        pieces = [self._sentence(one) for one in told]
        pieces += [
            noise(self.random).capitalize() + "." for _ in range(self.random.choice((0, 0, 1)))
        ]
        self.random.shuffle(pieces)
        text = self.random.choice((" ", " ", " ", "\n")).join(pieces) or "Nothing."
        self.shown.append(f"[{len(self.shown) + 1}] {_label(self.random)}\n{text}")
        for named in told:
            self.cited.setdefault(named, len(self.shown))
        return self.shown[-1]

    def _sentence(self, country: str) -> str:
        return f"The capital of {country} is {CAPITALS[country]}."


def noise(random: Random, most: int = 5) -> str:
    """Words that mean nothing here, known ones and others."""
    return " ".join(_word(random) for _ in range(random.randint(1, most)))


def _word(random: Random) -> str:
    if random.random() < 0.97:
        return random.choice(_WORDS)
    return "".join(random.choices(string.ascii_letters + string.digits, k=random.randint(1, 6)))


def _label(random: Random) -> str:
    if random.random() < 0.5:
        name = random.choice(("capitals.txt", "capitals.md", "countries.md", "geography.pdf"))
    else:
        name = noise(random, 3) + random.choice((".txt", ".md", ".pdf", ".docx", ""))
    page = random.choice(("", "", f", page {random.randint(1, 40)}"))
    return name + page + random.choice(("", "", f", {noise(random, 2).capitalize()}"))


def _capitals(random: Random) -> Conversation:
    asked = random.sample(list(CAPITALS), random.choice((1, 1, 2, 2, 2)))
    together = random.random() < 0.5
    wordings = _ONE if len(asked) == 1 else _TOGETHER if together else _IN_TURN
    searches = _Searches(random)
    messages = [_user(random.choice(wordings).format(*asked))]
    # A server may allow one call at a time only; the model then makes the second one after.
    rounds = [asked] if together and random.random() < 0.85 else [[one] for one in asked]
    for countries in rounds:
        messages.append(_calls([_search(one) for one in countries]))
        messages += [_result(searches.result(one)) for one in countries]
    messages.append(_says(searches.answer(asked)))
    tools, learnt = _tools(random, messages, RETRIEVAL)
    if len(rounds) > 1 and together and 1 in learnt:
        learnt.remove(1)
    return Conversation(messages, tools, learnt)


def _weather(random: Random) -> Conversation:
    city, weather = random.choice(list(CAPITALS.values())), random.choice(WEATHER)
    messages = [
        _user(random.choice(_WEATHER).format(city)),
        _calls([_look(city)]),
        _result(_report(random, city, weather)),
        _says([f"It is {weather} in {city}."]),
    ]
    return Conversation(messages, *_tools(random, messages, WEATHER_TOOL))


def _capital_and_weather(random: Random) -> Conversation:
    country, city = random.choice(list(CAPITALS)), random.choice(list(CAPITALS.values()))
    weather = random.choice(WEATHER)
    searches = _Searches(random)
    messages = [
        _user(_BOTH.format(country, city)),
        _calls([_search(country), _look(city)]),
        _result(searches.result(country)),
        _result(_report(random, city, weather)),
        _says([*searches.answer([country]), f"It is {weather} in {city}."]),
    ]
    return Conversation(messages, *_tools(random, messages, RETRIEVAL, WEATHER_TOOL))


def _nothing(random: Random) -> Conversation:
    """Questions without the tool that they need, and what is no question."""
    country, city = random.choice(list(CAPITALS.items()))
    text, missing = random.choice(
        (
            (random.choice(_ONE).format(country), RETRIEVAL),
            (random.choice(_WEATHER).format(city), WEATHER_TOOL),
            (noise(random), ""),
            ("Hello!", ""),
        )
    )
    names = {RETRIEVAL, WEATHER_TOOL, noise(random, 1)} - {missing}
    tools = [_tool(name) for name in sorted(names) if random.random() < 0.5]
    return Conversation([_user(text), _says([])], tools or None, [1])


def _earlier(random: Random) -> list[dict[str, Any]]:
    """A question that was answered before."""
    country, city = random.choice(list(CAPITALS.items()))
    question = random.choice((random.choice(_ONE).format(country), noise(random)))
    return [_user(question), _says([f"The capital of {country} is {city}."])]


def _tools(
    random: Random, messages: list[dict[str, Any]], *needed: str
) -> tuple[list[dict[str, Any]] | None, list[int]]:
    """What is offered, and which messages are learnt with it."""
    turns = [place for place, one in enumerate(messages) if one["role"] == "assistant"]
    if random.random() < 0.12:  # as in a last round, where the server takes the tools away
        return None, turns[-1:]
    others = random.choice(([], [], [WEATHER_TOOL], [noise(random, 1)]))
    names = sorted({*needed, *others}, key=lambda _: random.random())
    return [_tool(name) for name in names], turns


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _says(sentences: Sequence[str]) -> dict[str, Any]:
    return {"role": "assistant", "content": " ".join(sentences) or UNKNOWN}


def _calls(calls: list[dict[str, Any]]) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": calls}


def _result(text: str) -> dict[str, Any]:
    return {"role": "tool", "content": text}


def _search(country: str) -> dict[str, Any]:
    return _call(RETRIEVAL, query=f"capital of {country}")


def _look(city: str) -> dict[str, Any]:
    return _call(WEATHER_TOOL, city=city)


def _call(name: str, **arguments: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def _tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def _report(random: Random, city: str, weather: str) -> str:
    return random.choice((weather, json.dumps({"weather": weather}), f"It is {weather} in {city}."))
