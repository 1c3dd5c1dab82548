"""`kb up`, as the program that is installed: starting, stopping, and coming back from any death."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from kb.postgres.home import Home
from kb.working import WATCH_SECONDS
from tests.kb.programs import (
    Up,
    data_folder,
    eventually,
    has_ended,
    kill_all,
    run_kb,
    servers_of,
)

BASES = "/v2/gen-ai/knowledge_bases"
DOCUMENTS = 8
SECTIONS = 16
STATES = {"pending", "running", "indexed", "failed"}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A data folder on which `kb up` ran before."""
    with data_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def first(home: Path) -> str:
    """What the very first start printed; its key opens the API for the other tests."""
    with Up(home) as up:
        assert httpx.get(f"{up.url}/readyz", timeout=30).status_code == 200
        assert up.key
        with up.client() as http:
            assert http.get(BASES).json()["knowledge_bases"] == []
        ends_well(up, signal.SIGTERM)
    return up.output


@pytest.fixture
def key(first: str) -> str:
    return next(word for word in first.split() if word.startswith("kb_"))


def test_the_first_start_prints_a_key_that_opens_the_api(first: str, key: str) -> None:
    assert "shown this once" in first
    assert first.count(key) == 2  # once on its own and once in the line for MCP
    assert f'"Authorization": "Bearer {key}"' in first


def test_a_later_start_is_quick_and_prints_where_it_is_but_no_key(home: Path, key: str) -> None:
    with Up(home) as up:
        assert time.monotonic() - up.started < 20  # 3 s where nothing else runs
        ready = httpx.get(f"{up.url}/readyz", timeout=30)
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        assert httpx.get(f"{up.url}/healthz", timeout=30).json()["status"] == "ok"
        assert httpx.get(f"{up.url}/docs", timeout=30).status_code == 200
        assert up.url in up.lines[0]
        assert up.key is None
        assert "kb key create" in up.output
        entry = up.config()["mcpServers"]["kb"]
        assert entry["url"] == f"{up.url}/v1/mcp"
        listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        accept = {"accept": "application/json, text/event-stream"}
        headers = {**accept, "authorization": f"Bearer {key}"}
        answer = httpx.post(entry["url"], json=listing, headers=headers, timeout=30)
        assert len(answer.json()["result"]["tools"]) == 2
        ends_well(up, signal.SIGINT)


def test_an_idle_connection_is_kept_longer_than_clients_keep_it(home: Path, key: str) -> None:
    with Up(home) as up, up.client(key) as http:
        connection = HTTPConnection(http.base_url.host, http.base_url.port, timeout=60)
        for idle in (0, 7):
            time.sleep(idle)
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
        connection.close()


def ends_well(up: Up, number: signal.Signals) -> None:
    """Told to stop, it ends with status 0, and everything that it started ends with it."""
    assert servers_of(up.data_dir)
    own = psutil.Process(up.process.pid).children(recursive=True)
    up.process.send_signal(number)
    assert up.wait() == 0
    assert up.output.endswith("Stopped.\n")
    assert servers_of(up.data_dir) == []
    assert all(map(has_ended, own))
    assert "Traceback" not in up.output


def test_a_port_that_is_taken_is_named(home: Path, key: str) -> None:
    assert key
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_kb(home, "up", "--port", str(port), status=1)
    assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "--port 0" in done.stderr


