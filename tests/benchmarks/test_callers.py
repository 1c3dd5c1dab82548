"""Callers at a time: every question once each way, in turns."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from benchmarks.callers import Measured, in_turns, repeated


class Listener:
    """Notes what it is asked."""

    def __init__(self, heard: list[tuple[str, str]], name: str) -> None:
        self._heard, self._name = heard, name
        self._lock = threading.Lock()

    def ask(self, question: str) -> None:
        with self._lock:
            self._heard.append((self._name, question))

    def close(self) -> None:
        self._heard.append((self._name, "closed"))


@pytest.mark.parametrize("clients", [1, 3, 8])
def test_each_question_is_asked_once_each_way_and_the_ways_take_turns(clients: int) -> None:
    heard: list[tuple[str, str]] = []
    questions = [f"question {number}" for number in range(20)]
    ways = [(partial(Listener, heard, name), Measured()) for name in ("http", "raw")]
    turns: list[int] = []
    in_turns(ways, questions, clients=clients, turn=2, on_turn=lambda: turns.append(len(heard)))
    for name, (_, measured) in zip(("http", "raw"), ways, strict=True):
        assert sorted(text for who, text in heard if who == name and text != "closed") == sorted(
            questions
        )
        assert len(measured.seconds) == len(questions)
        assert measured.per_second > 0
    first = heard[: turns[0]]
    size = min(2 * clients, len(questions))
    assert [who for who, _ in first] == ["http"] * size + ["raw"] * size
    assert [text for _, text in heard].count("closed") == 2 * clients


def test_questions_are_repeated_from_the_start() -> None:
    assert repeated(["a", "b"], 5) == ["a", "b", "a", "b", "a"]
