"""Under which name fastembed runs a model: its own, or one that we enter for a folder's export."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Lock
from typing import cast

from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.sources import FastEmbedModel, ModelFolder, Pooling, PublishedWeights
from retrieval.errors import RetrievalError

GRAPHS = ("model.onnx", "onnx/model.onnx")
"""Where exports have the graph."""
_POOLING_FILE = "1_Pooling/config.json"
_POOLINGS: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_lasttoken": "last_token",
}
_entering = Lock()


class UnknownPooling(RetrievalError):
    """How this model's token vectors become one is not known: give its `pooling` in
    KB_EMBEDDING_MODELS."""


def name_in_fastembed(model: EmbeddingModel, folder: Path) -> str:
    """For a model whose files are in `folder`. Raises UnknownPooling."""
    match model.source:
        case PublishedWeights(hub_id=name) | FastEmbedModel(name=name):
            return name
        case ModelFolder(path=path, pooling=pooling):
            return _entered(model, folder, pooling or _pooling_of(path))
        case source:
            raise AssertionError(f"{source!r} is no folder")


def _entered(model: EmbeddingModel, folder: Path, pooling: Pooling) -> str:
    """Fastembed has one table for the process, so the name tells all that it keeps under it."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    graph = next((one for one in GRAPHS if (folder / one).is_file()), GRAPHS[0])
    name = f"kb/{model.id}/{model.dimensions}/{pooling}/{graph}"
    kinds = {
        "mean": PoolingType.MEAN,
        "cls": PoolingType.CLS,
        "last_token": PoolingType.LAST_TOKEN,
        "none": PoolingType.DISABLED,
    }
    with _entering:
        if name not in {known["model"] for known in TextEmbedding.list_supported_models()}:
            TextEmbedding.add_custom_model(
                name,
                pooling=kinds[pooling],
                normalization=True,
                sources=ModelSource(hf=name),  # never asked: the folder is given
                dim=model.dimensions,
                model_file=graph,
            )
    return name


def _pooling_of(path: Path) -> Pooling:
    """What sentence-transformers keeps beside a model: one mode that is on."""
    file = path / _POOLING_FILE
    try:
        modes = cast(dict[str, object], json.loads(file.read_text("utf-8")))
        (mode,) = (one for one, on in modes.items() if one.startswith("pooling_mode") and on)
        return _POOLINGS[mode]
    except (OSError, ValueError, KeyError) as exc:
        raise UnknownPooling(f"{file}: {exc}") from exc
