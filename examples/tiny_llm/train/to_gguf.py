"""Writes the trained model as GGUF: `python -m examples.tiny_llm.train.to_gguf FOLDER FILE`."""

# pyright: basic, reportMissingImports=false
# gguf is no dependency of this project; the README beside this says how to run it.

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
}
"""What llama.cpp calls the parts of a Qwen 2, without `model.layers.N.` and `blk.N.`."""


def write(folder: Path, file: Path) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    writer = gguf.GGUFWriter(file, "qwen2")
    writer.add_name("tiny tool model")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    _add_tokenizer(writer, json.loads((folder / "tokenizer.json").read_text("utf-8")))
    writer.add_chat_template(Path(__file__).with_name("template.jinja").read_text("utf-8"))
    for name, weights in load_file(folder / "model.safetensors").items():
        kind = np.float32 if weights.ndim == 1 else np.float16
        writer.add_tensor(_name(name), weights.astype(kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: dict[str, Any]) -> None:
    added = {one["content"]: one for one in tokenizer["added_tokens"]}
    ids = {**tokenizer["model"]["vocab"], **{name: one["id"] for name, one in added.items()}}
    tokens = sorted(ids, key=lambda token: ids[token])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([_type(added.get(token)) for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(ids["<|im_end|>"])
    writer.add_pad_token_id(ids["<|endoftext|>"])
    writer.add_bos_token_id(ids["<|endoftext|>"])
    writer.add_add_bos_token(False)


def _type(added: dict[str, Any] | None) -> gguf.TokenType:
    if added is None:
        return gguf.TokenType.NORMAL
    return gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED


def _name(name: str) -> str:
    part, _, kind = name.rpartition(".")
    if not part.startswith("model.layers."):
        return f"{NAMES[part]}.{kind}"
    layer, _, inner = part.removeprefix("model.layers.").partition(".")
    return f"blk.{layer}.{NAMES[inner]}.{kind}"


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
