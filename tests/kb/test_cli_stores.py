"""Knowledge bases in Weaviate, by command: made there, moved there and back, served from there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kb.postgres.embedded import EmbeddedPostgres
from retrieval.stores.weaviate_address import WeaviateAddress
from tests.kb.commands import call_kb
from tests.kb.programs import Up, data_folder, eventually, has_ended, run_kb, weaviate_of
from tests.kb.tables import one_line
from tests.retrieval.stores.weaviate_program import weaviate_program

GUIDE = "# Guide\n\n" + "\n\n".join(
    f"## Part {n}\n\n" + f"The {name} is kept in drawer {n}. " * 20
    for n, name in enumerate(("pump", "valve", "motor", "hinge"))
)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A data folder whose database runs, so that no command needs to start it."""
    with data_folder() as folder, EmbeddedPostgres(folder):
        (folder / "guide.md").write_text(GUIDE)
        yield folder


@pytest.fixture
def there(weaviate: WeaviateAddress) -> dict[str, Any]:
    """The settings that name the server."""
    return {
        "KB_WEAVIATE_URL": weaviate.url,
        "KB_WEAVIATE_GRPC_PORT": str(weaviate.grpc_port),
        "KB_WEAVIATE_API_KEY": weaviate.api_key or "",
    }


def versions(home: Path, knowledge_base: str, **settings: Any) -> dict[int, tuple[str, str]]:
    """Store and state by number."""
    done = call_kb(home, "index", "list", knowledge_base, **settings)
    lines = [line.split() for line in done.stdout.splitlines()[1:]]
    return {
        int(number): ("weaviate" if "weaviate" in rest else "pgvector", state)
        for number, state, *rest in lines
    }


def found(home: Path, knowledge_base: str, query: str, **settings: Any) -> list[str]:
    done = call_kb(home, "search", knowledge_base, query, "--json", **settings)
    return [one["text_content"] for one in json.loads(done.stdout)["results"]]


def test_a_knowledge_base_moves_to_weaviate_and_back(home: Path, there: dict[str, Any]) -> None:
    call_kb(home, "create", "guide", "--max-chunk-size", "100")
    call_kb(home, "add", "guide", home / "guide.md")
    before = found(home, "guide", "where is the valve?")

    moved = call_kb(home, "migrate-store", "guide", "weaviate", **there).stdout
    assert "chunks are in weaviate, 0 of them embedded anew; index version 2 answers" in moved
    assert "kb index rollback guide" in moved
    assert "kb index discard guide 1" in moved
    assert versions(home, "guide", **there) == {
        1: ("pgvector", "previous"),
        2: ("weaviate", "live"),
    }
    assert found(home, "guide", "where is the valve?", **there)[0] == before[0]
    why = call_kb(home, "why", "guide", "where is the valve?", "guide.md", **there).stdout
    assert "found" in why.lower()
    again = call_kb(home, "migrate-store", "guide", "weaviate", **there).stdout
    assert again == "guide is in weaviate already.\n"

    rolled = call_kb(home, "index", "rollback", "guide", **there).stdout
    assert rolled == "Index version 1 answers the queries again.\n"
    assert found(home, "guide", "where is the valve?") == before
    assert (
        "index version 2 answers"
        in call_kb(home, "migrate-store", "guide", "weaviate", **there).stdout
    )
    back = call_kb(home, "migrate-store", "guide", "pgvector", **there).stdout
    assert "chunks are in pgvector, 0 of them embedded anew; index version 1 answers" in back
    call_kb(home, "index", "discard", "guide", "2", **there)
    assert versions(home, "guide") == {1: ("pgvector", "live")}


def test_what_is_only_queued_is_flipped_by_the_next_run(home: Path, there: dict[str, Any]) -> None:
    call_kb(home, "create", "queued")
    call_kb(home, "add", "queued", home / "guide.md")
    said = call_kb(home, "migrate-store", "queued", "weaviate", "--no-wait", **there).stdout
    assert "Queued index version 2" in said
    assert "kb migrate-store queued weaviate" in said
    assert versions(home, "queued", **there)[1] == ("pgvector", "live")
    said = call_kb(home, "migrate-store", "queued", "weaviate", **there).stdout
    assert "index version 2 answers" in said
    call_kb(home, "delete", "queued", "--yes", **there)


def test_one_may_be_made_there(home: Path, there: dict[str, Any]) -> None:
    call_kb(home, "create", "weaved", "--store", "weaviate", **there)
    call_kb(home, "add", "weaved", home / "guide.md", **there)
    assert versions(home, "weaved", **there) == {1: ("weaviate", "live")}
    assert "drawer 2" in found(home, "weaved", "where is the motor?", **there)[0]
    without = call_kb(home, "search", "weaved", "motor", status=1).stderr
    assert "This installation has no such store." in one_line(without)
    assert "KB_WEAVIATE_URL" in without
    call_kb(home, "delete", "weaved", "--yes", **there)


