from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import numpy as np
import pytest

from retrieval.embedding.cached import CachedEmbedder, embed_question
from retrieval.embedding.embedder import EmbeddingUnavailable, Vectors
from retrieval.embedding.fastembed_embedder import FastEmbedEmbedder
from tests.retrieval.embedding.embedder_contract import EmbedderContract


class Watched:
    """An embedder that notes its questions, waits where it is told, and fails when told."""

    def __init__(self, embedder: FastEmbedEmbedder) -> None:
        self.model, self.tokenizer = embedder.model, embedder.tokenizer
        self._embedder = embedder
        self.asked: list[str] = []
        self.go_on = Event()
        self.go_on.set()
        self.failing = False

    def embed_query(self, text: str) -> Vectors:
        self.asked.append(text)
        assert self.go_on.wait(30)
        if self.failing:
            raise EmbeddingUnavailable
        return self._embedder.embed_query(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.embed_passages(texts)

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)


@pytest.fixture
def watched(minilm: FastEmbedEmbedder) -> Watched:
    return Watched(minilm)


class TestCachedEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self, minilm: FastEmbedEmbedder) -> CachedEmbedder:
        return CachedEmbedder(minilm, size=2)


def test_equal_questions_are_embedded_once(watched: Watched, minilm: FastEmbedEmbedder) -> None:
    cached = CachedEmbedder(watched, size=2)
    for _ in range(3):
        np.testing.assert_array_equal(cached.embed_query("door"), minilm.embed_query("door"))
    assert watched.asked == ["door"]


def test_the_question_that_was_longest_not_asked_is_forgotten_first(watched: Watched) -> None:
    cached = CachedEmbedder(watched, size=2)
    for text in ("red", "green", "red", "blue", "red", "green"):
        cached.embed_query(text)
    assert watched.asked == ["red", "green", "blue", "green"]


def test_equal_questions_at_once_are_embedded_once(watched: Watched) -> None:
    cached, together = CachedEmbedder(watched, size=2), Barrier(9)
    watched.go_on.clear()

    def ask() -> Vectors:
        together.wait(30)
        return cached.embed_query("door")

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask) for _ in range(8)]
        together.wait(30)
        watched.go_on.set()
        assert len({id(answer.result(30)) for answer in answers}) == 1
    assert watched.asked == ["door"]


def test_a_failure_is_not_remembered(watched: Watched) -> None:
    cached = CachedEmbedder(watched, size=2)
    watched.failing = True
    with pytest.raises(EmbeddingUnavailable):
        cached.embed_query("door")
    watched.failing = False
    assert cached.embed_query("door").shape == (384,)


def test_nobody_can_change_what_others_are_given(watched: Watched) -> None:
    vector = CachedEmbedder(watched, size=2).embed_query("door")
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 1


async def test_a_question_that_is_remembered_needs_no_thread(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = CachedEmbedder(watched, size=1)
    first = await embed_question(cached, "door")
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "to_thread", None)
        assert await embed_question(cached, "door") is first
    await embed_question(cached, "other")
    await embed_question(cached, "door")
    assert watched.asked == ["door", "other", "door"]
