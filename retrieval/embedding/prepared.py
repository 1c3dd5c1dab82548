"""Folders in the local cache that fastembed can load as they are, and how they come to be."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.onnx_bert import GRAPH_VERSION, Precision, build
from retrieval.embedding.sources import PublishedWeights
from retrieval.errors import RetrievalError

KEPT_FILES = ("config.json", "special_tokens_map.json", "tokenizer.json")
"""Copied as they are."""
SOURCE_FILES = (*KEPT_FILES, "tokenizer_config.json", "model.safetensors")
"""What a model is published as; the smallest first and the weights last."""
PREPARED_FILES = (*KEPT_FILES, "tokenizer_config.json", "model.onnx")
"""What fastembed reads."""

SCRATCH_PREFIX = ".building-"
SCRATCH_LIFETIME_S = 3600.0
"""No download or build takes longer; what is older was left by a process that was killed."""


class UnusableWeights(RetrievalError):
    """The model's files cannot be used as they are."""


class WeightsMismatch(UnusableWeights):
    """A file is not the one the model was published with, so it was not used; get it again."""


class CacheNotWritable(RetrievalError):
    """The prepared model could not be written to the local cache: make room, or give it a folder
    that this user may write to."""


def folder_for(model: EmbeddingModel, cache_dir: Path, precision: Precision) -> Path:
    """Where the prepared model belongs. Other weights or another graph have another folder."""
    return folder_of(model.id, published(model).sha256, cache_dir, precision)


def folder_of(model_id: str, sha256: str, cache_dir: Path, precision: Precision) -> Path:
    """The same, by the hash of the weights."""
    return cache_dir / model_id / f"{sha256[:12]}-{precision}-{GRAPH_VERSION}"


def published(model: EmbeddingModel) -> PublishedWeights:
    """Where the weights of a model that comes with this service are published."""
    assert isinstance(model.source, PublishedWeights)
    return model.source


def lacking(folder: Path, names: tuple[str, ...] = PREPARED_FILES) -> list[str]:
    """Which of the files are not in the folder; all of them where there is no folder."""
    return [name for name in names if not (folder / name).is_file()]


def say_nothing(_: str) -> None:
    """The `on_step` of callers that show no progress."""


def prepare(
    model: EmbeddingModel,
    source: Path,
    cache_dir: Path,
    *,
    precision: Precision = "fp32",
    on_step: Callable[[str], None] = say_nothing,
) -> Path:
    """Check the published files in `source`, and make the prepared folder of them, once.

    It appears whole or not at all. Several processes may do this at once: each builds its own,
    the first to finish wins, and all return the same folder.
    Raises UnusableWeights, WeightsMismatch, CacheNotWritable.
    """
    check(model, source)
    folder = folder_for(model, cache_dir, precision)
    return build_once(model, source, folder, precision=precision, on_step=on_step)


def build_once(
    model: EmbeddingModel,
    source: Path,
    folder: Path,
    *,
    precision: Precision,
    on_step: Callable[[str], None],
) -> Path:
    """Make the prepared folder of the files in `source`, as `prepare` does after its check."""
    if not lacking(folder):
        return folder
    on_step(f"Building the ONNX graph of {model.name} ({precision}); this happens once.")
    with scratch_in(folder.parent) as scratch:
        ready = scratch / "ready"
        ready.mkdir()
        build(source, ready / "model.onnx", precision=precision)
        for name in KEPT_FILES:
            shutil.copyfile(source / name, ready / name)
        _write_tokenizer_config(model, source, ready)
        put_in_place(ready, folder, scratch, PREPARED_FILES)
    return folder


@contextmanager
def scratch_in(parent: Path) -> Generator[Path]:
    """A folder to work in that is gone afterwards, on the file system where the result belongs.

    Any OSError inside becomes CacheNotWritable.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        with TemporaryDirectory(
            prefix=SCRATCH_PREFIX, dir=parent, ignore_cleanup_errors=True
        ) as scratch:
            yield Path(scratch)
    except OSError as exc:
        raise CacheNotWritable(f"{parent}: {exc}") from exc


def check(model: EmbeddingModel, source: Path) -> None:
    """Raise unless `source` has all the published files, and the two that matter are the right
    ones. Reads 90 MB for MiniLM: about 0.1 s."""
    require(source, SOURCE_FILES)
    weights = published(model)
    expected = {"model.safetensors": weights.sha256, "tokenizer.json": weights.tokenizer_sha256}
    for name, sha256 in expected.items():
        found = sha256_of(source / name)
        if found != sha256:
            raise WeightsMismatch(
                f"{source / name} has SHA-256 {found}; {model.id} was published with {sha256}."
            )


def require(folder: Path, names: tuple[str, ...]) -> None:
    """Raise UnusableWeights unless all the files are in the folder."""
    if missing := lacking(folder, names):
        raise UnusableWeights(f"{folder} has no {', '.join(missing)}.")


def sha256_of(path: Path) -> str:
    """In hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def put_in_place(ready: Path, folder: Path, scratch: Path, names: tuple[str, ...]) -> None:
    """Rename a folder with all these files to where it belongs, unless another process did."""
    for name in names:  # a crash must not leave the name without the bytes
        with (ready / name).open("rb") as file:
            os.fsync(file.fileno())
    try:
        ready.rename(folder)
    except OSError:
        if not lacking(folder, names):
            return  # another process was first
        folder.rename(scratch / "incomplete")
        ready.rename(folder)


def _sweep(parent: Path) -> None:
    """Remove what killed processes left, or a container that restarts for ever fills the disk."""
    for left in parent.glob(f"{SCRATCH_PREFIX}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > SCRATCH_LIFETIME_S:
                shutil.rmtree(left, ignore_errors=True)


def _write_tokenizer_config(model: EmbeddingModel, source: Path, ready: Path) -> None:
    """The published limit is the position table's length (512), not what the model was tuned
    for (256, which sentence-transformers keeps in a file of its own that fastembed ignores)."""
    name = "tokenizer_config.json"
    config = cast(dict[str, Any], json.loads((source / name).read_text("utf-8")))
    config.pop("max_length", None)  # fastembed would take the smaller of the two
    config["model_max_length"] = model.max_tokens
    (ready / name).write_text(json.dumps(config, indent=2), "utf-8")
