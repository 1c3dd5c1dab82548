from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.onnx_bert import Precision, UnsupportedArchitecture, build
from tests.retrieval.embedding.reference_bert import ReferenceBert
from tests.retrieval.embedding.tiny_model import random_tensors, write_safetensors


def run(path: Path, ids: list[list[int]], mask: list[list[int]]) -> Any:
    from onnxruntime import InferenceSession  # pyright: ignore[reportMissingTypeStubs] it has none

    inputs = {
        "input_ids": np.array(ids, np.int64),
        "attention_mask": np.array(mask, np.int64),
        "token_type_ids": np.zeros_like(ids, np.int64),
    }
    session: Any = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["last_hidden_state"], inputs)[0]


@pytest.mark.usefixtures("tiny")
class TestGraph:
    def test_computes_what_the_paper_says(self, source: Path, tmp_path: Path) -> None:
        build(source, tmp_path / "model.onnx")
        ids = [2, 7, 9, 12, 5, 3]
        got = run(tmp_path / "model.onnx", [ids], [[1] * 6])
        assert got.dtype == np.float32
        np.testing.assert_allclose(got[0], ReferenceBert(source).last_hidden_state(ids), atol=1e-4)

    def test_padding_changes_nothing(self, source: Path, tmp_path: Path) -> None:
        build(source, tmp_path / "model.onnx")
        short, long = [2, 8, 3], [2, 7, 9, 12, 5, 3]
        got = run(
            tmp_path / "model.onnx",
            [[*short, 0, 0, 0], long],
            [[1, 1, 1, 0, 0, 0], [1] * 6],
        )
        reference = ReferenceBert(source)
        np.testing.assert_allclose(got[0, :3], reference.last_hidden_state(short), atol=1e-4)
        np.testing.assert_allclose(got[1], reference.last_hidden_state(long), atol=1e-4)

    def test_reads_tensors_named_as_a_whole_bert_model_names_them(
        self, source: Path, tmp_path: Path
    ) -> None:
        build(source, tmp_path / "plain.onnx")
        tensors = {f"bert.{name}": tensor for name, tensor in random_tensors().items()}
        write_safetensors(source / "model.safetensors", tensors)
        build(source, tmp_path / "prefixed.onnx")
        plain, prefixed = (tmp_path / f"{n}.onnx" for n in ("plain", "prefixed"))
        assert plain.read_bytes() == prefixed.read_bytes()

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("model_type", "roberta"),
            ("hidden_act", "gelu_new"),
            ("position_embedding_type", "relative_key"),
        ],
    )
    def test_refuses_what_it_would_compute_wrongly(
        self, source: Path, tmp_path: Path, key: str, value: str
    ) -> None:
        config = json.loads((source / "config.json").read_text())
        (source / "config.json").write_text(json.dumps(config | {key: value}))
        with pytest.raises(UnsupportedArchitecture, match=f"{key} is '{value}'"):
            build(source, tmp_path / "model.onnx")

    def test_names_a_tensor_that_is_not_there(self, source: Path, tmp_path: Path) -> None:
        tensors = random_tensors()
        del tensors["encoder.layer.1.output.dense.bias"]
        write_safetensors(source / "model.safetensors", tensors)
        with pytest.raises(
            UnsupportedArchitecture, match=r"encoder\.layer\.1\.output\.dense\.bias"
        ):
            build(source, tmp_path / "model.onnx")

    def test_names_a_setting_that_is_not_there(self, source: Path, tmp_path: Path) -> None:
        config = json.loads((source / "config.json").read_text())
        del config["num_attention_heads"]
        (source / "config.json").write_text(json.dumps(config))
        with pytest.raises(UnsupportedArchitecture, match="num_attention_heads"):
            build(source, tmp_path / "model.onnx")


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_building_logs_and_warns_nothing(
    tiny: EmbeddingModel,
    source: Path,
    tmp_path: Path,
    precision: Precision,
    caplog: pytest.LogCaptureFixture,
) -> None:
    build(source, tmp_path / "model.onnx", precision=precision)
    assert caplog.records == []
