"""The command line, as the program that is installed: what it prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.postgres.embedded import EmbeddedPostgres
from tests.kb.commands import call_kb
from tests.kb.programs import KB, Up, data_folder, environment, run_kb, servers_of
from tests.kb.tables import cells, one_line, row

HEAVY = {
    *("fastapi", "psycopg", "numpy", "fastembed", "unstructured", "onnxruntime", "pydantic"),
    *("uvicorn", "fastmcp", "procrastinate", "tokenizers", "docx", "pypdfium2", "lxml"),
}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A data folder with one knowledge base in it, filled once for all tests that only look."""
    with data_folder() as folder:
        files = folder / "files"
        (files / "deep" / ".hidden").mkdir(parents=True)
        (files / "fox.md").write_text("# Animals\n\nThe quick fox jumps over [the lazy] dog.\n")
        (files / "deep" / "owl.txt").write_text("An owl sleeps through the day.\n")
        (files / "deep" / ".hidden" / "secret.txt").write_text("Nobody asked for this.\n")
        (files / ".env").write_text("PASSWORD=hunter2\n")
        (files / "[1] empty.txt").write_text("")
        (files / "corrupt.pdf").write_bytes(b"%PDF-1.7\n\x00\x01\x02 cut short")
        with EmbeddedPostgres(folder):  # so that each command need not start it
            run_kb(folder, "create", "animals")
            yield folder


@pytest.fixture(scope="module")
def added(home: Path) -> str:
    return run_kb(home, "add", "animals", home / "files", status=1).stdout


@pytest.fixture
def filled(home: Path, added: str) -> Path:
    assert added
    return home


def test_adding_a_folder_says_what_became_of_each_file_and_fails_if_one_did(
    added: str,
) -> None:
    assert row(added, "indexed")[:3] == ["indexed", "2", "2"]
    assert row(added, "skipped")[1] == "0"
    assert "files/[1] empty.txt: There is no text in this file." in added
    assert "files/corrupt.pdf: The file is damaged" in added
    assert "hidden" not in added
    assert ".env" not in added


def test_adding_again_skips_what_is_there_and_tries_again_what_failed(filled: Path) -> None:
    again = call_kb(filled, "add", "animals", filled / "files", status=1).stdout
    assert row(again, "indexed")[1] == "0"
    assert row(again, "skipped")[1] == "2"


def test_reconciling_says_that_index_and_catalog_agree(filled: Path) -> None:
    said = call_kb(filled, "reconcile", "animals").stdout
    assert "2 documents have all their chunks" in said
    assert "2 are queued, under way or failed" in said


def test_searching_prints_passages_with_their_sources(filled: Path) -> None:
    found = run_kb(filled, "search", "animals", "quick fox", "--top-k", "1").stdout
    assert "The quick fox jumps over [the lazy] dog." in found
    assert "files/fox.md, Animals" in found
    assert "owl" not in found
    nothing = call_kb(filled, "search", "animals", "zeppelin", "--alpha", "0").stdout
    assert nothing == "Nothing found.\n"


def test_questions_from_standard_input_are_answered_in_their_order(filled: Path) -> None:
    asked = "quick fox\n\n  where does the owl sleep  \n"
    printed = run_kb(filled, "search", "animals", "-", "--json", stdin=asked).stdout
    answers = [json.loads(line) for line in printed.splitlines()]
    tops = [answer["results"][0]["metadata"]["item_name"] for answer in answers]
    assert tops == ["files/fox.md", "files/deep/owl.txt"]
    shown = call_kb(filled, "search", "animals", "-", "--top-k", "1", stdin=asked).stdout
    parts = ("quick fox ─", "The quick fox", "where does the owl sleep ─", "owl sleeps")
    assert sorted(parts, key=shown.index) == list(parts)
    none = call_kb(filled, "search", "animals", "-", stdin="\n", status=1).stderr
    assert "no question" in none


def test_searching_filters_as_the_api_does(filled: Path) -> None:
    owl = '{"equals": {"key": "item_name", "value": "files/deep/owl.txt"}}'
    found = call_kb(filled, "search", "animals", "fox", "--filters", owl).stdout
    assert "owl sleeps" in found
    assert "quick" not in found


def test_json_is_the_same_from_the_command_line_as_over_http(filled: Path) -> None:
    """Beside a running `kb up`, as both may be in use at once."""
    printed = json.loads(call_kb(filled, "search", "animals", "fox dog", "--json").stdout)
    base = json.loads(call_kb(filled, "status", "animals", "--json").stdout)
    listed = json.loads(call_kb(filled, "list", "--json").stdout)
    key = call_kb(filled, "key", "create", "-q").stdout.strip()
    with Up(filled) as up, up.client(key) as http:
        path = f"/v2/gen-ai/knowledge_bases/{base['uuid']}"
        asked = {"query": "fox dog", "num_results": 5}
        assert http.post(f"/v1/{base['uuid']}/retrieve", json=asked).json() == printed
        assert http.get(path).json()["knowledge_base"] == base
        assert http.get("/v2/gen-ai/knowledge_bases").json()["knowledge_bases"] == listed == [base]
    assert printed["total_results"] == 2
    assert base["name"] == "animals"


