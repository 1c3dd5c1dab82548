"""A winner as a file: what the API takes is what was measured, and it can be saved and loaded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from ingest.chunking.settings import chunk_settings
from kb.api.index_versions import BuildRequest
from kb.api.retrieve import RetrieveRequest
from kb.cli.settings_file import read_settings
from playground.candidates import Candidate, IndexChoice
from playground.goal import Goal
from playground.measured import Measured
from playground.saved import SavedSweep, forget, load, save
from playground.settings_file import build_body, retrieve_options, settings_file
from retrieval.embedding.models import MODELS
from retrieval.index import ChunkSettings, ChunkStrategy
from retrieval.query import Query, Reranking

MODEL = MODELS[0]
OPTIONS: dict[ChunkStrategy, dict[str, object]] = {
    "section": {"min_chunk_size": 40},
    "semantic": {"semantic_threshold": 0.3},
    "hierarchical": {"parent_chunk_size": 700},
    "sentence_window": {"window_size": 2},
    "fixed": {"overlap": 30},
}
LIKE = Query(
    text="-", num_results=7, alpha=0.3, fusion="reciprocal_rank", expand="section", max_tokens=900
)


def candidate(strategy: ChunkStrategy, **options: object) -> Candidate:
    chunking: ChunkSettings = chunk_settings(
        MODEL,
        strategy=strategy,
        max_chunk_size=128,
        context="none",
        **{**OPTIONS[strategy], **options},  # pyright: ignore[reportArgumentType] those of the strategy
    )
    return Candidate(index=IndexChoice(model_id=MODEL.id, chunking=chunking), like=LIKE)


@pytest.mark.parametrize("strategy", list(OPTIONS))
def test_the_api_builds_and_asks_what_was_measured(strategy: ChunkStrategy, tmp_path: Path) -> None:
    wanted = candidate(strategy)
    request = BuildRequest.model_validate(build_body(wanted.index, MODEL.uuid))
    otherwise = chunk_settings(MODEL)
    assert request.chunking(MODEL, otherwise) == wanted.index.chunking
    body = {"query": "-", **retrieve_options(LIKE)}
    asked = RetrieveRequest.model_validate(body).to_query()
    assert replace(asked, reranking=None) == LIKE
    assert asked.reranking is not None
    assert not asked.reranking.enabled  # as measured, whatever the knowledge base is set to
    path = tmp_path / "winner.json"
    path.write_text(settings_file(wanted, MODEL.uuid))
    read = read_settings(path)
    assert read.index_version == request
    assert read.like == asked
    options = read.where_not({"chunking": {"context": "headers"}, "model": None})
    assert (options["chunking"]["context"], options["model"]) == ("headers", MODEL.uuid)


def test_reranking_is_asked_for_where_it_was_measured() -> None:
    like = replace(LIKE, reranking=Reranking(candidates=20))
    assert retrieve_options(like)["reranking"] == {"enabled": True, "candidates": 20}


def test_a_file_in_toml_and_one_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "a.toml"
    good.write_text("[retrieve]\nalpha = 0.2\n[index_version.chunking_options]\nmax_chunk_size=150")
    found = read_settings(good)
    assert found.like.alpha == 0.2
    bad = tmp_path / "b.json"
    bad.write_text('{"retrieve": {"alpha": 7}}')
    with pytest.raises(SystemExit):
        read_settings(bad)
    assert "retrieve.alpha" in capsys.readouterr().err.replace("\n", "")


def test_a_sweep_is_saved_and_loaded_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / f"{uuid4()}.json"
    one = Measured(candidate("fixed"), [], 3, 400, share=0.5, settled=False)
    sweep = SavedSweep(
        dataset="questions",
        goal=Goal(star="mrr", limits={"tokens": 500.0}),
        reference=one.name,
        began=datetime.now(UTC),
        halving=True,
        found=[one],
    )
    assert load(path) is None
    save(path, sweep)
    assert path.stat().st_mode & 0o077 == 0
    assert load(path) == sweep
    path.write_text('{"of": "another version"}')
    assert load(path) is None
    forget(path)
    forget(path)
