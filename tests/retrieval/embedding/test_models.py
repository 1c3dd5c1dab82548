from __future__ import annotations

import json
from uuid import UUID

import pytest

from retrieval.embedding.models import (
    MODELS,
    EmbeddingModel,
    InvalidDimensions,
    as_json,
    from_json,
    uuid_of,
)

GEMMA = EmbeddingModel(
    id="embeddinggemma-300m",
    name="EmbeddingGemma",
    dimensions=768,
    max_tokens=2048,
    query_prefix="task: search result | query: ",
    passage_prefix="title: none | text: ",
    matryoshka_dimensions=(128, 256),
)


def test_names_are_not_given_twice() -> None:
    assert len({model.id for model in MODELS}) == len(MODELS)
    assert len({model.uuid for model in MODELS}) == len(MODELS)


def test_digitalocean_clients_find_minilm_under_the_names_they_know() -> None:
    minilm = MODELS[0]
    assert minilm.id == "all-mini-lm-l6-v2"
    assert minilm.uuid == UUID("22652c2a-79ed-11ef-bf8f-4e013e2ddde4")
    assert (minilm.dimensions, minilm.max_tokens) == (384, 256)


def test_any_other_model_has_one_uuid_for_ever() -> None:
    assert GEMMA.uuid == uuid_of("embeddinggemma-300m")
    assert str(GEMMA.uuid) == "cbb63fb4-a2e4-5a64-a9ed-dfea63cef643"


def test_a_model_can_be_kept_as_json_and_is_equal_again() -> None:
    for model in (GEMMA, GEMMA.shortened(128), MODELS[0]):
        kept = from_json(json.loads(json.dumps(as_json(model))))
        assert kept == model
        assert kept.name == model.name
        assert kept.source is None


def test_a_model_is_another_one_with_fewer_dimensions_and_only_with_those_it_has() -> None:
    short = GEMMA.shortened(256)
    assert short.dimensions == 256
    assert short != GEMMA
    assert short.uuid == GEMMA.uuid
    assert GEMMA.shortened(768) is GEMMA
    assert GEMMA.shortened(None) is GEMMA
    with pytest.raises(InvalidDimensions, match="has 128, 256, 768, not 300"):
        GEMMA.shortened(300)
