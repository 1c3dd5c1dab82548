"""Cross-encoders in this process, loaded and run by fastembed itself."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from math import exp
from pathlib import Path
from time import monotonic

import pytest

from retrieval.reranking import fastembed_reranker
from retrieval.reranking.cross_encoder import (
    RerankerNotFound,
    UnknownReranker,
    UnloadableReranker,
    load_cross_encoder,
)
from retrieval.reranking.fastembed_reranker import open_fastembed
from retrieval.reranking.opening import open_reranker
from retrieval.reranking.reranker import RerankingFailed, model_id
from tests.retrieval.reranking.overlap_model import MAX_TOKENS, logit, publish

QUESTION = "the pump has no pressure"
PASSAGES = ["lunch is pea soup", "the red pump", "no pump has the pressure", "the pump has a door"]
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return publish(tmp_path / "Overlap-Model")


async def rerank(
    folder: Path, question: str, passages: list[str], *, threads: int = 2
) -> list[float]:
    with open_fastembed(str(folder), cache_dir=folder, threads=threads, seconds=30) as reranker:
        return await reranker.rerank(question, passages)


# What it says


async def test_scores_are_the_models_own_as_probabilities_in_the_passages_order(
    folder: Path,
) -> None:
    expected = [1 / (1 + exp(-logit(QUESTION, passage))) for passage in PASSAGES]
    assert await rerank(folder, QUESTION, PASSAGES) == pytest.approx(expected, abs=1e-6)
    assert max(expected) == expected[2]


async def test_no_passages_have_no_scores(folder: Path) -> None:
    assert await rerank(folder, QUESTION, []) == []


async def test_a_passage_too_long_for_the_model_is_cut(folder: Path) -> None:
    room = MAX_TOKENS - 3 - 1  # of a question of one word; three tokens are special
    near = "a " * (room - 1) + "pump " + "a " * 500
    far = "a " * room + "pump " + "a " * 500
    scores = await rerank(folder, "pump", [near, far])
    assert scores[0] > 0.9
    assert scores[1] < 0.1


async def test_a_question_too_long_for_the_model_is_cut_too(folder: Path) -> None:
    (score,) = await rerank(folder, "pump " * 1000, ["the pump"])
    assert score > 0.9


async def test_a_score_does_not_depend_on_its_neighbours(folder: Path) -> None:
    together = await rerank(folder, QUESTION, PASSAGES, threads=1)
    alone = [(await rerank(folder, QUESTION, [passage]))[0] for passage in PASSAGES]
    assert together == alone


async def test_many_tasks_get_the_answers_one_would(folder: Path) -> None:
    with open_fastembed(str(folder), cache_dir=folder, threads=2, seconds=30) as reranker:
        many = await asyncio.gather(*(reranker.rerank(QUESTION, PASSAGES * 5) for _ in range(8)))
    assert all(scores == many[0] for scores in many)


async def test_its_name_in_answers_is_short(folder: Path, tmp_path: Path) -> None:
    async with open_reranker(
        str(folder), url=None, cache_dir=tmp_path, threads=1, seconds=5
    ) as reranker:
        assert reranker.model == "overlap-model"
        assert len(await reranker.rerank(QUESTION, PASSAGES)) == len(PASSAGES)
    assert model_id("BAAI/bge-reranker-v2-m3") == "bge-reranker-v2-m3"
    assert model_id("/models/mine/") == "mine"


# Where it comes from


async def test_a_folder_as_it_is_cloned_from_the_hub_is_one_too(tmp_path: Path) -> None:
    clone = publish(tmp_path / "clone", graph="onnx/model.onnx")
    scores = await rerank(clone, QUESTION, PASSAGES)
    assert scores.index(max(scores)) == 2


async def test_nothing_is_loaded_before_it_is_asked(tmp_path: Path) -> None:
    with open_fastembed("no/such-model", cache_dir=tmp_path, threads=1, seconds=30) as reranker:
        assert reranker.model == "such-model"


def test_a_name_that_nobody_knows_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownReranker, match=r"'no/such-model' is none of.*bge-reranker-v2-m3"):
        load_cross_encoder("no/such-model", tmp_path)


def test_without_the_hub_a_known_name_soon_says_what_to_do(tmp_path: Path) -> None:
    began = monotonic()
    with pytest.raises(RerankerNotFound, match="set KB_RERANK_MODEL to a folder") as refused:
        load_cross_encoder("Xenova/ms-marco-MiniLM-L-6-v2", tmp_path, hub_endpoint=NOWHERE)
    assert "Xenova/ms-marco-MiniLM-L-6-v2: http://127.0.0.1:1/" in str(refused.value)
    assert monotonic() - began < 30  # fastembed alone asks for 39 s


def test_what_is_in_the_cache_needs_no_hub(tmp_path: Path) -> None:
    repository = tmp_path / "models--Xenova--ms-marco-MiniLM-L-6-v2"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("a" * 40)
    publish(repository / "snapshots" / ("a" * 40), graph="onnx/model.onnx")
    runtime = load_cross_encoder("Xenova/ms-marco-MiniLM-L-6-v2", tmp_path, hub_endpoint=NOWHERE)
    (said,) = runtime.rerank(QUESTION, [PASSAGES[0]], batch_size=1)
    assert said == pytest.approx(logit(QUESTION, PASSAGES[0]), abs=1e-5)


@pytest.mark.parametrize("broken", ["model.onnx", "tokenizer.json", "tokenizer_config.json"])
def test_a_folder_that_is_broken_is_refused(folder: Path, broken: str) -> None:
    (folder / broken).write_bytes(b"half a fi")
    with pytest.raises(UnloadableReranker, match=str(folder)):
        load_cross_encoder(str(folder), folder)


def test_a_folder_without_a_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnloadableReranker, match=r"has no model.onnx or onnx/model.onnx"):
        load_cross_encoder(str(tmp_path), tmp_path)


def test_a_classifier_of_several_classes_is_no_reranker(tmp_path: Path) -> None:
    folder = publish(tmp_path / "classifier", outputs=3)
    with pytest.raises(UnloadableReranker, match="gives 3 numbers a pair"):
        load_cross_encoder(str(folder), folder)


# What a query sees of it


async def test_one_that_cannot_be_loaded_fails_every_query_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.ERROR),
        open_fastembed("no/such-model", cache_dir=tmp_path, threads=1, seconds=30) as reranker,
    ):
        for _ in range(3):
            with pytest.raises(RerankingFailed, match="KB_RERANK_MODEL is neither a folder"):
                await reranker.rerank(QUESTION, PASSAGES)
    ours = [one for one in caplog.records if one.name.startswith("retrieval.")]
    assert [one.getMessage().split(";")[0][:15] for one in ours] == ["KB_RERANK_MODEL"]


class Waiting:
    """A model that waits with its answers."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.asked = 0

    def rerank(self, query: str, documents: Sequence[str], *, batch_size: int) -> list[float]:
        self.asked += 1
        assert self.go_on.wait(30)
        return [0.0] * len(documents)