def test_a_database_that_cannot_be_reached_is_one_sentence(home: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:9/none"
    done = run_kb(home, "up", "--port", "0", status=1, KB_DATABASE_URL=url)
    assert "Error: The database does not answer" in done.stderr


def document(number: int) -> str:
    """Text that takes a while to embed, with a word in it that is in no other."""
    sections = (
        f"## Section {section}\n\nStation {number} keeps the log of instrument {section}. "
        + f"The lamp of word{number}x burns while the dome turns and the night goes on. " * 6
        for section in range(SECTIONS)
    )
    return f"# Log {number}\n\n" + "\n\n".join(sections)


def send(http: httpx.Client, base: str, number: int) -> str:
    files = {"file": (f"log-{number}.md", document(number).encode())}
    answer = http.post(f"{BASES}/{base}/documents", files=files)
    assert answer.status_code == 200, answer.text
    return answer.json()["document"]["uuid"]


def states(http: httpx.Client, base: str) -> dict[str, str]:
    """Status by document."""
    body = http.get(f"{BASES}/{base}/documents", params={"per_page": 200}).json()
    return {one["uuid"]: one["status"] for one in body["documents"]}


def test_kill_9_of_everything_while_documents_are_indexed_loses_and_doubles_none(
    home: Path, key: str
) -> None:
    with Up(home) as up, up.client(key) as http:
        base = http.post(BASES, json={"name": "logs"}).json()["knowledge_base"]["uuid"]
        acknowledged = {send(http, base, number) for number in range(DOCUMENTS)}
        eventually(lambda: "indexed" in states(http, base).values())
        jailed = psutil.Process(up.process.pid).children(recursive=True)
        assert jailed
        found = states(http, base)
        assert {"running", "pending"} & set(found.values()), "it was over too soon"
        postgres = servers_of(home)
        assert len(postgres) > 5
        os.kill(up.process.pid, signal.SIGSTOP)  # so that nothing of it sees the others die
        kill_all(postgres)
        up.kill()
        eventually(lambda: all(map(has_ended, jailed)), seconds=20)
        assert servers_of(home) == []
    with Up(home) as up, up.client(key) as http:
        assert states(http, base).keys() == acknowledged
        eventually(lambda: set(states(http, base).values()) == {"indexed"}, seconds=120)
        for number in range(DOCUMENTS):
            request = {"query": f"word{number}x", "alpha": 0, "num_results": 100}
            body = http.post(f"/v1/{base}/retrieve", json=request).json()
            spans = [
                (one["citation"]["char_start"], one["citation"]["char_end"])
                for one in body["results"]
            ]
            names = {one["metadata"]["item_name"] for one in body["results"]}
            assert names == {f"log-{number}.md"}
            assert len(spans) == len(set(spans)) >= SECTIONS / 4
        compare_store_and_ledger(home, base)
        job: dict[str, Any] = http.get(f"{BASES}/{base}").json()["knowledge_base"]
        assert job["last_indexing_job"]["status"] == "INDEX_JOB_STATUS_COMPLETED"
        assert job["last_indexing_job"]["total_items_indexed"] == str(DOCUMENTS)


def compare_store_and_ledger(home: Path, base: str) -> None:
    """Chunks by document, as the index holds them, as it counted them, and as the ledger says."""
    with psycopg.connect(Home.at(home).dsn("postgres")) as superuser:
        rows = superuser.execute(
            "SELECT i.id, sum(l.chunks), count(*) FROM kb.index_versions i"
            " JOIN kb.ledger l ON l.index_version_id = i.id AND l.status = 'indexed'"
            " WHERE i.knowledge_base_id = %s GROUP BY i.id",
            [base],
        ).fetchall()
        ((index, chunks, documents),) = rows
        table = index.hex
        held = superuser.execute(
            f"SELECT count(*), count(DISTINCT (document_id, char_start)),"
            f" count(DISTINCT document_id) FROM kb.chunks_{table}".encode()
        ).fetchone()
        counted = superuser.execute(
            f"SELECT chunks FROM kb.terms_{table} WHERE term = -1".encode()
        ).fetchone()
        wrong = superuser.execute(
            f"SELECT count(*) FROM kb.terms_{table} t JOIN"
            f" (SELECT unnest(terms) AS term, count(*) AS n FROM kb.words_{table} GROUP BY 1) c"
            f" USING (term) WHERE t.chunks <> c.n".encode()
        ).fetchone()
        queued = superuser.execute(
            "SELECT count(*) FROM kb.procrastinate_jobs WHERE task_name = 'index_document'"
        ).fetchone()
    assert held == (chunks, chunks, documents)
    assert counted == (chunks,)
    assert (wrong, queued) == ((0,), (0,))


def test_postgresql_killed_alone_comes_back_under_the_running_service(home: Path, key: str) -> None:
    with Up(home) as up, up.client(key) as http, ThreadPoolExecutor(1) as beside:
        base = http.post(BASES, json={"name": "restarted"}).json()["knowledge_base"]["uuid"]
        with (home / "postgres" / "turn.lock").open() as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)  # nobody starts it meanwhile
            kill_all(servers_of(home))
            is_not_ready(http)
            waiting = beside.submit(http.get, BASES)
        assert waiting.result(60).status_code in (200, 503)
        eventually(lambda: http.get("/readyz").status_code == 200, seconds=20 + WATCH_SECONDS)
        assert "restarted" in http.get(BASES).text
        send(http, base, 1)
        eventually(lambda: set(states(http, base).values()) == {"indexed"})
        request = {"query": "word1x", "num_results": 1}
        assert http.post(f"/v1/{base}/retrieve", json=request).json()["total_results"] == 1
        postgres = servers_of(home)
        for process in postgres:
            process.suspend()
        try:
            is_not_ready(http)
        finally:
            for process in postgres:
                process.resume()
        eventually(lambda: http.get("/readyz").status_code == 200)


def is_not_ready(http: httpx.Client) -> None:
    """Says so soon, as a load balancer wants it, and is alive nonetheless."""
    start = time.monotonic()
    ready = http.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["id"] == "service_unavailable"
    assert "database" in ready.json()["message"]
    assert time.monotonic() - start < 10  # 3 s where nothing else runs
    assert http.get("/healthz").status_code == 200
