"""Entries of KB_EMBEDDING_MODELS: how people say which models they want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag

from retrieval.embedding.known import KnownModel, known_model
from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.sources import (
    Endpoint,
    FastEmbedModel,
    HubTokenizer,
    ModelFolder,
    ModelSource,
    Pooling,
)
from retrieval.errors import RetrievalError

Revision = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]


class IncompleteModel(RetrievalError):
    """An entry of KB_EMBEDDING_MODELS lacks what is known of few models only."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    id: str = Field(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$", max_length=80)
    """The name in requests: lower-case words joined by hyphens or periods. Never to be given to
    another model: what was indexed under it is looked for under it."""

    name: str | None = None
    """For people; the id unless given."""

    licence: str = ""
    """SPDX identifier of the weights' licence."""

    dimensions: int | None = Field(default=None, ge=1)
    """Numbers in a vector."""

    max_tokens: int | None = Field(default=None, ge=3)
    """Tokens the model reads of a text, special tokens included."""

    query_prefix: str | None = None
    """Put before a query, where the model was trained with one."""

    passage_prefix: str | None = None
    """Put before a passage, where the model was trained with one."""

    languages: tuple[str, ...] | None = None
    """What the model was trained to read, as ISO 639-1 codes such as `en`; empty for many."""

    matryoshka_dimensions: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Smaller sizes that the model was trained for, in ascending order."""


class FastEmbedEntry(_Entry):
    """A model in fastembed's table, computed on this machine."""

    fastembed: str
    """Its name there, such as `BAAI/bge-small-en-v1.5`."""

    revision: Revision = "main"
    """The branch, tag or commit to fetch from the hub; a commit makes sure that all machines of an
    installation have the same files."""


class FolderEntry(_Entry):
    """A model in a folder of this machine, computed on this machine."""

    folder: Path
    """With model.onnx (or onnx/model.onnx), tokenizer.json and tokenizer_config.json, as optimum
    exports them; or with what sentence-transformers saves of a BERT."""

    pooling: Pooling | None = None
    """How token vectors become one; as 1_Pooling/config.json says unless given."""


class EndpointEntry(_Entry):
    """A model behind OpenAI's embeddings API: vLLM, TEI, Infinity, OpenAI."""

    endpoint: str
    """The model's name on the server."""

    url: str | None = None
    """What `/embeddings` is put after; KB_EMBEDDINGS_URL unless given."""

    api_key: SecretStr | None = None
    """KB_EMBEDDINGS_API_KEY unless a `url` is given: no server is sent another one's key."""

    tokenizer: Path | None = None
    """The model's tokenizer.json, or a folder with it."""

    hub_id: str | None = None
    """Whose tokenizer.json is fetched from the hub where no `tokenizer` is given."""

    revision: Revision = "main"
    """The branch, tag or commit to fetch it from."""


def _kind(value: object) -> str | None:
    """Which of the three an entry is, by the key that only it has."""
    keys = set(cast(Mapping[str, object], value) if isinstance(value, Mapping) else vars(value))
    return next((key for key in ("fastembed", "folder", "endpoint") if key in keys), None)


ModelEntry = Annotated[
    Annotated[FastEmbedEntry, Tag("fastembed")]
    | Annotated[FolderEntry, Tag("folder")]
    | Annotated[EndpointEntry, Tag("endpoint")],
    Discriminator(
        _kind,
        custom_error_type="model_kind",
        custom_error_message="an embedding model has one of `fastembed`, `folder`, `endpoint`",
    ),
]


def to_models(
    entries: Sequence[ModelEntry], *, url: str | None = None, api_key: str | None = None
) -> list[EmbeddingModel]:
    """What the entries say, completed by what is known of their models; `url` and `api_key` are
    those of the server that entries without a `url` mean. Raises IncompleteModel."""
    return [_model(entry, url, api_key) for entry in entries]


def _model(entry: ModelEntry, url: str | None, api_key: str | None) -> EmbeddingModel:
    known = _known(entry)
    dimensions = entry.dimensions or (known and known.dimensions)
    max_tokens = entry.max_tokens or (known and known.max_tokens)
    missing = {"dimensions": dimensions, "max_tokens": max_tokens}
    if not dimensions or not max_tokens:
        lacks = " and ".join(name for name, value in missing.items() if not value)
        raise IncompleteModel(f"{entry.id} needs {lacks}.")
    cut_to = entry.matryoshka_dimensions
    if cut_to is None:
        cut_to = known.matryoshka_dimensions if known else ()
    if wrong := [size for size in cut_to if size >= dimensions]:
        raise IncompleteModel(f"{entry.id} has {dimensions} dimensions, {wrong[0]} is no fewer.")
    return EmbeddingModel(
        id=entry.id,
        name=entry.name or entry.id,
        licence=entry.licence,
        dimensions=dimensions,
        max_tokens=max_tokens,
        query_prefix=_given(entry.query_prefix, known and known.query_prefix),
        passage_prefix=_given(entry.passage_prefix, known and known.passage_prefix),
        languages=_languages(entry, known),
        matryoshka_dimensions=cut_to,
        source=_source(entry, url, api_key),
    )


def _languages(entry: ModelEntry, known: KnownModel | None) -> tuple[str, ...]:
    if entry.languages is not None:
        return entry.languages
    return known.languages if known else ()


def _given(prefix: str | None, known: str | None) -> str:
    return prefix if prefix is not None else known or ""


def _known(entry: ModelEntry) -> KnownModel | None:
    match entry:
        case FastEmbedEntry(fastembed=name):
            return known_model(name)
        case EndpointEntry(endpoint=name, hub_id=hub_id):
            return known_model(hub_id or name)
        case FolderEntry():
            return None


def _source(entry: ModelEntry, url: str | None, api_key: str | None) -> ModelSource:
    match entry:
        case FastEmbedEntry(fastembed=name, revision=revision):
            return FastEmbedModel(name=_in_table(entry.id, name), revision=revision)
        case FolderEntry(folder=folder, pooling=pooling):
            return ModelFolder(path=folder, pooling=pooling)
        case EndpointEntry(tokenizer=path, hub_id=hub_id, revision=revision):
            if path is None and hub_id is None:
                raise IncompleteModel(f"{entry.id} needs tokenizer or hub_id, to measure chunks.")
            where = entry.url or url
            if where is None:
                raise IncompleteModel(f"{entry.id} needs url, or KB_EMBEDDINGS_URL to be set.")
            key = entry.api_key.get_secret_value() if entry.api_key else None
            return Endpoint(
                url=where,
                model=entry.endpoint,
                api_key=key if key or entry.url else api_key,
                tokenizer=path or HubTokenizer(hub_id=hub_id or "", revision=revision),
            )


def _in_table(model_id: str, name: str) -> str:
    """The name as fastembed writes it."""
    from fastembed import TextEmbedding

    for known in TextEmbedding.list_supported_models():
        if known["model"].lower() == name.lower():
            return known["model"]
    raise IncompleteModel(
        f"{model_id}: fastembed {name!r} is not in its table; take a folder or an endpoint."
    )
