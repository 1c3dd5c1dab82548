"""Every kind of source, loaded and run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.embedding.embedder import Embedder
from retrieval.embedding.fastembed_embedder import FastEmbedEmbedder
from retrieval.embedding.fastembed_names import UnknownPooling
from retrieval.embedding.hub import HubUnavailable
from retrieval.embedding.loading import load_embedder
from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.prepared import UnusableWeights
from retrieval.embedding.sources import (
    Endpoint,
    FastEmbedModel,
    HubTokenizer,
    ModelFolder,
    ModelSource,
    Pooling,
)
from retrieval.embedding.tokenizer import UnreadableTokenizer
from tests.retrieval.embedding import embedding_server, hub_server
from tests.retrieval.embedding.conftest import MINILM
from tests.retrieval.embedding.embedder_contract import TEXTS, EmbedderContract
from tests.retrieval.embedding.tiny_model import VOCABULARY, publish, write_safetensors

BGE = replace(
    MINILM,
    id="bge",
    query_prefix="red ",
    source=FastEmbedModel(name="BAAI/bge-small-en-v1.5", revision="v1"),
)
POTION = replace(
    MINILM,
    id="potion",
    dimensions=256,
    max_tokens=4,
    source=FastEmbedModel(name="minishlab/potion-base-8M", revision="main"),
)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def hub_root(tmp_path: Path, minilm_export: Path) -> Path:
    """MiniLM in the place of fastembed's export of BGE, which is of the same shape."""
    folder = tmp_path / "hub" / "Qdrant" / "bge-small-en-v1.5-onnx-Q" / "resolve" / "v1"
    folder.mkdir(parents=True)
    for file in minilm_export.iterdir():
        name = "model_optimized.onnx" if file.name == "model.onnx" else file.name
        (folder / name).symlink_to(file)
    (folder / "special_tokens_map.json").unlink()  # as newer exports are
    return tmp_path / "hub"


@pytest.fixture
def hub(hub_root: Path) -> Iterator[str]:
    with hub_server.serving(hub_root) as endpoint:
        yield endpoint


def load(model: EmbeddingModel, cache: Path, hub: str | None = None) -> Embedder:
    return load_embedder(model, model_dir=None, cache_dir=cache, precision="fp32", hub_endpoint=hub)


class TestAFastEmbedModel(EmbedderContract):
    @pytest.fixture
    def embedder(self, cache: Path, hub: str) -> Embedder:
        return load(BGE, cache, hub)


class TestFastEmbedsExport:
    def test_is_pooled_as_fastembed_knows(
        self, cache: Path, hub: str, minilm_export: Path, minilm: FastEmbedEmbedder
    ) -> None:
        found = load(BGE, cache, hub).embed_passages(TEXTS)
        first_token = FastEmbedEmbedder(in_folder(minilm_export, "cls"), minilm_export)
        np.testing.assert_allclose(found, first_token.embed_passages(TEXTS), atol=1e-6)
        assert np.abs(found - minilm.embed_passages(TEXTS)).max() > 0.1

    def test_is_given_the_models_prefix(self, cache: Path, hub: str) -> None:
        embedder = load(BGE, cache, hub)
        expected = embedder.embed_passages(["red door"])[0]
        np.testing.assert_allclose(embedder.embed_query("door"), expected, atol=1e-6)

    def test_is_fetched_once(self, cache: Path, hub_root: Path, closed: str) -> None:
        with hub_server.serving(hub_root) as hub:
            load(BGE, cache, hub)
        assert load(BGE, cache, closed).model is BGE
        assert [path.name for path in (cache / "bge").iterdir()] == ["export-v1"]

    def test_is_not_waited_for_where_there_is_no_hub(self, cache: Path, closed: str) -> None:
        with pytest.raises(HubUnavailable, match="refused"):
            load(BGE, cache, closed)

    def test_is_not_kept_in_part(self, cache: Path, hub_root: Path, hub: str) -> None:
        next(hub_root.rglob("model_optimized.onnx")).unlink()
        with pytest.raises(HubUnavailable, match=r"404.*model_optimized\.onnx"):
            load(BGE, cache, hub)
        assert list((cache / "bge").iterdir()) == []

    def test_may_have_no_graph_at_all(self, cache: Path, hub_root: Path, hub: str) -> None:
        folder = hub_root / "minishlab" / "potion-base-8M" / "resolve" / "main"
        publish(folder)
        random = np.random.default_rng(7).normal(size=(len(VOCABULARY), 256))
        write_safetensors(folder / "model.safetensors", {"embeddings": random.astype(np.float32)})
        potion = load(POTION, cache, hub)
        long, short = potion.embed_passages(["red green door key lock house", "red green door key"])
        np.testing.assert_allclose(long, short, atol=1e-6)
        assert potion.embed_query("") @ long == 0


