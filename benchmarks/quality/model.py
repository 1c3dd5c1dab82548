"""The default embedding model, for what a benchmark cuts or counts as the service does."""

from __future__ import annotations

from benchmarks.service import data_folder
from kb.settings import Settings
from kb.wiring import make_embedders
from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import MODELS

FOLDER = "quality"


def default_embedder() -> Embedder:
    """The first of `MODELS`, kept in the benchmark's data folder."""
    settings = Settings(data_dir=data_folder(FOLDER), database_url=None, api_key=None)
    return make_embedders(settings).get(MODELS[0])