async def test_a_model_that_takes_too_long_fails_and_works_off_nothing_that_nobody_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = Waiting()

    def load(name: str, cache_dir: Path) -> Waiting:
        return waiting

    monkeypatch.setattr(fastembed_reranker, "load_cross_encoder", load)
    with open_fastembed("waiting", cache_dir=tmp_path, threads=1, seconds=2) as reranker:
        with pytest.raises(RerankingFailed, match=r"longer than 2 s.*KB_RERANK_TIMEOUT"):
            await reranker.rerank(QUESTION, PASSAGES)
        waiting.go_on.set()
        assert await reranker.rerank(QUESTION, PASSAGES) == [0.5] * len(PASSAGES)
    assert waiting.asked <= 1 + len(PASSAGES)


async def test_a_model_that_loads_for_too_long_answers_later_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = Waiting()
    loads: list[str] = []

    def load(name: str, cache_dir: Path) -> Waiting:
        loads.append(name)
        assert waiting.go_on.wait(30)
        return waiting

    monkeypatch.setattr(fastembed_reranker, "load_cross_encoder", load)
    with open_fastembed("waiting", cache_dir=tmp_path, threads=1, seconds=2) as reranker:
        for _ in range(2):
            with pytest.raises(RerankingFailed, match=r"longer than 2 s"):
                await reranker.rerank(QUESTION, PASSAGES)
        waiting.go_on.set()
        assert await reranker.rerank(QUESTION, PASSAGES) == [0.5] * len(PASSAGES)
    assert loads == ["waiting"]


async def test_a_number_that_is_none_fails(folder: Path) -> None:
    # A question of no known word divides nothing by nothing.
    with pytest.raises(RerankingFailed, match="The model says nan"):
        await rerank(folder, "", PASSAGES)
