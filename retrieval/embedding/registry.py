"""The embedding models of an installation, to choose from and to find again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from retrieval.embedding.models import MODELS, EmbeddingModel, UnknownModel
from retrieval.errors import RetrievalError


class ModelNotConfigured(RetrievalError):
    """This index was made with an embedding model that is not configured here: add it to
    KB_EMBEDDING_MODELS again, or build another index version with one that is."""


class ModelNamedTwice(RetrievalError):
    """Two embedding models have the same id: give one of them another in KB_EMBEDDING_MODELS."""


class Registry:
    """Configured models. Iterates over them, the default first."""

    def __init__(
        self, models: Sequence[EmbeddingModel] = MODELS, *, default: str | None = None
    ) -> None:
        """`default` is an id; the first model's unless given. Raises UnknownModel and
        ModelNamedTwice."""
        twice = [name for name, times in Counter(one.id for one in models).items() if times > 1]
        if twice:
            raise ModelNamedTwice(", ".join(twice))
        self._models = {model.id: model for model in models}
        self.default = models[0] if default is None else self.by_id(default)

    def __iter__(self) -> Iterator[EmbeddingModel]:
        yield self.default
        yield from (model for model in self._models.values() if model is not self.default)

    def by_id(self, model_id: str) -> EmbeddingModel:
        """The model of that id. Raises UnknownModel, which lists the ids there are."""
        found = self._models.get(model_id)
        if found is None:
            raise UnknownModel(f"{model_id!r} is not one of: {', '.join(self._models)}.")
        return found

    def by_uuid(self, model_uuid: UUID) -> EmbeddingModel:
        """The model of that UUID. Raises UnknownModel, which lists the UUIDs and ids there are."""
        for model in self._models.values():
            if model.uuid == model_uuid:
                return model
        known = ", ".join(f"{model.uuid} ({model.id})" for model in self._models.values())
        raise UnknownModel(f"{model_uuid} is not one of: {known}.")

    def full_size(self, used: EmbeddingModel) -> EmbeddingModel:
        """The configured model behind one that an index was made with, possibly a shortened one.

        The index's own prefixes and length stay: its vectors were made with them.
        Raises ModelNotConfigured.
        """
        configured = self._models.get(used.id)
        if configured is None:
            raise ModelNotConfigured(f"It is {used.id}; here are: {', '.join(self._models)}.")
        if used.dimensions not in (configured.dimensions, *configured.matryoshka_dimensions):
            raise ModelNotConfigured(
                f"It is {used.id} with {used.dimensions} dimensions; here it has"
                f" {configured.dimensions}."
            )
        return replace(
            used,
            dimensions=configured.dimensions,
            languages=configured.languages,
            matryoshka_dimensions=configured.matryoshka_dimensions,
            source=configured.source,
        )

    def instead_of(
        self, used: EmbeddingModel, other: EmbeddingModel | None, dimensions: int | None
    ) -> EmbeddingModel:
        """The model for another index: the one used unless there is another, with its vectors of
        this size. Raises InvalidDimensions and ModelNotConfigured."""
        if other is not None:
            return other.shortened(dimensions)
        return used if dimensions is None else self.full_size(used).shortened(dimensions)
