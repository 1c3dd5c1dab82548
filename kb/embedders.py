"""The embedders of this process, each loaded once and only when first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from retrieval.embedding.cached import CachedEmbedder
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.registry import Registry
from retrieval.embedding.shortened import ShortenedEmbedder


class Embedders:
    """Loaded models, and `models`, those that there are to load. Safe to use from any thread."""

    def __init__(
        self,
        load: Callable[[EmbeddingModel], Embedder],
        models: Registry | None = None,
        *,
        cached_queries: int = 0,
    ) -> None:
        """`load` is called with configured models; `cached_queries` is how many questions are
        remembered of each."""
        self.models = models or Registry()
        self._load = load
        self._cached_queries = cached_queries
        self._lock = threading.RLock()
        self._loaded: dict[EmbeddingModel, Embedder] = {}

    def loaded(self, model: EmbeddingModel) -> Embedder | None:
        """The model's embedder if it is there at once."""
        return self._loaded.get(model)

    def get(self, model: EmbeddingModel) -> Embedder:
        """The model's embedder. Blocks while it loads; raises what loading raises, and
        `ModelNotConfigured`."""
        found = self._loaded.get(model)
        if found is None:
            with self._lock:
                found = self._loaded.get(model) or self._make(model)
                self._loaded[model] = found
        return found

    def _make(self, model: EmbeddingModel) -> Embedder:
        full = self.models.full_size(model)
        if full != model:
            return ShortenedEmbedder(self.get(full), model)
        embedder = self._load(full)
        size = self._cached_queries
        return CachedEmbedder(embedder, size=size) if size else embedder
