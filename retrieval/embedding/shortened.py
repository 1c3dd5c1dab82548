"""A model used with fewer dimensions than it has, as models with matryoshka vectors allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrieval.embedding.embedder import Embedder, Vectors, to_unit_length
from retrieval.embedding.models import EmbeddingModel

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class ShortenedEmbedder:
    """Another embedder's vectors, cut to the first numbers and brought back to length 1."""

    def __init__(self, embedder: Embedder, model: EmbeddingModel) -> None:
        """`model` is the embedder's own, with fewer dimensions."""
        assert model.dimensions < embedder.model.dimensions
        self._embedder = embedder
        self._model = model

    @property
    def model(self) -> EmbeddingModel:
        return self._model

    @property
    def tokenizer(self) -> Tokenizer:
        return self._embedder.tokenizer

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return to_unit_length(self._embedder.embed_passages(texts)[:, : self._model.dimensions])

    def embed_query(self, text: str) -> Vectors:
        return to_unit_length(self._embedder.embed_query(text)[: self._model.dimensions])

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)
