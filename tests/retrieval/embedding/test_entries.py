from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastembed import TextEmbedding
from pydantic import TypeAdapter, ValidationError

from retrieval.embedding.entries import IncompleteModel, ModelEntry, to_models
from retrieval.embedding.known import KNOWN, known_model
from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.sources import Endpoint, FastEmbedModel, HubTokenizer, ModelFolder

ENTRIES: TypeAdapter[Sequence[ModelEntry]] = TypeAdapter(Sequence[ModelEntry])
FOLDER: dict[str, Any] = {"id": "mine", "folder": "/srv/mine", "dimensions": 768, "max_tokens": 512}
SERVED: dict[str, Any] = {"id": "bge-m3", "endpoint": "BAAI/bge-m3", "tokenizer": "/srv/t.json"}
HERE = "http://127.0.0.1:8000/v1"


def read(*entries: dict[str, Any], **server: str) -> list[EmbeddingModel]:
    return to_models(ENTRIES.validate_json(json.dumps(entries)), **server)


class TestAFastEmbedModel:
    def test_needs_no_more_than_its_name(self) -> None:
        (model,) = read({"id": "e5", "fastembed": "intfloat/multilingual-e5-large"})
        assert (model.dimensions, model.max_tokens) == (1024, 512)
        assert (model.query_prefix, model.passage_prefix) == ("query: ", "passage: ")
        assert model.source == FastEmbedModel(
            name="intfloat/multilingual-e5-large", revision="main"
        )

    def test_is_found_whatever_its_capitals(self) -> None:
        (model,) = read({"id": "xs", "fastembed": "Snowflake/Snowflake-Arctic-Embed-XS"})
        assert isinstance(model.source, FastEmbedModel)
        assert model.source.name == "snowflake/snowflake-arctic-embed-xs"
        assert model.query_prefix.startswith("Represent this sentence")

    def test_may_be_said_to_be_otherwise(self) -> None:
        given = {"query_prefix": "", "max_tokens": 128, "name": "Small", "licence": "MIT"}
        (model,) = read({"id": "small", "fastembed": "BAAI/bge-small-en-v1.5", **given})
        assert (model.query_prefix, model.max_tokens) == ("", 128)
        assert (model.name, model.licence) == ("Small", "MIT")

    def test_that_does_not_exist_is_refused(self) -> None:
        wrong = {"id": "x", "fastembed": "acme/none", "dimensions": 8, "max_tokens": 128}
        with pytest.raises(IncompleteModel, match="'acme/none' is not in its table"):
            read(wrong)

    def test_of_which_little_is_known_says_what_is_missing(self) -> None:
        with pytest.raises(IncompleteModel, match="clip needs dimensions and max_tokens"):
            read({"id": "clip", "fastembed": "Qdrant/clip-ViT-B-32-text"})


class TestAFolder:
    def test_is_described_by_its_entry(self) -> None:
        (model,) = read({**FOLDER, "pooling": "cls", "matryoshka_dimensions": [128, 256]})
        assert model.source == ModelFolder(path=Path("/srv/mine"), pooling="cls")
        assert model.matryoshka_dimensions == (128, 256)

    def test_has_no_size_that_is_larger_than_its_own(self) -> None:
        with pytest.raises(IncompleteModel, match="768 dimensions, 1024 is no fewer"):
            read({**FOLDER, "matryoshka_dimensions": [1024]})


class TestAServedModel:
    def test_is_asked_for_at_the_servers_address_with_its_key(self) -> None:
        (model,) = read(SERVED, url=HERE, api_key="sk-1")
        assert (model.dimensions, model.max_tokens) == (1024, 8192)
        assert model.source == Endpoint(
            url=HERE, model="BAAI/bge-m3", api_key="sk-1", tokenizer=Path("/srv/t.json")
        )
        assert "sk-1" not in repr(model)

    def test_elsewhere_is_never_sent_the_key_of_another_server(self) -> None:
        there = "https://api.example.org/v1"
        with_none, with_own = read(
            {**SERVED, "url": there},
            {**SERVED, "id": "other", "url": there, "api_key": "sk-2"},
            url=HERE,
            api_key="sk-1",
        )
        assert isinstance(with_none.source, Endpoint)
        assert isinstance(with_own.source, Endpoint)
        assert (with_none.source.api_key, with_own.source.api_key) == (None, "sk-2")
        assert with_own.source.url == there

    def test_may_have_its_tokenizer_on_the_hub(self) -> None:
        entry = {
            "id": "bge-m3",
            "endpoint": "embed",
            "hub_id": "BAAI/bge-m3",
            "revision": "5617a9f",
        }
        (model,) = read(entry, url=HERE)
        assert isinstance(model.source, Endpoint)
        assert model.source.tokenizer == HubTokenizer(hub_id="BAAI/bge-m3", revision="5617a9f")
        assert model.max_tokens == 8192

    def test_without_an_address_or_a_tokenizer_says_so(self) -> None:
        with pytest.raises(IncompleteModel, match="bge-m3 needs url, or KB_EMBEDDINGS_URL"):
            read(SERVED)
        with pytest.raises(IncompleteModel, match="bge-m3 needs tokenizer or hub_id"):
            read({"id": "bge-m3", "endpoint": "BAAI/bge-m3"}, url=HERE)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"id": "mine"}, "one of `fastembed`, `folder`, `endpoint`"),
        ({**FOLDER, "id": "../mine"}, "should match pattern"),
        ({**FOLDER, "id": "Mine"}, "should match pattern"),
        ({**FOLDER, "url": HERE}, "Extra inputs are not permitted"),
        ({**FOLDER, "endpoint": "x"}, "Extra inputs are not permitted"),
        ({**FOLDER, "pooling": "max"}, "'mean', 'cls', 'last_token' or 'none'"),
        ({**FOLDER, "dimensions": 0}, "greater than or equal to 1"),
        ({**SERVED, "revision": "../../x"}, "should match pattern"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_for_one_reason(
    entry: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match="1 validation error") as caught:
        read(entry)
    assert said in str(caught.value)


def test_what_is_known_agrees_with_fastembeds_table() -> None:
    table = {one["model"]: one["dim"] for one in TextEmbedding.list_supported_models()}
    found = {name: known for name in table if (known := known_model(name))}
    assert len(found) > 30
    assert {name: known.dimensions for name, known in found.items()} == {
        name: table[name] for name in found
    }


def test_what_is_known_makes_sense() -> None:
    for known in KNOWN.values():
        assert list(known.matryoshka_dimensions) == sorted(known.matryoshka_dimensions)
        assert all(size < known.dimensions for size in known.matryoshka_dimensions)
