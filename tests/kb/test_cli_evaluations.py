"""Evaluation from the command line: datasets, runs, gates, comparisons, questions written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kb.postgres.embedded import EmbeddedPostgres
from tests.kb.commands import call_kb
from tests.kb.programs import data_folder
from tests.kb.tables import cells, one_line
from tests.kb.wood import ANIMALS, FILES, questions

FOX_ONLY = '{"equals": {"key": "item_name", "value": "fox.md"}}'


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with data_folder() as folder, EmbeddedPostgres(folder):
        (folder / "wood").mkdir()
        for name, text in FILES.items():
            (folder / "wood" / name).write_text(text)
        (folder / "animals.jsonl").write_text("\n".join(map(json.dumps, questions())))
        call_kb(folder, "create", "wood")
        call_kb(folder, "add", "wood", *sorted((folder / "wood").iterdir()))
        yield folder


def listed(home: Path) -> dict[str, list[dict[str, Any]]]:
    return json.loads(call_kb(home, "eval", "list", "wood", "--json").stdout)


def test_a_dataset_is_added_run_gated_compared_and_deleted(home: Path) -> None:
    """One test: each step begins where the one before ended."""
    early = call_kb(home, "eval", "run", "wood", status=1).stderr
    assert "There is no dataset" in early
    assert "kb eval add wood FILE.jsonl" in call_kb(home, "eval", "list", "wood").stdout
    added = call_kb(home, "eval", "add", "wood", home / "animals.jsonl").stdout
    assert f"Kept dataset animals: {len(ANIMALS)} questions" in added
    again = call_kb(home, "eval", "add", "wood", home / "animals.jsonl", status=1).stderr
    assert "A dataset of that name exists already" in one_line(again)
    call_kb(home, "eval", "add", "wood", home / "animals.jsonl", "--replace")

    shown = call_kb(home, "eval", "run", "wood", "--gate", "recall@10:0.9").stdout
    assert cells(shown, "recall@10")[:5] == ["recall@10", "1.000", "1.000", "to", "1.000"]
    assert "Since the run before" not in shown
    good = listed(home)["runs"][0]

    same = call_kb(home, "eval", "run", "wood", "animals", "--gate", "recall@10").stdout
    assert "noise" in next(line for line in same.splitlines() if "recall@10" in line)

    worse = call_kb(
        home, *("eval", "run", "wood", "--filters", FOX_ONLY, "--gate", "recall@10"), status=1
    )
    assert "recall@10 went from 1 to 0.125" in worse.stderr
    assert "more than noise" in worse.stderr
    assert "worse" in next(line for line in worse.stdout.splitlines() if "recall@10" in line)
    bad = listed(home)["runs"][0]

    # Better than the run before, and still not good enough.
    low = call_kb(home, "eval", "run", "wood", "--gate", "mrr:1.01", status=1).stderr
    assert re.search(r"mrr is [\d.]+, demanded 1\.01", low)

    compared = call_kb(home, "eval", "compare", good["uuid"], bad["uuid"]).stdout
    assert "By ndcg@10: 0 questions better, 7 worse, 1 alike." in compared
    assert "What about the owl?" in compared
    as_json = call_kb(
        home, *("eval", "compare", bad["uuid"], good["uuid"], "--star", "mrr", "--json")
    ).stdout
    assert len(json.loads(as_json)["better"]) == len(ANIMALS) - 1

    table = call_kb(home, "eval", "list", "wood").stdout
    assert good["uuid"] in table
    assert "filters" in next(line for line in table.splitlines() if bad["uuid"] in line)

    call_kb(home, "eval", "delete", "wood", "animals", "--yes")
    assert listed(home) == {"datasets": [], "runs": []}


def test_another_index_version_is_asked_by_its_number(home: Path) -> None:
    call_kb(home, "eval", "add", "wood", home / "animals.jsonl", "--name", "again")
    call_kb(home, "index", "build", "wood", "--strategy", "sentence_window")
    done = json.loads(
        call_kb(home, *("eval", "run", "wood", "again", "--index-version", "2", "--json")).stdout
    )
    assert (done["index_version"], done["status"]) == (2, "done")
    assert done["index_settings"]["chunking"]["strategy"] == "sentence_window"
    call_kb(home, "index", "discard", "wood", "2")


def test_a_collection_in_beirs_format_is_loaded_and_run(home: Path) -> None:
    folder = home / "tiny"
    (folder / "qrels").mkdir(parents=True)
    documents = [
        {"_id": name, "title": f"The {name}", "text": text} for name, text in ANIMALS.items()
    ]
    asked = [{"_id": f"q-{name}", "text": f"Who {does}?"} for name, does in ANIMALS.items()]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, asked)))
    judged = [f"q-{name}\t{name}\t1" for name in ANIMALS]
    (folder / "qrels" / "test.tsv").write_text(
        "\n".join(["query-id\tcorpus-id\tscore", *judged]) + "\n"
    )
    loaded = call_kb(home, "eval", "beir", folder).stdout
    assert f"Kept dataset tiny test: {len(ANIMALS)} questions" in loaded
    done = json.loads(call_kb(home, "eval", "run", "tiny", "--alpha", "0", "--json").stdout)
    assert done["metrics"]["ndcg@10"]["mean"] == 1
    assert "char_recall" not in done["metrics"]


def test_mistakes_are_one_sentence(home: Path) -> None:
    (home / "bad.jsonl").write_text('{"question": "Who?", "gold": [{"document": "fox.md"}]}\n{')
    missing = {"question": "Who?", "gold": [{"document": "fox.md", "quote": "It flies."}]}
    (home / "gone.jsonl").write_text(json.dumps(missing))
    call_kb(home, "eval", "add", "wood", home / "animals.jsonl", "--name", "mistakes")
    unknown = "0192e4a7-5c1f-7d8e-9f00-3a2b1c4d5e6f"
    mistakes = {
        ("eval", "add", "wood", home / "bad.jsonl"): "bad.jsonl, line 2",
        ("eval", "add", "wood", home / "gone.jsonl"): "does not say 'It flies.'",
        ("eval", "run", "wood", "nothing"): "Evaluation dataset 'nothing'.",
        ("eval", "run", "wood", "mistakes", "--index-version", "77"): "no index version 77",
        ("eval", "run", "wood", "mistakes", "--filters", "{"): "--filters is no JSON",
        ("eval", "compare", unknown, unknown): f"Evaluation run {unknown}.",
        ("eval", "run", "wood", "mistakes", "--gate", "mrr:x"): "'x' is none",
        ("eval", "generate", "wood"): "set KB_LLM_URL and KB_LLM_MODEL",
        ("eval", "beir", home / "wood"): "corpus.jsonl cannot be read",
    }
    for arguments, says in mistakes.items():
        assert says in one_line(call_kb(home, *arguments, status=1).stderr)
    metric = call_kb(home, "eval", "run", "wood", "mistakes", "--gate", "bleu", status=1).stderr
    assert "'bleu', only recall@1" in metric


def test_the_star_metric_is_set_shown_and_gates_runs(home: Path) -> None:
    call_kb(home, "eval", "add", "wood", home / "animals.jsonl", "--name", "starred")
    assert "ndcg@10, no threshold" in call_kb(home, "eval", "star", "wood").stdout
    refused = call_kb(home, "eval", "star", "wood", "bleu", status=1).stderr
    assert "No run can be judged by this" in one_line(refused)
    assert (
        "Name the metric"
        in call_kb(home, *("eval", "star", "wood", "--threshold", "1"), status=1).stderr
    )
    call_kb(home, "eval", "star", "wood", "recall@1", "--threshold", "0.9")
    shown = json.loads(call_kb(home, "eval", "star", "wood", "--json").stdout)
    assert shown == {"name": "recall@1", "success_threshold": 0.9}

    starred = ("eval", "run", "wood", "starred", "--gate", "star")
    call_kb(home, *starred, "--alpha", "0.5")
    low = call_kb(home, *starred, "--filters", FOX_ONLY, status=1).stderr
    assert "recall@1 is 0.125, demanded 0.9" in low

    call_kb(home, "eval", "star", "wood", "recall@1")
    call_kb(home, *starred)
    fallen = call_kb(home, *starred, "--filters", FOX_ONLY, status=1).stderr
    assert "recall@1 went from 1 to 0.125" in fallen
    call_kb(home, "eval", "delete", "wood", "starred", "--yes")


def test_a_settings_file_says_how_to_cut_and_how_to_ask(home: Path) -> None:
    call_kb(home, "eval", "add", "wood", home / "animals.jsonl", "--name", "by file")
    path = home / "winner.json"
    cut = {"chunking_algorithm": "fixed", "chunking_options": {"max_chunk_size": 120}}
    path.write_text(json.dumps({"index_version": cut, "retrieve": {"alpha": 0.2}}))
    call_kb(home, "index", "build", "wood", "--settings", path, "--overlap", "20")
    versions = json.loads(call_kb(home, "index", "list", "wood", "--json").stdout)
    built = versions[-1]
    assert built["chunking_algorithm"] == "CHUNKING_ALGORITHM_FIXED_LENGTH"
    options = built["chunking_options"]
    assert (options["max_chunk_size"], options["overlap"]) == (120, 20)
    number = str(built["number"])
    done = json.loads(
        call_kb(
            home,
            *("eval", "run", "wood", "by file", "--settings", path, "--json"),
            *("--index-version", number),
        ).stdout
    )
    assert (done["options"]["alpha"], done["index_version"]) == (0.2, built["number"])
    path.write_text('{"retrieve": {"alpha": 7}}')
    for command in (("index", "build", "wood"), ("eval", "run", "wood")):
        said = one_line(call_kb(home, *command, "--settings", path, status=1).stderr)
        assert "winner.json is no settings file: retrieve.alpha" in said
    call_kb(home, "index", "discard", "wood", number)
    call_kb(home, "eval", "delete", "wood", "by file", "--yes")
