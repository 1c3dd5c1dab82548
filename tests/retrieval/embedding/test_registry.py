from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from retrieval.embedding.models import (
    MODELS,
    EmbeddingModel,
    InvalidDimensions,
    UnknownModel,
    as_json,
    from_json,
)
from retrieval.embedding.registry import ModelNamedTwice, ModelNotConfigured, Registry
from retrieval.embedding.sources import ModelFolder

MINE = EmbeddingModel(
    id="mine",
    name="Mine",
    dimensions=768,
    max_tokens=512,
    matryoshka_dimensions=(256,),
    source=ModelFolder(path=Path("/srv/mine"), pooling="cls"),
)
BOTH = Registry([*MODELS, MINE])


def test_the_default_comes_first() -> None:
    assert list(Registry()) == [*MODELS]
    assert list(BOTH) == [*MODELS, MINE]
    chosen = Registry([*MODELS, MINE], default="mine")
    assert chosen.default is MINE
    assert list(chosen) == [MINE, *MODELS]


def test_every_model_is_found_by_its_id_and_by_its_uuid() -> None:
    for model in BOTH:
        assert BOTH.by_id(model.id) is model
        assert BOTH.by_uuid(model.uuid) is model


def test_an_unknown_one_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownModel, match=r"'gte'.*all-mini-lm-l6-v2, mine"):
        BOTH.by_id("gte")
    with pytest.raises(UnknownModel, match=rf"22652c2a-.*{MINE.uuid} \(mine\)"):
        BOTH.by_uuid(uuid4())
    with pytest.raises(UnknownModel):
        Registry(MODELS, default="mine")


def test_one_id_is_not_two_models() -> None:
    with pytest.raises(ModelNamedTwice, match="mine"):
        Registry([*MODELS, MINE, MINE])


class TestTheModelOfAnIndex:
    def test_is_run_from_where_it_is_now_and_as_it_was_indexed_with(self) -> None:
        kept = from_json(as_json(replace(MINE, query_prefix="query: ")))
        found = BOTH.full_size(kept)
        assert found.source == MINE.source
        assert found.query_prefix == "query: "

    def test_may_be_shortened(self) -> None:
        assert BOTH.full_size(MINE.shortened(256)) == MINE

    def test_is_another_ones_unless_one_is_named(self) -> None:
        used = from_json(as_json(MINE.shortened(256)))
        assert BOTH.instead_of(used, None, None) is used
        assert BOTH.instead_of(used, None, 768) == MINE
        assert BOTH.instead_of(used, MODELS[0], None) is MODELS[0]
        assert BOTH.instead_of(MODELS[0], MINE, 256) == used
        with pytest.raises(InvalidDimensions, match="mine has 256, 768, not 300"):
            BOTH.instead_of(used, None, 300)

    def test_that_is_no_longer_configured_is_named(self) -> None:
        with pytest.raises(ModelNotConfigured, match="It is mine; here are: all-mini-lm-l6-v2"):
            Registry().full_size(MINE)

    def test_that_has_another_size_here_is_named(self) -> None:
        with pytest.raises(ModelNotConfigured, match="mine with 512 dimensions; here it has 768"):
            BOTH.full_size(replace(MINE, dimensions=512))
