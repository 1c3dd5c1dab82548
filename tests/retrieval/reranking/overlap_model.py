"""A cross-encoder of a few kB that scores how many of a question's words a passage has.

It is a real one as far as fastembed can tell: an ONNX graph over tokens, segments and mask, beside
a tokenizer that puts question and passage together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

if TYPE_CHECKING:
    from onnx import NodeProto

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = ("the", "a", "pump", "has", "no", "pressure", "lunch", "is", "pea", "soup", "red", "door")
MAX_TOKENS = 16
STEEPNESS, SHIFT = 8.0, -4.0
"""The logit is `STEEPNESS` times the share of the question's words, plus `SHIFT`."""


def publish(folder: Path, *, graph: str = "model.onnx", outputs: int = 1) -> Path:
    """Write the model's files; the folder."""
    (folder / graph).parent.mkdir(parents=True, exist_ok=True)
    _write_graph(folder / graph, outputs)
    _write_tokenizer(folder / "tokenizer.json")
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}))
    (folder / "special_tokens_map.json").write_text(json.dumps({"pad_token": "[PAD]"}))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"model_max_length": MAX_TOKENS, "pad_token": "[PAD]"})
    )
    return folder


def logit(question: str, passage: str) -> float:
    """What the model says of texts that it need not cut, of words that it knows."""
    asked, said = question.lower().split(), set(passage.lower().split())
    return STEEPNESS * sum(word in said for word in asked) / len(asked) + SHIFT


def _write_graph(path: Path, outputs: int) -> None:
    """Of every question token (segment 0), whether any passage token (segment 1) is the same."""
    node = helper.make_node
    mean = "share" if outputs == 1 else "one_share"
    nodes: list[NodeProto] = [
        node("GreaterOrEqual", ["input_ids", "first_word"], ["is_word"]),
        node("Equal", ["token_type_ids", "zero"], ["first_segment"]),
        node("Not", ["first_segment"], ["second_segment"]),
        node("And", ["is_word", "first_segment"], ["asked"]),
        node("And", ["is_word", "second_segment"], ["said"]),
        node("Unsqueeze", ["input_ids", "last"], ["rows"]),
        node("Unsqueeze", ["input_ids", "middle"], ["columns"]),
        node("Equal", ["rows", "columns"], ["same"]),
        node("Unsqueeze", ["said", "middle"], ["said_columns"]),
        node("And", ["same", "said_columns"], ["hits"]),
        node("Cast", ["hits"], ["hits_f"], to=TensorProto.FLOAT),
        node("ReduceMax", ["hits_f", "last"], ["hit"], keepdims=0),
        node("Cast", ["asked"], ["asked_f"], to=TensorProto.FLOAT),
        node("Mul", ["hit", "asked_f"], ["found"]),
        node("ReduceSum", ["found", "tokens"], ["found_count"], keepdims=1),
        node("ReduceSum", ["asked_f", "tokens"], ["asked_count"], keepdims=1),
        node("Div", ["found_count", "asked_count"], [mean]),
        node("Mul", ["share", "steepness"], ["steep"]),
        node("Add", ["steep", "shift"], ["logits"]),
    ]
    if outputs > 1:
        nodes.insert(-2, node("Concat", ["one_share"] * outputs, ["share"], axis=1))
    constants = {
        "first_word": np.int64(len(SPECIAL)),
        "zero": np.int64(0),
        "last": np.array([2], np.int64),
        "middle": np.array([1], np.int64),
        "tokens": np.array([1], np.int64),
        "steepness": np.float32(STEEPNESS),
        "shift": np.float32(SHIFT),
    }
    shape = ["batch", "length"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, shape)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    graph = helper.make_graph(
        nodes,
        "overlap",
        inputs,
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", outputs])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())


def _write_tokenizer(path: Path) -> None:
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(path))
