"""Where a notebook works: the service it asks, whose key it asks with, and embedding models.

Served by `kb up`, all of it comes with the request: the key of whoever looks at the page, and the
service's own models, which are loaded. In a notebook of one's own it comes from KB_URL and
KB_API_KEY, and models are loaded as the other settings say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast
from uuid import UUID

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from playground.client import Client
from playground.connection import Connection
from playground.errors import NoKey
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.registry import Registry

META = "kb_playground"
"""Under this name `kb up` puts `url`, `shown_url`, `key` and `embedders` into the request."""


class PlaygroundSettings(BaseSettings):
    """Environment variables of a notebook that runs by itself."""

    model_config = SettingsConfigDict(
        env_prefix="KB_", frozen=True, use_attribute_docstrings=True, env_ignore_empty=True
    )

    url: str = "http://127.0.0.1:8080"
    """Where the service answers."""

    api_key: SecretStr | None = None
    """The key that it is asked with."""


class Models(Protocol):
    """Embedding models by what they are; `kb.embedders.Embedders` is one."""

    @property
    def models(self) -> Registry:
        """Those that there are."""
        ...

    def get(self, model: EmbeddingModel) -> Embedder:
        """The model's embedder. Blocks while it loads."""
        ...


@dataclass(frozen=True, slots=True)
class Workplace:
    """The service as the key's team sees it, and the models to embed with."""

    shown_url: str
    """Where whoever looks at the page reaches the service."""

    client: Client
    _models: Models

    def model(self, named: UUID | str, *, dimensions: int | None = None) -> EmbeddingModel:
        """An embedding model by UUID or id, shortened if asked. Raises `UnknownModel`."""
        models = self._models.models
        found = models.by_uuid(named) if isinstance(named, UUID) else models.by_id(named)
        return found.shortened(None if dimensions == found.dimensions else dimensions)

    def models(self) -> list[EmbeddingModel]:
        """All of them, the default first."""
        return list(self._models.models)

    def embedder(self, named: UUID | str, *, dimensions: int | None = None) -> Embedder:
        """What makes a model's vectors. Blocks while it loads. Raises `UnknownModel`."""
        return self._models.get(self.model(named, dimensions=dimensions))


def workplace(meta: Mapping[str, object] | None = None) -> Workplace:
    """The workplace of a notebook; `meta` is that of `mo.app_meta().request`, where there is one.

    Raises `NoKey`.
    """
    given = (meta or {}).get(META)
    if given is not None:
        return _served(cast("Mapping[str, object]", given))
    from kb.settings import Settings
    from kb.wiring import make_embedders

    own = PlaygroundSettings()
    if own.api_key is None:
        raise NoKey
    connection = Connection(own.url, own.api_key.get_secret_value())
    return Workplace(own.url, Client(connection), make_embedders(Settings()))


def _served(given: Mapping[str, object]) -> Workplace:
    connection = Connection(str(given["url"]), str(given["key"]))
    models = cast("Models", given["embedders"])
    return Workplace(str(given["shown_url"]), Client(connection), models)