def in_folder(path: Path, pooling: Pooling | None = None) -> EmbeddingModel:
    return replace(MINILM, id="mine", source=ModelFolder(path=path, pooling=pooling))


class TestAFolder:
    def test_of_safetensors_is_prepared_and_pooled_as_it_says_itself(
        self, minilm_source: Path, minilm: FastEmbedEmbedder, cache: Path
    ) -> None:
        found = load(in_folder(minilm_source), cache).embed_passages(TEXTS)
        np.testing.assert_allclose(found, minilm.embed_passages(TEXTS), atol=1e-6)
        (prepared,) = (cache / "mine").iterdir()
        assert prepared.name.endswith("-fp32-1")

    def test_of_an_export_is_used_where_it_is(
        self, minilm_export: Path, minilm: FastEmbedEmbedder, cache: Path
    ) -> None:
        found = load(in_folder(minilm_export, "mean"), cache).embed_passages(TEXTS)
        np.testing.assert_allclose(found, minilm.embed_passages(TEXTS), atol=1e-6)
        assert not cache.exists()

    def test_may_have_the_graph_where_the_hub_has_it(
        self, minilm_export: Path, minilm: FastEmbedEmbedder, cache: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "export" / "onnx").mkdir(parents=True)
        for file in minilm_export.iterdir():
            place = "onnx/model.onnx" if file.name == "model.onnx" else file.name
            (tmp_path / "export" / place).symlink_to(file)
        mine = load(in_folder(tmp_path / "export", "mean"), cache)
        np.testing.assert_allclose(mine.embed_query("door"), minilm.embed_query("door"), atol=1e-6)

    def test_that_does_not_say_how_it_is_pooled_asks(
        self, minilm_export: Path, cache: Path
    ) -> None:
        with pytest.raises(UnknownPooling, match=r"1_Pooling/config\.json"):
            load(in_folder(minilm_export), cache)

    def test_that_lacks_something_says_what(self, tmp_path: Path, cache: Path) -> None:
        with pytest.raises(UnusableWeights, match="typo, where mine should be, is no folder"):
            load(in_folder(tmp_path / "typo"), cache)
        with pytest.raises(UnusableWeights, match=r"config\.json, special_tokens_map\.json"):
            load(in_folder(tmp_path), cache)
        (tmp_path / "model.onnx").touch()
        with pytest.raises(UnusableWeights, match=r"no tokenizer\.json, tokenizer_config\.json"):
            load(in_folder(tmp_path), cache)


class TestAServer:
    @pytest.fixture
    def server(self, minilm: FastEmbedEmbedder) -> Iterator[embedding_server.EmbeddingServer]:
        with embedding_server.serving(minilm) as server:
            yield server

    def at(self, url: str, tokenizer: Path | HubTokenizer) -> EmbeddingModel:
        source: ModelSource = Endpoint(
            url=url, model="minilm", api_key="sk-secret", tokenizer=tokenizer
        )
        return replace(MINILM, id="served", source=source)

    def test_is_asked_with_the_key_and_texts_are_measured_here(
        self, server: embedding_server.EmbeddingServer, minilm_source: Path, cache: Path
    ) -> None:
        embedder = load(self.at(server.url, minilm_source), cache)
        assert embedder.count_tokens("hello world") == 4
        assert server.asked == []
        embedder.embed_query("door")
        assert server.keys == ["Bearer sk-secret"]
        assert server.asked[0]["model"] == "minilm"

    def test_may_have_its_tokenizer_on_the_hub(
        self,
        server: embedding_server.EmbeddingServer,
        minilm_source: Path,
        cache: Path,
        tmp_path: Path,
        closed: str,
    ) -> None:
        folder = tmp_path / "hub" / "acme" / "minilm" / "resolve" / "main"
        folder.mkdir(parents=True)
        (folder / "tokenizer.json").symlink_to(minilm_source / "tokenizer.json")
        model = self.at(server.url, HubTokenizer(hub_id="acme/minilm", revision="main"))
        with hub_server.serving(tmp_path / "hub") as hub:
            load(model, cache, hub)
        assert load(model, cache, closed).count_tokens("hello world") == 4

    def test_needs_a_tokenizer_that_can_be_read(self, tmp_path: Path, cache: Path) -> None:
        with pytest.raises(UnreadableTokenizer, match=r"tokenizer\.json"):
            load(self.at("http://127.0.0.1:1/v1", tmp_path), cache)
