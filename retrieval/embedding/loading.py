"""A configured model to an embedder that runs, whatever its source."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path

from retrieval.embedding.embedder import Embedder
from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.onnx_bert import Precision
from retrieval.embedding.prepared import say_nothing
from retrieval.embedding.sources import (
    Endpoint,
    FastEmbedModel,
    HubTokenizer,
    ModelFolder,
    PublishedWeights,
)


def load_embedder(
    model: EmbeddingModel,
    *,
    model_dir: Path | None,
    cache_dir: Path,
    precision: Precision,
    threads: int | None = None,
    hub_endpoint: str | None = None,
    on_step: Callable[[str], None] = say_nothing,
) -> Embedder:
    """Blocks while files are fetched, prepared and loaded; a server is not asked yet.

    `model_dir` and `precision` are for the models that come with this service, and `precision` for
    folders of safetensors as well. Raises what the model's source says: a RetrievalError.
    """
    match model.source:
        case Endpoint() as source:
            return _ask_server(
                model,
                source,
                cache_dir=cache_dir,
                hub_endpoint=hub_endpoint,
                on_step=on_step,
            )
        case PublishedWeights():
            from retrieval.embedding.weights import find_model_folder

            folder = find_model_folder(
                model,
                model_dir=model_dir,
                cache_dir=cache_dir,
                precision=precision,
                hub_endpoint=hub_endpoint,
                on_step=on_step,
            )
        case FastEmbedModel() as source:
            from retrieval.embedding.hub_files import fetch_export

            folder = fetch_export(
                model.id, source, cache_dir, hub_endpoint=hub_endpoint, on_step=on_step
            )
        case ModelFolder(path=path):
            from retrieval.embedding.model_folder import usable_folder

            folder = usable_folder(
                model, path, cache_dir=cache_dir, precision=precision, on_step=on_step
            )
        case None:
            raise AssertionError(f"{model.id} is not a configured model")
    from retrieval.embedding.fastembed_embedder import FastEmbedEmbedder

    return FastEmbedEmbedder(model, folder, threads=threads)


def _ask_server(
    model: EmbeddingModel,
    source: Endpoint,
    *,
    cache_dir: Path,
    hub_endpoint: str | None,
    on_step: Callable[[str], None],
) -> Embedder:
    import httpx

    from retrieval.embedding.http_embedder import HttpEmbedder
    from retrieval.embedding.hub_files import fetch_tokenizer
    from retrieval.embedding.tokenizer import read_tokenizer

    path = source.tokenizer
    if isinstance(path, HubTokenizer):
        path = fetch_tokenizer(
            model.id, path, cache_dir, hub_endpoint=hub_endpoint, on_step=on_step
        )
    elif path.is_dir():
        path /= "tokenizer.json"
    client = httpx.Client()
    embedder = HttpEmbedder(
        model,
        client,
        read_tokenizer(path),
        url=source.url,
        served_model=source.model,
        api_key=source.api_key,
    )
    weakref.finalize(embedder, client.close)
    return embedder