def test_status_and_list_show_how_documents_stand(filled: Path) -> None:
    status = call_kb(filled, "status", "animals").stdout
    assert "4: 2 indexed, 0 pending, 2 failed" in status
    assert "files/corrupt.pdf" in status
    assert "The file is damaged" in status
    listed = call_kb(filled, "list").stdout
    assert cells(listed, "animals")[:5] == ["animals", "4", "0", "2", "2"]


def test_deleting_asks_first_and_is_for_good(home: Path) -> None:
    call_kb(home, "create", "doomed")
    asked = call_kb(home, "delete", "doomed", status=1)
    assert "Remove doomed for good?" in asked.stdout
    assert call_kb(home, "delete", "doomed", "--yes").stdout == "Removed doomed\n"
    assert "'doomed'" in call_kb(home, "status", "doomed", status=1).stderr


def test_keys_are_made_listed_without_their_secret_and_revoked(home: Path) -> None:
    secret = call_kb(home, "key", "create", "laptop", "-q").stdout
    assert len(secret) == 47
    assert (secret[:3], secret[-1]) == ("kb_", "\n")
    prefix = secret[:10]
    listed = call_kb(home, "key", "list", KB_API_KEY=secret.strip()).stdout
    assert cells(listed, prefix)[1] == "laptop"
    assert secret.strip() not in listed
    assert call_kb(home, "key", "revoke", prefix).stdout == f"Revoked {prefix} (laptop)\n"
    refused = call_kb(home, "list", KB_API_KEY=secret.strip(), status=1)
    assert "KB_API_KEY is wrong or revoked" in refused.stderr


def test_the_doctor_finds_everything_in_order(home: Path) -> None:
    report = run_kb(home, "doctor").stdout
    for what in ("PostgreSQL 18", "pgvector 0.8", "all-mini-lm-l6-v2", "holds with rlimits"):
        assert what in report
    assert not [line for line in report.splitlines() if line.split()[:1] == ["no"]]


def test_the_doctor_says_what_is_wrong(home: Path) -> None:
    report = call_kb(
        home, "doctor", status=1, KB_DATABASE_URL="postgresql://nobody@127.0.0.1:9/none"
    ).stdout
    wrong = [line for line in report.splitlines() if line.split()[:1] == ["no"]]
    assert len(wrong) == 1
    assert "database" in wrong[0]


def test_a_mistake_is_one_sentence_and_status_1(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    mistakes: dict[tuple[str | Path, ...], str] = {
        ("search", "no[/]where", "fox"): "Knowledge base 'no[/]where'.",
        ("search", "animals", "fox", "--filters", "{"): "--filters is no JSON",
        ("create", "animals"): "exists already",
        ("create", "not good"): "2 to 63 letters",
        ("add", "animals", tmp_path / "empty"): "There are no files",
        ("delete", "animals", "--document", "x", "--yes"): "Document 'x'.",
    }
    for arguments, says in mistakes.items():
        done = call_kb(home, *arguments, status=1)
        assert one_line(done.stderr).startswith("Error:")
        assert says in done.stderr
        assert done.stdout == ""
    done = run_kb(home, "search", "no[/]where", "fox", status=1)
    assert "Knowledge base 'no[/]where'." in one_line(done.stderr)


def test_a_wrong_setting_is_named_before_anything_starts(tmp_path: Path) -> None:
    done = run_kb(tmp_path, "list", status=2, KB_PORT="http", KB_WORKER_CONCURRENCY="0")
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
        "KB_PORT",
        "KB_WORKER_CONCURRENCY",
    ]
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_is_status_2(tmp_path: Path) -> None:
    for arguments in (
        ("nothing",),
        ("search", "a"),
        ("search", "a", "b", "--alpha", "2"),
        ("add", "a", "/does/not/exist"),
    ):
        assert call_kb(tmp_path, *arguments, status=2).stderr
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_started_postgresql_stops_it() -> None:
    with data_folder() as folder:
        assert "kb create" in run_kb(folder, "list").stdout
        assert (folder / "postgres" / "data").is_dir()
        assert servers_of(folder) == []


def test_help_answers_at_once_and_loads_nothing_heavy(tmp_path: Path) -> None:
    seconds: list[float] = []
    shown = ""
    for _ in range(5):
        start = time.monotonic()
        shown = run_kb(tmp_path, "--help").stdout
        seconds.append(time.monotonic() - start)
    assert all(command in shown for command in ("up", "add", "search", "doctor", "key"))
    assert min(seconds) < 1.5  # 0.3 s where nothing else runs
    loaded = loaded_by(tmp_path, "--help")
    assert "typer" in loaded
    assert HEAVY & loaded == set()


def test_a_command_that_only_looks_loads_no_server_parser_or_crawler(home: Path) -> None:
    loaded = loaded_by(home, "list")
    assert "psycopg" in loaded
    others = {"fastapi", "fastembed", "unstructured", "onnxruntime", "tokenizers", "uvicorn"}
    others |= {"lxml", "httpcore", "obstore", "cryptography", "requests", "kb.worker"}
    assert others & loaded == set()


def loaded_by(home: Path, *arguments: str) -> set[str]:
    """The modules that a command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", KB, *arguments],
        env=environment(home, {}),
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    import kb

    assert run_kb(tmp_path, "--version").stdout == f"kb {kb.__version__}\n"