def test_the_doctor_says_which_weaviate_there_is(home: Path, there: dict[str, Any]) -> None:
    report = run_kb(home, "doctor", **there).stdout
    assert re.search(r"ok +weaviate +Weaviate 1\.\d+\.\d+ \(KB_WEAVIATE_URL\)", report)
    gone = {**there, "KB_WEAVIATE_URL": "http://127.0.0.1:9"}
    report = run_kb(home, "doctor", status=1, **gone).stdout
    assert re.search(r"no +weaviate +The store does not answer", report)


def test_vectors_may_be_kept_and_cut_otherwise(home: Path) -> None:
    call_kb(home, "create", "bits", "--vector-storage", "binary")
    call_kb(home, "add", "bits", home / "guide.md")
    assert "drawer 2" in found(home, "bits", "where is the motor?")[0]
    built = call_kb(home, "index", "build", "bits", "--vector-storage", "float", "--promote").stdout
    assert "It answers the queries now." in built
    listed = json.loads(call_kb(home, "index", "list", "bits", "--json").stdout)
    assert [one["vector_storage"] for one in listed] == ["binary", "float"]
    assert [one["embedded_chunks"] > 0 for one in listed] == [True, False]
    for command in (("create", "cut"), ("index", "build", "bits")):
        refused = call_kb(home, *command, "--dimensions", "128", status=1).stderr
        assert "all-mini-lm-l6-v2 has 384, not 128" in one_line(refused)


def test_mistakes_with_stores_are_one_sentence(home: Path) -> None:
    call_kb(home, "create", "mistaken")
    unknown = call_kb(home, "migrate-store", "mistaken", "nowhere", status=2).stderr
    assert "'pgvector'" in unknown
    assert "'weaviate'" in unknown
    missing = call_kb(
        home, "migrate-store", "mistaken", "weaviate", status=1, PATH=str(home)
    ).stderr
    assert "There is no program `weaviate-server` on the PATH." in one_line(missing)
    assert "go install" in missing
    assert versions(home, "mistaken") == {1: ("pgvector", "live")}
    assert call_kb(home, "search", "mistaken", "anything").stdout


@pytest.fixture(scope="module")
def on_path() -> str:
    """A PATH that has the program."""
    return os.pathsep.join([str(weaviate_program().parent), os.environ["PATH"]])


def test_up_serves_from_a_weaviate_of_its_own_which_comes_back_when_it_is_killed(
    on_path: str,
) -> None:
    bases = "/v2/gen-ai/knowledge_bases"
    with data_folder() as folder:
        with Up(folder, "--store", "weaviate", PATH=on_path) as up, up.client() as http:
            (server,) = weaviate_of(folder)
            base = http.post(bases, json={"name": "guide"}).json()["knowledge_base"]["uuid"]
            (index,) = http.get(f"{bases}/{base}/index_versions").json()["index_versions"]
            assert index["store"] == "weaviate"
            http.post(f"{bases}/{base}/documents", files={"file": ("guide.md", GUIDE.encode())})

            def ask() -> httpx.Response:
                return http.post(f"/v1/{base}/retrieve", json={"query": "where is the hinge?"})

            eventually(lambda: ask().json().get("results"))
            server.kill()
            answers = [ask()]
            while answers[-1].status_code != 200:
                answers.append(ask())
            assert {one.status_code for one in answers} <= {200, 503}
            assert "drawer 3" in answers[-1].json()["results"][0]["text_content"]
            (back,) = weaviate_of(folder)
            assert back != server
            up.stop()
        assert has_ended(back)
        # Used before, it is there for those who do not ask for it.
        listed = run_kb(folder, "list", PATH=on_path).stdout
        assert "guide" in listed
        said = run_kb(folder, "search", "guide", "where is the hinge?", PATH=on_path).stdout
        assert "drawer 3" in said
        missing = run_kb(folder, "search", "guide", "hinge", status=1, PATH=str(folder)).stderr
        assert "There is no program `weaviate-server`" in missing
        assert "guide" in run_kb(folder, "list", PATH=str(folder)).stdout


def test_a_base_that_moves_while_up_serves_it_goes_on_answering(on_path: str) -> None:
    with data_folder() as folder:
        (folder / "guide.md").write_text(GUIDE)
        with Up(folder, PATH=on_path) as up, up.client() as http:
            run_kb(folder, "create", "guide")
            run_kb(folder, "add", "guide", folder / "guide.md")
            said = run_kb(folder, "migrate-store", "guide", "weaviate", PATH=on_path).stdout
            assert "index version 2 answers" in said
            bases = http.get("/v2/gen-ai/knowledge_bases").json()["knowledge_bases"]
            query = {"query": "where is the hinge?"}
            answer = http.post(f"/v1/{bases[0]['uuid']}/retrieve", json=query)
            assert answer.status_code == 200, answer.text
            assert answer.json()["index_version"] == 2
            assert "drawer 3" in answer.json()["results"][0]["text_content"]
            up.stop()


def test_up_without_the_program_says_how_to_get_it() -> None:
    with data_folder() as folder:
        path = str(folder)
        done = run_kb(folder, "up", "--port", "0", "--store", "weaviate", status=1, PATH=path)
        assert "There is no program `weaviate-server` on the PATH." in one_line(done.stderr)
        assert "go install" in done.stderr
        assert "KB_WEAVIATE_URL" in done.stderr
