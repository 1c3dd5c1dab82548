"""The embedders of a process: which are loaded, how often, and what they are for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from kb.embedders import Embedders
from retrieval.embedding.embedder import Embedder, Vectors
from retrieval.embedding.models import MODELS, EmbeddingModel, as_json, from_json
from retrieval.embedding.registry import ModelNotConfigured, Registry

LONG = replace(MODELS[0], matryoshka_dimensions=(128,))
SHORT = LONG.shortened(128)


class Loads:
    """Gives the real model whatever is asked for, and notes it."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.asked: list[EmbeddingModel] = []

    def __call__(self, model: EmbeddingModel) -> Embedder:
        self.asked.append(model)
        return self._embedder


class Asked:
    """The real model, counting its questions."""

    def __init__(self, embedder: Embedder) -> None:
        self.model, self.tokenizer = embedder.model, embedder.tokenizer
        self.embed_passages, self.count_tokens = embedder.embed_passages, embedder.count_tokens
        self._embedder = embedder
        self.times = 0

    def embed_query(self, text: str) -> Vectors:
        self.times += 1
        return self._embedder.embed_query(text)


@pytest.fixture
def asked(embedder: Embedder) -> Asked:
    return Asked(embedder)


@pytest.fixture
def loads(embedder: Embedder) -> Loads:
    return Loads(embedder)


def test_a_model_is_loaded_once_however_many_ask(loads: Loads) -> None:
    embedders = Embedders(loads)
    assert embedders.loaded(MODELS[0]) is None
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(embedders.get, [MODELS[0]] * 8))
    assert found == {embedders.loaded(MODELS[0])}
    assert loads.asked == [MODELS[0]]


def test_a_model_that_an_index_was_made_with_is_loaded_from_where_it_is_now(loads: Loads) -> None:
    embedders = Embedders(loads)
    kept = from_json(as_json(MODELS[0]))
    assert embedders.get(kept) is embedders.get(MODELS[0])
    assert loads.asked[0].source is MODELS[0].source


def test_a_model_that_is_no_longer_configured_is_named(loads: Loads) -> None:
    with pytest.raises(ModelNotConfigured, match="It is gone"):
        Embedders(loads).get(replace(MODELS[0], id="gone"))
    assert loads.asked == []


def test_a_shortened_model_is_the_same_one_cut(loads: Loads) -> None:
    embedders = Embedders(loads, Registry([LONG]))
    short, whole = embedders.get(SHORT), embedders.get(LONG)
    assert loads.asked == [LONG]
    assert short.model.dimensions == 128
    cut = whole.embed_query("door")[:128]
    np.testing.assert_allclose(short.embed_query("door"), cut / np.linalg.norm(cut), atol=1e-6)


@pytest.mark.parametrize(("cached_queries", "times"), [(4, 1), (0, 3)])
def test_questions_are_remembered_as_far_as_is_told(
    asked: Asked, cached_queries: int, times: int
) -> None:
    embedder = Embedders(lambda _: asked, cached_queries=cached_queries).get(MODELS[0])
    for _ in range(3):
        embedder.embed_query("door")
    assert asked.times == times
