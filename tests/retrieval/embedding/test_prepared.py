from __future__ import annotations

import json
import multiprocessing
import os
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.prepared import (
    PREPARED_FILES,
    SCRATCH_LIFETIME_S,
    CacheNotWritable,
    UnusableWeights,
    WeightsMismatch,
    folder_for,
    lacking,
    prepare,
    published,
)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def prepare_together(model: EmbeddingModel, source: Path, cache: Path, start: Barrier) -> None:
    """For another process: announces the step before building, and waits for its twin there."""

    def wait(_: str) -> None:
        start.wait(60)

    prepare(model, source, cache, on_step=wait)


def test_a_prepared_folder_has_what_fastembed_reads(
    tiny: EmbeddingModel, source: Path, cache: Path
) -> None:
    folder = prepare(tiny, source, cache)
    assert files_in(folder) == set(PREPARED_FILES)
    assert folder == folder_for(tiny, cache, "fp32")
    assert published(tiny).sha256[:12] in folder.name


def test_texts_will_be_cut_where_the_model_was_tuned_to(
    tiny: EmbeddingModel, source: Path, cache: Path
) -> None:
    config = json.loads((prepare(tiny, source, cache) / "tokenizer_config.json").read_text())
    assert config == {"model_max_length": tiny.max_tokens, "pad_token": "[PAD]"}


def test_the_graph_is_built_once(tiny: EmbeddingModel, source: Path, cache: Path) -> None:
    steps: list[str] = []
    first = prepare(tiny, source, cache, on_step=steps.append)
    built = (first / "model.onnx").stat()
    assert prepare(tiny, source, cache, on_step=steps.append) == first
    assert (first / "model.onnx").stat() == built
    assert len(steps) == 1


def test_each_precision_has_a_folder_of_its_own(
    tiny: EmbeddingModel, source: Path, cache: Path
) -> None:
    assert prepare(tiny, source, cache) != prepare(tiny, source, cache, precision="int8")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_changed_file_is_refused_and_leaves_nothing(
    tiny: EmbeddingModel, source: Path, cache: Path, name: str
) -> None:
    content = bytearray((source / name).read_bytes())
    content[-9] ^= 1
    (source / name).write_bytes(content)
    with pytest.raises(WeightsMismatch, match=rf"{name} has SHA-256 \w+; tiny was published with"):
        prepare(tiny, source, cache)
    assert not cache.exists()


def test_a_missing_file_is_named(tiny: EmbeddingModel, source: Path, cache: Path) -> None:
    (source / "tokenizer.json").unlink()
    with pytest.raises(UnusableWeights, match=r"has no tokenizer\.json\."):
        prepare(tiny, source, cache)


def test_two_processes_may_build_at_once(tiny: EmbeddingModel, source: Path, cache: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    processes = [
        context.Process(target=prepare_together, args=(tiny, source, cache, start))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    folder = folder_for(tiny, cache, "fp32")
    assert lacking(folder) == []
    assert files_in(folder.parent) == {folder.name}


def test_a_folder_that_lost_a_file_is_made_again(
    tiny: EmbeddingModel, source: Path, cache: Path
) -> None:
    folder = prepare(tiny, source, cache)
    (folder / "tokenizer.json").unlink()
    assert prepare(tiny, source, cache) == folder
    assert lacking(folder) == []
    assert files_in(folder.parent) == {folder.name}


def test_what_a_killed_process_left_is_removed_but_not_what_one_is_working_on(
    tiny: EmbeddingModel, source: Path, cache: Path
) -> None:
    parent = folder_for(tiny, cache, "fp32").parent
    old, new = parent / ".building-old", parent / ".building-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"half")
    long_ago = old.stat().st_mtime - SCRATCH_LIFETIME_S - 1
    os.utime(old, (long_ago, long_ago))
    prepare(tiny, source, cache)
    assert not old.exists()
    assert new.exists()


def test_a_cache_that_cannot_be_written_is_named(
    tiny: EmbeddingModel, source: Path, cache: Path
) -> None:
    cache.write_text("a file where a folder should be")
    with pytest.raises(CacheNotWritable, match=str(cache)):
        prepare(tiny, source, cache)
