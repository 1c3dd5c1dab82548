from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TypedDict

import numpy as np
import pytest

from retrieval.embedding.fastembed_embedder import FastEmbedEmbedder, UnloadableModel
from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.prepared import prepare
from tests.retrieval.embedding.conftest import MINILM
from tests.retrieval.embedding.embedder_contract import EmbedderContract
from tests.retrieval.embedding.reference_bert import ReferenceBert


class Pinned(TypedDict):
    text: str
    starts: list[float]
    """The first eight numbers of its vector, by `ReferenceBert`."""


PINNED: list[Pinned] = json.loads(
    Path(__file__).with_name("minilm_vectors.json").read_text("utf-8")
)
SENTENCES = [pinned["text"] for pinned in PINNED]
STARTS = np.array([pinned["starts"] for pinned in PINNED])

KEYS_STARTS = [0.02295, 0.00915, -0.008722, -0.028488, -0.030016, 0.06154, 0.051613, -0.003726]
"""By `ReferenceBert` too, for "key " 254 times and then "lock " 300 times, cut at 256 tokens."""

FASTEMBED_HELLO_WORLD = [-0.034478, 0.03102, 0.00673, 0.02611, -0.039362]
"""What fastembed's own tests expect of this model (CANONICAL_VECTOR_VALUES, to 1e-3)."""


@pytest.fixture(scope="session")
def reference(minilm_source: Path) -> ReferenceBert:
    return ReferenceBert(minilm_source)


class TestMiniLM(EmbedderContract):
    @pytest.fixture
    def embedder(self, minilm: FastEmbedEmbedder) -> FastEmbedEmbedder:
        return minilm


class TestMiniLMsVectors:
    def test_start_as_pinned(self, minilm: FastEmbedEmbedder) -> None:
        vectors = minilm.embed_passages(SENTENCES)
        np.testing.assert_allclose(vectors[:, :8], STARTS, atol=1e-4)

    def test_are_those_of_an_independent_forward_pass(
        self, minilm: FastEmbedEmbedder, reference: ReferenceBert
    ) -> None:
        expected = reference.embed(SENTENCES, max_tokens=256)
        np.testing.assert_allclose(expected[:, :8], STARTS, atol=1e-6)
        np.testing.assert_allclose(minilm.embed_passages(SENTENCES), expected, atol=1e-4)

    def test_are_those_that_fastembed_publishes(self, minilm: FastEmbedEmbedder) -> None:
        vector = minilm.embed_query("hello world")
        np.testing.assert_allclose(vector[:5], FASTEMBED_HELLO_WORLD, atol=1e-3)

    def test_see_the_first_256_tokens_of_a_longer_text(self, minilm: FastEmbedEmbedder) -> None:
        kept, cut = "key " * 254, "lock " * 300
        assert minilm.count_tokens(kept) == 256
        vector = minilm.embed_passages([kept + cut])[0]
        np.testing.assert_allclose(vector[:8], KEYS_STARTS, atol=1e-4)
        np.testing.assert_allclose(vector, minilm.embed_query(kept), atol=1e-6)
        assert vector @ minilm.embed_query("key " * 200 + cut) < 0.999

    def test_are_nearly_the_same_in_int8(
        self, minilm: FastEmbedEmbedder, in_int8: FastEmbedEmbedder
    ) -> None:
        vectors = in_int8.embed_passages(SENTENCES)
        cosines = (vectors * minilm.embed_passages(SENTENCES)).sum(axis=1)
        assert cosines.min() >= 0.98


def test_token_counts_are_the_models_own(minilm: FastEmbedEmbedder) -> None:
    assert minilm.count_tokens("") == 2  # [CLS] and [SEP]
    assert minilm.count_tokens("hello world") == 4


def test_a_query_does_not_wait_for_a_long_list_of_passages(minilm: FastEmbedEmbedder) -> None:
    passages = ["a key for the red door " * 6] * 64
    thread = Thread(target=minilm.embed_passages, args=(passages,))
    thread.start()
    answered = 0
    while thread.is_alive():
        minilm.embed_query("which key opens the door?")
        answered += 1
    assert answered > 5  # it is dozens; waiting for a batch, let alone for all, allows two


def test_a_short_list_of_passages_does_not_wait_for_a_long_one(minilm: FastEmbedEmbedder) -> None:
    thread = Thread(target=minilm.embed_passages, args=(["a key for the red door " * 6] * 64,))
    thread.start()
    minilm.embed_passages(["a short one"])
    assert thread.is_alive()
    thread.join()


class TestPrefixes:
    @pytest.fixture
    def prefixed(
        self, tiny: EmbeddingModel, source: Path, tmp_path: Path
    ) -> tuple[FastEmbedEmbedder, FastEmbedEmbedder]:
        folder = prepare(tiny, source, tmp_path / "cache")
        model = replace(tiny, query_prefix="red ", passage_prefix="green ")
        return FastEmbedEmbedder(tiny, folder), FastEmbedEmbedder(model, folder)

    def test_go_before_queries_and_passages(
        self, prefixed: tuple[FastEmbedEmbedder, FastEmbedEmbedder]
    ) -> None:
        plain, prefixing = prefixed
        same = np.testing.assert_array_equal
        same(prefixing.embed_query("door"), plain.embed_query("red door"))
        same(prefixing.embed_passages(["door"]), plain.embed_passages(["green door"]))

    def test_count_as_tokens(self, prefixed: tuple[FastEmbedEmbedder, FastEmbedEmbedder]) -> None:
        plain, prefixing = prefixed
        assert prefixing.count_tokens("door") == plain.count_tokens("door") + 1


class TestAFolderThatDoesNotFit:
    def test_is_cut_to_the_models_own_length(
        self, tiny: EmbeddingModel, source: Path, tmp_path: Path
    ) -> None:
        folder = prepare(tiny, source, tmp_path / "cache")
        config = json.loads((folder / "tokenizer_config.json").read_text())
        (folder / "tokenizer_config.json").write_text(json.dumps(config | {"model_max_length": 30}))
        embedder = FastEmbedEmbedder(tiny, folder)
        kept = "key " * (tiny.max_tokens - 2)
        np.testing.assert_allclose(
            embedder.embed_query(kept), embedder.embed_query(kept + "door " * 9), atol=1e-6
        )

    def test_is_refused_at_once_if_it_is_broken(
        self, tiny: EmbeddingModel, source: Path, tmp_path: Path
    ) -> None:
        folder = prepare(tiny, source, tmp_path / "cache")
        (folder / "model.onnx").write_bytes(b"half a mod")
        with pytest.raises(UnloadableModel, match=str(folder)):
            FastEmbedEmbedder(tiny, folder)

    def test_is_refused_at_once_if_its_vectors_have_another_size(
        self, tiny: EmbeddingModel, source: Path, tmp_path: Path
    ) -> None:
        folder = prepare(tiny, source, tmp_path / "cache")
        with pytest.raises(UnloadableModel, match=r"vectors of 16 numbers; tiny has 17"):
            FastEmbedEmbedder(replace(tiny, dimensions=17), folder)


@pytest.fixture
def in_int8(minilm_source: Path, tmp_path: Path) -> FastEmbedEmbedder:
    return FastEmbedEmbedder(MINILM, prepare(MINILM, minilm_source, tmp_path, precision="int8"))


def test_a_vector_does_not_depend_on_what_is_embedded_beside_it(
    in_int8: FastEmbedEmbedder,
) -> None:
    together = in_int8.embed_passages(["key " * length for length in (3, 200, 1, 40)])
    alone = in_int8.embed_passages(["key " * 3])
    np.testing.assert_array_equal(together[0], alone[0])
