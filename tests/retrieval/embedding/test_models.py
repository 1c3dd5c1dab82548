from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from retrieval.embedding.models import MODELS, UnknownModel, by_id, by_uuid


def test_every_model_is_found_by_its_id_and_by_its_uuid() -> None:
    for model in MODELS:
        assert by_id(model.id) is model
        assert by_uuid(model.uuid) is model


def test_names_are_not_given_twice() -> None:
    assert len({model.id for model in MODELS}) == len(MODELS)
    assert len({model.uuid for model in MODELS}) == len(MODELS)


def test_digitalocean_clients_find_minilm_under_the_names_they_know() -> None:
    minilm = by_id("all-mini-lm-l6-v2")
    assert minilm.uuid == UUID("22652c2a-79ed-11ef-bf8f-4e013e2ddde4")
    assert (minilm.dimensions, minilm.max_tokens) == (384, 256)


def test_an_unknown_id_is_answered_with_the_ids_there_are() -> None:
    with pytest.raises(UnknownModel, match=r"'gte-large'.*all-mini-lm-l6-v2"):
        by_id("gte-large")


def test_an_unknown_uuid_is_answered_with_the_uuids_there_are() -> None:
    unknown = uuid4()
    with pytest.raises(UnknownModel, match=rf"{unknown}.*22652c2a-79ed-11ef.*all-mini-lm-l6-v2"):
        by_uuid(unknown)
