"""The deployment files name settings that there are, with values that they take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from kb.settings import Settings
from kb.wiring import make_embedders

DEPLOY = Path(__file__).parents[1] / "deploy"
FILES = sorted(DEPLOY.rglob("*.yaml"))


def settings_in(node: Any) -> Iterator[tuple[str, str]]:
    """Every KB_ variable that a file gives a value."""
    if isinstance(node, dict):
        for name, value in cast("dict[str, Any]", node).items():
            if str(name).startswith("KB_") and isinstance(value, str):
                yield name, value
            yield from settings_in(value)
    elif isinstance(node, list):
        for one in cast("list[Any]", node):
            yield from settings_in(one)


def test_there_are_files() -> None:
    assert {"compose.yaml", "compose.gpu.yaml", "kb.yaml", "models.yaml"} <= {
        file.name for file in FILES
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_setting_in_it_is_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = dict(
        one for part in yaml.safe_load_all(file.read_text("utf-8")) for one in settings_in(part)
    )
    assert {name.removeprefix("KB_").lower() for name in found} <= Settings.model_fields.keys()
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    embedders = make_embedders(settings)
    if settings.embedding_models:
        assert embedders.models.default.id == settings.embedding_model == "bge-m3"
