from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.embedding.fastembed_embedder import FastEmbedEmbedder
from retrieval.embedding.shortened import ShortenedEmbedder
from tests.retrieval.embedding.conftest import MINILM
from tests.retrieval.embedding.embedder_contract import TEXTS, EmbedderContract

SHORT = replace(MINILM, matryoshka_dimensions=(128,)).shortened(128)


class TestShortenedEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self, minilm: FastEmbedEmbedder) -> ShortenedEmbedder:
        return ShortenedEmbedder(minilm, SHORT)


def test_a_shortened_vector_points_where_the_first_numbers_do(minilm: FastEmbedEmbedder) -> None:
    whole = minilm.embed_passages(TEXTS)
    short = ShortenedEmbedder(minilm, SHORT).embed_passages(TEXTS)
    lengths = np.linalg.norm(whole[:, :128], axis=1, keepdims=True)
    np.testing.assert_allclose(short * lengths, whole[:, :128], atol=1e-6)
