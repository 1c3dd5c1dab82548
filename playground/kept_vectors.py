"""An embedder that embeds no text twice, and keeps account of what it embedded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.embedding.embedder import Embedder, Vectors
from retrieval.embedding.models import EmbeddingModel

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH = 32  # texts between two looks at whether to go on: about a second


class KeptVectors:
    """Another embedder whose vectors are kept by text, for as long as this lives or in a file.

    For one thread at a time.
    """

    def __init__(
        self, embedder: Embedder, *, before_each: Callable[[], None] = lambda: None
    ) -> None:
        """`before_each` batch something may be done; what it raises ends the embedding."""
        self._embedder = embedder
        self._before_each = before_each
        self._passages: dict[bytes, Vectors] = {}
        self._questions: dict[str, Vectors] = {}
        self.texts = 0
        """How many passages were embedded,"""
        self.tokens = 0
        """how many tokens these had,"""
        self.seconds = 0.0
        """and how long all embedding took."""

    @property
    def model(self) -> EmbeddingModel:
        return self._embedder.model

    @property
    def tokenizer(self) -> Tokenizer:
        return self._embedder.tokenizer

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        keys = [sha256(text.encode()).digest() for text in texts]
        fresh = {
            key: text for key, text in zip(keys, texts, strict=True) if key not in self._passages
        }
        # Of like length together, as a server pads a batch to its longest.
        waiting = sorted(fresh, key=lambda key: len(fresh[key]))
        for start in range(0, len(waiting), BATCH):
            self._before_each()
            part = waiting[start : start + BATCH]
            begun = time.perf_counter()
            vectors = self._embedder.embed_passages([fresh[key] for key in part])
            self.seconds += time.perf_counter() - begun
            self._passages |= dict(zip(part, vectors, strict=True))
            self.texts += len(part)
            self.tokens += sum(self.count_tokens(fresh[key]) for key in part)
        if not keys:
            return np.empty((0, self.model.dimensions), np.float32)
        return np.stack([self._passages[key] for key in keys])

    def embed_query(self, text: str) -> Vectors:
        if text not in self._questions:
            begun = time.perf_counter()
            self._questions[text] = self._embedder.embed_query(text)
            self.seconds += time.perf_counter() - begun
        return self._questions[text]

    def count_tokens(self, text: str) -> int:
        return self._embedder.count_tokens(text)

    def save(self, path: Path) -> None:
        """Keep the passages' vectors in a file."""
        unfinished = path.with_suffix(".new.npz")
        named = {key.hex(): vector for key, vector in self._passages.items()}
        np.savez(unfinished, **named)  # pyright: ignore[reportArgumentType] keys are hashes
        unfinished.replace(path)

    def load(self, path: Path) -> None:
        """Have those that a file keeps."""
        with np.load(path) as kept:
            self._passages |= {bytes.fromhex(name): kept[name] for name in kept.files}
