"""The embedders of this process, each loaded once and only when first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import EmbeddingModel


class Embedders:
    """Loaded models by id. Safe to use from several threads."""

    def __init__(self, load: Callable[[EmbeddingModel], Embedder]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._loaded: dict[str, Embedder] = {}

    def loaded(self, model: EmbeddingModel) -> Embedder | None:
        """The model's embedder if it is there at once."""
        return self._loaded.get(model.id)

    def get(self, model: EmbeddingModel) -> Embedder:
        """The model's embedder. Blocks while it loads; raises what loading raises."""
        found = self._loaded.get(model.id)
        if found is None:
            with self._lock:
                found = self._loaded.get(model.id) or self._load(model)
                self._loaded[model.id] = found
        return found
