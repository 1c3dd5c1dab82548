"""The chat models of an installation: how people say which they want, and finding one again."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    ValidationError,
)

from kb.gateway.upstream.errors import InvalidModels, UnknownChatModel

SHOWN_CHARS = 80  # of a name that a caller made up

Price = Annotated[float, Field(ge=0)]


class ChatModelEntry(BaseModel):
    """A chat model, behind one server or several alike."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True
    )

    id: str = Field(pattern=r"^\S+$", max_length=200)
    """The name in requests."""

    urls: tuple[HttpUrl, ...] = Field(min_length=1)
    """Servers that answer alike, each what `/chat/completions` is put after. A request goes to the
    one with the least to do."""

    model: str | None = None
    """The model's name on the servers; the id unless given."""

    api_key: SecretStr | None = None
    """The key that they are asked with."""

    context_length: int | None = Field(default=None, ge=1)
    """Tokens that the model reads and writes together."""

    max_output_tokens: int | None = Field(default=None, ge=1)
    """The most tokens that it may write at once, whatever is asked for."""

    parameters: dict[str, Any] = Field(default_factory=dict[str, Any])
    """What goes with each request unless it says otherwise, as `{"temperature": 0.2}`."""

    concurrency: int | None = Field(default=None, ge=1)
    """Requests under way at a time, over all its servers; KB_LLM_CONCURRENCY unless given."""

    input_price: Price | None = None
    """Of a million tokens read."""

    output_price: Price | None = None
    """Of a million tokens written."""

    tags: tuple[str, ...] = ()
    """Words to find it by."""

    @property
    def served_model(self) -> str:
        """The model's name on its servers."""
        return self.model or self.id


class ChatModels:
    """Configured models. Iterates over them, the default first."""

    def __init__(self, entries: Sequence[ChatModelEntry]) -> None:
        """The first one is the default. Raises InvalidModels where two have the same id."""
        twice = [name for name, times in Counter(one.id for one in entries).items() if times > 1]
        if twice:
            raise InvalidModels(f"Two of them are called {', '.join(twice)}.")
        self._entries = {one.id: one for one in entries}

    def __iter__(self) -> Iterator[ChatModelEntry]:
        return iter(self._entries.values())

    def by_id(self, model_id: str) -> ChatModelEntry:
        """The model of that id. Raises UnknownChatModel, which lists the ids there are."""
        found = self._entries.get(model_id)
        if found is None:
            raise unknown(model_id, list(self._entries))
        return found


def unknown(model_id: str, ids: Sequence[str]) -> UnknownChatModel:
    """What a caller who asks for that one is told."""
    listed = ", ".join(ids) or "none, as KB_LLM_URL is not set"
    return UnknownChatModel(f"{model_id[:SHOWN_CHARS]!r} is not one of: {listed}.")


def configured(
    entries: Sequence[ChatModelEntry],
    *,
    file: Path | None = None,
    url: str | None = None,
    model: str | None = None,
    api_key: SecretStr | None = None,
) -> ChatModels:
    """The models of KB_LLM_URL and its kin, of KB_LLM_MODELS and of KB_LLM_MODELS_FILE, in this
    order. Raises InvalidModels."""
    found: list[ChatModelEntry] = []
    if url is not None and model is not None:
        found += _checked([{"id": model, "urls": [url], "api_key": api_key}], "KB_LLM_URL")
    found += entries
    if file is not None:
        found += read_models_file(file)
    return ChatModels(found)


def read_models_file(path: Path) -> list[ChatModelEntry]:
    """A JSON list of models, or a TOML file with a `[[models]]` for each. Raises InvalidModels."""
    try:
        text = path.read_text("utf-8")
        found = tomllib.loads(text).get("models") if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as exc:
        raise InvalidModels(f"{path.name} cannot be read: {exc}.") from exc
    return _checked(found, path.name)


def _checked(found: object, where: str) -> list[ChatModelEntry]:
    try:
        return _ENTRIES.validate_python(found)
    except ValidationError as exc:
        # Neither the message nor the traceback may show a key.
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}"
            for one in exc.errors(include_input=False, include_url=False)
        )
        raise InvalidModels(f"{where}: {wrong}.") from exc


_ENTRIES = TypeAdapter(list[ChatModelEntry], config=ConfigDict(hide_input_in_errors=True))
