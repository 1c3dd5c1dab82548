"""A settings file, as the playground writes one: how documents are cut, and how to ask them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kb.api.chunking import ALGORITHMS, ChunkingOptions
from kb.api.evaluations import RunOptions
from kb.api.index_versions import BuildRequest
from kb.cli.chunking import ChunkChoice
from kb.cli.session import fail
from retrieval.query import Query


class SettingsFile(BaseModel):
    """JSON or TOML with the bodies of two API calls: an index version's, and a question's."""

    model_config = ConfigDict(extra="forbid")

    index_version: BuildRequest = BuildRequest()
    retrieve: RunOptions = RunOptions()

    def where_not(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What `kb.cli.indexes.build` takes: these options, and the file's where there is none."""
        one = self.index_version
        said = {
            "model": one.embedding_model_uuid,
            "dimensions": one.embedding_dimensions,
            "store": one.store,
            "vector_storage": one.vector_storage,
            "language": one.language,
        }
        chunking = {**self._chunking, **_given(options["chunking"])}
        return {**said, **_given(options), "chunking": chunking}

    @property
    def _chunking(self) -> ChunkChoice:
        options = self.index_version.chunking_options or ChunkingOptions()
        return ChunkChoice(
            strategy=ALGORITHMS.get(self.index_version.chunking_algorithm or ""),
            max_chunk_size=options.child_chunk_size or options.max_chunk_size,
            parent_chunk_size=options.parent_chunk_size,
            semantic_threshold=options.semantic_threshold,
            overlap=options.overlap,
            window_size=options.window_size,
            min_chunk_size=options.min_chunk_size,
            context=options.context,
        )

    @property
    def like(self) -> Query:
        """What questions are asked like. Raises `InvalidQuery`."""
        return self.retrieve.like()


def read_settings(path: Path) -> SettingsFile:
    """Ends the command where the file is none."""
    try:
        text = path.read_text("utf-8")
        raw: dict[str, Any] = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        return SettingsFile.model_validate(raw)
    except (OSError, ValueError, ValidationError) as exc:
        what = exc.errors()[0] if isinstance(exc, ValidationError) else None
        why = f"{'.'.join(map(str, what['loc']))}: {what['msg']}" if what else str(exc)
        fail(f"{path.name} is no settings file: {why}.")


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
