"""A cross-encoder as fastembed runs it: from a folder, from the local cache, or from the hub."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from retrieval.embedding.hub import HubUnavailable, fetch
from retrieval.errors import RetrievalError

GRAPHS = ("model.onnx", "onnx/model.onnx")
"""Where a folder has its graph: as it was exported, or as it was cloned from the hub."""


class UnknownReranker(RetrievalError):
    """KB_RERANK_MODEL is neither a folder nor a cross-encoder that fastembed knows."""


class RerankerNotFound(RetrievalError):
    """The reranking model is not in the local cache and the hub did not give it; set
    KB_RERANK_MODEL to a folder that has it, or HF_ENDPOINT to a mirror, and start again."""


class UnloadableReranker(RetrievalError):
    """The reranking model's files could not be loaded; get them again and start again."""


class CrossEncoder(Protocol):
    """fastembed's `TextCrossEncoder`, which has no types."""

    def rerank(self, query: str, documents: Sequence[str], *, batch_size: int) -> Iterable[float]:
        """A logit for each document. Safe to call from several threads."""
        ...


def load_cross_encoder(
    name: str, cache_dir: Path, *, hub_endpoint: str | None = None
) -> CrossEncoder:
    """The model of a folder, or of a name in fastembed's table, downloaded where necessary.

    A run takes one thread, the caller's. Raises `UnknownReranker`, `RerankerNotFound` or
    `UnloadableReranker`.
    """
    folder = Path(name).expanduser()
    runtime = _of_folder(folder) if folder.is_dir() else _of_name(name, cache_dir, hub_endpoint)
    try:
        runtime.model.load_onnx_model()
        outputs = runtime.model.model.get_outputs()[0].shape[-1]
    except Exception as exc:  # onnxruntime's and tokenizers' errors share no other base
        raise UnloadableReranker(f"{name}: {exc}") from exc
    if isinstance(outputs, int) and outputs != 1:
        raise UnloadableReranker(f"{name} gives {outputs} numbers a pair; a reranker gives one.")
    return runtime


def _of_folder(folder: Path) -> Any:
    from fastembed.common.model_description import ModelSource

    graph = next((graph for graph in GRAPHS if (folder / graph).is_file()), None)
    if graph is None:
        raise UnloadableReranker(f"{folder} has no {' or '.join(GRAPHS)}.")
    name = str(folder / graph)
    if name not in _known():  # fastembed's table is the process's, and takes a name once
        _fastembed().add_custom_model(name, ModelSource(hf=name), model_file=graph)
    # The cache stays unused, but fastembed makes a folder of its own otherwise.
    return _made(name, folder, specific_model_path=str(folder))


def _of_name(name: str, cache_dir: Path, hub_endpoint: str | None) -> Any:
    known = _known()
    if name not in known:
        raise UnknownReranker(f"{name!r} is none of: {', '.join(sorted(known))}.")
    try:
        return _made(name, cache_dir, local_files_only=True)
    except ValueError:  # fastembed's word for a model that it has not got
        pass
    try:
        # fastembed asks a silent hub for 39 s. A small file tells soon whether that is worth it.
        with TemporaryDirectory() as scratch:
            fetch(
                known[name],
                ["tokenizer_config.json"],
                Path(scratch),
                revision="main",
                endpoint=hub_endpoint,
            )
        return _made(name, cache_dir)
    except (HubUnavailable, ValueError, OSError) as exc:
        detail = exc.detail if isinstance(exc, HubUnavailable) else str(exc)
        raise RerankerNotFound(f"{name}: {detail}") from exc


def _made(name: str, cache_dir: Path, **options: object) -> Any:
    """Its files are there, and not yet loaded."""
    return _fastembed()(name, cache_dir=str(cache_dir), threads=1, lazy_load=True, **options)


def _known() -> dict[str, str]:
    """Names in fastembed's table, with those on the hub."""
    models = _fastembed().list_supported_models()
    return {model["model"]: model["sources"]["hf"] for model in models}


def _fastembed() -> Any:
    return import_module("fastembed.rerank.cross_encoder").TextCrossEncoder
