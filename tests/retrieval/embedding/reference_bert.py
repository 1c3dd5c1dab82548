"""BERT's forward pass in numpy float64, written from the paper: what our graph is checked against.

It shares no code with `retrieval.embedding`, and none with onnxruntime.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

Array = NDArray[np.float64]


class ReferenceBert:
    """An encoder read from its published files."""

    def __init__(self, folder: Path) -> None:
        self._config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        self._weights = _tensors((folder / "model.safetensors").read_bytes())
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def embed(self, texts: Sequence[str], *, max_tokens: int) -> Array:
        """Mean-pooled unit vectors (len(texts), hidden), one text at a time: without padding."""
        tokenizer = self._tokenizer
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)  # pyright: ignore[reportUnknownMemberType] untyped **kwargs
        states = [self.last_hidden_state(tokenizer.encode(text).ids) for text in texts]
        means = np.array([state.mean(axis=0) for state in states])
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    def last_hidden_state(self, ids: Sequence[int]) -> Array:
        """The encoder's output for one sequence of token ids: (len(ids), hidden)."""
        config, weights = self._config, self._weights
        heads: int = config["num_attention_heads"]

        def linear(x: Array, name: str) -> Array:
            return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

        def norm(x: Array, name: str) -> Array:
            centred = x - x.mean(-1, keepdims=True)
            scale = np.sqrt((centred**2).mean(-1, keepdims=True) + config["layer_norm_eps"])
            return centred / scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]

        def split(x: Array) -> Array:  # (tokens, hidden) to (heads, tokens, hidden / heads)
            return x.reshape(len(ids), heads, -1).transpose(1, 0, 2)

        x = (
            weights["embeddings.word_embeddings.weight"][list(ids)]
            + weights["embeddings.position_embeddings.weight"][: len(ids)]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        x = norm(x, "embeddings.LayerNorm")
        for layer in range(config["num_hidden_layers"]):
            name = f"encoder.layer.{layer}"
            q, k, v = (
                split(linear(x, f"{name}.attention.self.{p}")) for p in ("query", "key", "value")
            )
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = (scores / scores.sum(-1, keepdims=True)) @ v
            mixed = mixed.transpose(1, 0, 2).reshape(len(ids), -1)
            x = norm(
                x + linear(mixed, f"{name}.attention.output.dense"),
                f"{name}.attention.output.LayerNorm",
            )
            wide = linear(x, f"{name}.intermediate.dense")
            wide = wide * 0.5 * (1 + _erf(wide / math.sqrt(2)))
            x = norm(x + linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        return x


def _erf(x: Array) -> Array:
    return np.array([math.erf(value) for value in x.ravel().tolist()]).reshape(x.shape)


def _tensors(file: bytes) -> dict[str, Array]:
    start = 8 + int.from_bytes(file[:8], "little")
    header: dict[str, Any] = json.loads(file[8:start])
    return {
        name: np.frombuffer(
            file,
            "<f4",
            count=math.prod(entry["shape"]),
            offset=start + entry["data_offsets"][0],
        )
        .reshape(entry["shape"])
        .astype(np.float64)
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }
