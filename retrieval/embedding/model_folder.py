"""A user's own folder with a model: an ONNX export as it is, or a BERT's safetensors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from retrieval.embedding.fastembed_names import GRAPHS
from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.onnx_bert import Precision
from retrieval.embedding.prepared import (
    SOURCE_FILES,
    UnusableWeights,
    build_once,
    folder_of,
    require,
    say_nothing,
    sha256_of,
)

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


def usable_folder(
    model: EmbeddingModel,
    path: Path,
    *,
    cache_dir: Path,
    precision: Precision,
    on_step: Callable[[str], None] = say_nothing,
) -> Path:
    """A folder that `FastEmbedEmbedder` can load; for safetensors made first, in the cache.

    Whoever points at a folder trusts it: there is no hash to check. An export keeps its own
    precision. Raises UnusableWeights, UnsupportedArchitecture or CacheNotWritable.
    """
    if not path.is_dir():
        raise UnusableWeights(f"{path}, where {model.id} should be, is no folder.")
    if any((path / graph).is_file() for graph in GRAPHS):
        require(path, TOKENIZER_FILES)
        return path
    require(path, SOURCE_FILES)
    # Other settings of the same weights would be another model, so that they count, too.
    digests = "".join(sha256_of(path / name) for name in SOURCE_FILES)
    whole = hashlib.sha256(f"{digests}{model.max_tokens}".encode()).hexdigest()
    folder = folder_of(model.id, whole, cache_dir, precision)
    return build_once(model, path, folder, precision=precision, on_step=on_step)
