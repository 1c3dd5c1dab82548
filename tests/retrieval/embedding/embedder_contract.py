"""What every embedder promises. A test class inherits these and provides `embedder`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from retrieval.embedding.embedder import Embedder

TEXTS = [f"passage {n}: " + "keys open locks and doors " * n for n in (9, 1, 4, 0, 7, 2, 2, 5)]


class EmbedderContract:
    def test_gives_one_float32_vector_for_each_passage(self, embedder: Embedder) -> None:
        vectors = embedder.embed_passages(TEXTS)
        assert vectors.shape == (len(TEXTS), embedder.model.dimensions)
        assert vectors.dtype == np.float32

    def test_gives_no_vectors_for_no_passages(self, embedder: Embedder) -> None:
        vectors = embedder.embed_passages([])
        assert vectors.shape == (0, embedder.model.dimensions)
        assert vectors.dtype == np.float32

    def test_gives_a_query_a_single_vector(self, embedder: Embedder) -> None:
        vector = embedder.embed_query("which key opens the door?")
        assert vector.shape == (embedder.model.dimensions,)
        assert vector.dtype == np.float32

    def test_vectors_have_length_one(self, embedder: Embedder) -> None:
        vectors = [*embedder.embed_passages([*TEXTS, "", "\n"]), embedder.embed_query("door")]
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_row_i_belongs_to_text_i(self, embedder: Embedder) -> None:
        together = embedder.embed_passages(TEXTS)
        alone = np.concatenate([embedder.embed_passages([text]) for text in TEXTS])
        np.testing.assert_allclose(together, alone, atol=1e-5)

    def test_passages_and_queries_share_a_space(self, embedder: Embedder) -> None:
        passages = embedder.embed_passages(["the red door of the house", "an invoice for water"])
        red, invoice = passages @ embedder.embed_query("the red door")
        assert red > invoice

    def test_many_threads_get_the_answers_one_would(self, embedder: Embedder) -> None:
        expected = embedder.embed_passages(TEXTS)
        with ThreadPoolExecutor(4) as pool:
            for vectors in pool.map(embedder.embed_passages, [TEXTS] * 8):
                np.testing.assert_allclose(vectors, expected, atol=1e-5)

    def test_counts_all_tokens_of_a_text_too_long_for_the_model(self, embedder: Embedder) -> None:
        many = embedder.model.max_tokens * 3
        assert embedder.count_tokens("door " * many) >= many
        assert len(embedder.tokenizer.encode("door " * many)) >= many
